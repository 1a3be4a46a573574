"""A torch network around an operation, and the comparison of an imported network with torch."""

import numpy as np
import torch
from torch import nn

from onnx_forms import logits, pixels
from spikelet_converters.conversion.check import check_graph

SHAPE = (3, 9, 9)


class Net(nn.Module):
    """A convolution, the operation of a test, and a convolution, ReLU, global mean and linear layer of any width."""

    def __init__(self, between, layer=None, channels=4):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.last, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(channels, 4, 1), nn.Linear(4, 5)
        self.scale = nn.Parameter(torch.tensor([0.5, 1.5, 1.0, 0.7]).reshape(4, 1, 1))
        self.layer, self.between = layer, between
        with torch.no_grad():
            self.conv.weight /= 50
            self.fc.weight *= 3

    def forward(self, x):
        x = self.conv(x)
        x = self.between(x) if self.layer is None else self.layer(torch.relu(x))
        return self.fc(torch.relu(self.last(x)).mean(dim=(2, 3)))


def compare(network, source, shape=SHAPE, images=None):
    images = pixels(shape) if images is None else images
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).numpy()
    actual = logits(source, images.reshape(len(images), *source.shape))
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 1e-3, "the network must distinguish the inputs"
    assert check_graph(source, None) < 1e-3 * np.abs(expected).max()
