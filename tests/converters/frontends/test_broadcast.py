"""Sums and concatenations of values of which axes of size 1 are repeated, such as the mean of an image."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW, logits, model, n, pixels, session, tail
from onnx_forms import SHAPE as IMAGE
from onnx_forms import conv as conv_node
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.torch import from_module, from_program

SHAPE = (3, 9, 8)
FORMS = {
    "mean added": lambda x: x + x.mean((2, 3), keepdim=True),
    "mean subtracted": lambda x: torch.relu(x - x.mean((2, 3), keepdim=True)),
    "maximum added": lambda x: F.adaptive_max_pool2d(x, 1) + x,
    "mean of rows added": lambda x: x + x.mean(3, keepdim=True),
    "mean of columns added": lambda x: x + x.mean(2, keepdim=True),
    "means of rows and columns": lambda x: x.mean(3, keepdim=True) + x.mean(2, keepdim=True),
    "one channel added": lambda x: x + x[:, 1:2],
    "expand": lambda x: torch.cat([x[:, :2], x.mean((2, 3), keepdim=True).expand(-1, -1, 7, 6)[:, 2:]], 1),
    "expand_as": lambda x: x + F.adaptive_avg_pool2d(x, 1).expand_as(x),
    "channels last": lambda x: (x.permute(0, 2, 3, 1) + x.mean((2, 3), keepdim=True).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
}  # fmt: skip


class Net(nn.Module):
    def __init__(self, between, line=False):
        super().__init__()
        torch.manual_seed(1)
        layer = nn.Conv1d if line else nn.Conv2d
        self.first, self.second, self.last = layer(3, 4, 3), layer(4, 4, 3), nn.Linear(4, 5)
        self.between = between
        with torch.no_grad():
            self.first.weight /= 50

    def forward(self, x):
        x = torch.relu(self.second(self.between(torch.relu(self.first(x)))))
        return self.last(x.flatten(2).mean(2))


def check(network, shape):
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels(shape))).numpy()
    program = torch.export.export(network, (torch.zeros(2, *shape),))
    for source in (from_module(network, shape, RAW), from_program(program, RAW)):
        images = pixels(shape).reshape(-1, *source.shape)
        assert np.allclose(logits(source, images), expected, atol=1e-4 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-2


@pytest.mark.parametrize("form", FORMS)
def test_axes_of_size_1_are_repeated(form):
    check(Net(FORMS[form]).eval(), SHAPE)


def test_the_mean_of_a_line():
    check(Net(lambda x: x + x.mean(2, keepdim=True), line=True).eval(), (3, 20))


def test_the_mean_of_an_image_in_an_onnx_file(tmp_path):
    nodes = [
        conv_node(),
        n("Relu", ["c"], ["e"]),
        n("GlobalAveragePool", ["e"], ["pooled"]),
        n("Add", ["pooled", "e"], ["r"]),
        *tail(),
    ]
    path = model(tmp_path / "a.onnx", nodes)
    source, images = read(path, RAW), pixels(IMAGE)
    expected = session(path, images)
    assert np.allclose(logits(source, images), expected, atol=1e-4 * np.abs(expected).max())
    assert check_graph(source, None) < 1e-2


def test_other_shapes_are_refused():
    with pytest.raises(ConversionError, match="adds shapes"):
        from_module(Net(lambda x: x[:, :2].mean((2, 3), keepdim=True) + x).eval(), SHAPE, RAW)
