"""Calls of torch in their usual forms: the imported graph computes the same as the network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW, logits, pixels
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch import from_module

SHAPE = (3, 9, 9)


class Net(nn.Module):
    """A convolution, a function, a convolution, ReLU, global mean and linear layer, and a function at the end."""

    def __init__(self, between=torch.relu, end=lambda x: x, layer=None, last=None):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.conv2, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)
        self.layer = nn.Identity() if layer is None else layer
        self.last = nn.Identity() if last is None else last
        self.dropout = nn.Dropout()
        self.between, self.end = between, end
        with torch.no_grad():
            self.conv.weight /= 50
            self.fc.weight *= 3

    def forward(self, x):
        x = self.layer(self.between(self.conv(x)))
        x = torch.relu(self.conv2(x))
        return self.last(self.end(self.fc(x.mean(dim=(2, 3)))))


BETWEEN = {
    "times a number": lambda x: torch.relu(x * 0.5),
    "a number times": lambda x: torch.relu(0.5 * x),
    "over a number": lambda x: torch.relu(x / 2),
    "plus a number": lambda x: torch.relu(x + 0.25),
    "minus a number": lambda x: torch.relu(x - 0.25),
    "a number minus": lambda x: torch.relu(0.25 - x),
    "a product behind a rectifier": lambda x: torch.relu(x) * 3.0,
    "a sum behind a rectifier": lambda x: torch.relu(x) + 0.5,
    "a product of a value that is used twice": lambda x: torch.relu(x * 0.5) + torch.relu(x),
    "average pool": lambda x: F.avg_pool2d(torch.relu(x), 2),
    "average pool with zeros that count": lambda x: F.avg_pool2d(torch.relu(x), 3, 2, 1),
    "average pool with zeros that do not count": lambda x: F.avg_pool2d(
        torch.relu(x), kernel_size=3, stride=2, padding=1, count_include_pad=False
    ),
    "average pool with ceil_mode": lambda x: F.avg_pool2d(torch.relu(x), 2, ceil_mode=True),
}


@pytest.mark.parametrize("between", BETWEEN)
def test_a_call_between(between):
    network = Net(BETWEEN[between]).eval()
    source = from_module(network, SHAPE, RAW)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels(SHAPE))).numpy()
    assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-4 * np.abs(expected).max())
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    assert check_graph(source, None) < 1e-2


@pytest.mark.parametrize("layer", [nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True),
                                   nn.AvgPool2d(3, 2, 1, count_include_pad=False)], ids=str)  # fmt: skip
def test_a_padded_pool(layer):
    network = Net(layer=layer).eval()
    source = from_module(network, SHAPE, RAW)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels(SHAPE))).numpy()
    assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-4 * np.abs(expected).max())


ENDS = {
    "softmax": (lambda x: F.softmax(x, dim=1), None, "softmax"),
    "torch.softmax": (lambda x: torch.softmax(x, -1), None, "softmax"),
    "x.softmax": (lambda x: x.softmax(dim=1), None, "softmax"),
    "log_softmax": (lambda x: F.log_softmax(x, 1), None, "log_softmax"),
    "log of softmax": (lambda x: torch.softmax(x, 1).log(), None, "log_softmax"),
    "log_softmax of softmax": (lambda x: F.log_softmax(x.softmax(1), 1), None, "log_softmax_of_softmax"),
    "softmax twice": (lambda x: x.softmax(1), nn.Softmax(1), "softmax_of_softmax"),
    "sigmoid": (torch.sigmoid, None, "sigmoid"),
    "Softmax": (lambda x: x, nn.Softmax(1), "softmax"),
    "LogSoftmax": (lambda x: x, nn.LogSoftmax(dim=-1), "log_softmax"),
    "Sigmoid": (lambda x: x, nn.Sigmoid(), "sigmoid"),
    "tanh": (torch.tanh, None, "tanh"),
    "Tanh": (lambda x: x, nn.Tanh(), "tanh"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_function_of_the_logits_at_the_end(end):
    function, last, ending = ENDS[end]
    source = from_module(Net(end=function, last=last).eval(), SHAPE)
    assert source.ending == ending
    plain = from_module(Net().eval(), SHAPE)
    assert np.array_equal(logits(source, pixels(SHAPE)), logits(plain, pixels(SHAPE)))
    assert check_graph(source, None) < 1e-2
    if "softmax" in ending:
        with pytest.raises(ConversionError, match="computes other outputs than the network"):
            check_graph(replace(source, graph=from_module(Net(lambda x: 0.9 * x).eval(), SHAPE).graph), None)


def test_a_max_pool_that_is_replaced():
    network = Net(lambda x: F.max_pool2d(torch.relu(x), 2)).eval()
    source = from_module(network, SHAPE, RAW, max_pools="average")
    assert len(source.maxima) == 1
    assert check_graph(source, None) < 1e-2
    padded = Net(lambda x: F.max_pool2d(torch.relu(x), 3, stride=2, padding=1)).eval()
    with pytest.raises(ConversionError, match="with dilation, which no average pool replaces"):
        from_module(padded, SHAPE, RAW, max_pools="average")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.relu(x * x), "fold the factor into the weights"),
        (lambda x: torch.relu(x / 0), "divides by zero"),
        (lambda x: torch.relu(x).mean(0), r"a sum or mean over axes \[0\] is not supported"),
        (lambda x: torch.softmax(x, 1), "leave it out"),
        (lambda x: F.max_pool2d(torch.relu(x), 2, return_indices=True)[0], "expected return_indices=False"),
        (lambda x: (x > 0).float(), "a comparison of activations has no spiking form"),
        (lambda x: torch.relu(x).fliplr(), r"mirror pixels with flip\(x, \[2\]\) or \[3\]"),
        (lambda x: torch.relu(x).flip(0), "gathers along axis 0; expected the channels"),
        (lambda x: torch.relu(x).roll(1), r"moves by \[1\] along axes \[\]; expected one of each"),
        (lambda x: torch.ones(3, 9) @ torch.relu(x), "on its left, W x; expected x W"),
        (lambda x: torch.exp(x), "write a softmax at the end as one operation"),
        (lambda x: torch.flatten(x), "flattens axes 0 to 3; expected all but the batch"),
        (lambda x: F.adaptive_max_pool2d(torch.relu(x), 2), "takes maxima of windows of different sizes"),
        (lambda x: F.max_pool2d(x, 2) * 2 + 1, r"`boolean_dispatch` .*: takes maxima of values that may be negative"),
    ],
)
def test_what_is_refused(function, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(function).eval(), SHAPE, RAW)


def test_an_image_without_an_axis_of_channels():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    with pytest.raises(ConversionError, match="takes values of 4 axes, .* state its one channel with --input 1x8x8"):
        from_module(network, (8, 8))
