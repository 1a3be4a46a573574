"""Pixels that torch code moves to channels or back by view, permute and view: the graph computes the outputs of torch."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from onnx_forms import RAW, logits, pixels
from spikelet.errors import ConversionError
from spikelet_converters.frontends import onnx
from spikelet_converters.frontends.torch import from_module, from_program

SHAPE = (3, 8, 10)


class Net(nn.Module):
    """A convolution to 4 channels, the operation of a test, and a layer of its output."""

    def __init__(self, between, last):
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.between, self.last = nn.Conv2d(3, 4, 3), between, last()
        with torch.no_grad():
            self.conv.weight /= 50

    def forward(self, x):
        return self.last(self.between(torch.relu(self.conv(x)))).flatten(2).mean(2)


class Features(Net):
    def forward(self, x):
        return self.last(self.between(torch.relu(self.conv(x))))


def blocks(x):
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2)


def from_channels(x):
    return x.unflatten(1, (-1, 2, 2)).permute(0, 1, 4, 2, 5, 3).flatten(2, 3).flatten(3)


def conv(channels):
    return lambda: nn.Conv2d(channels, 5, (2, 1))


MOVES = {
    "to channels, sizes of blocks first": (lambda x: blocks(x).permute(0, 3, 5, 1, 2, 4).reshape(-1, 16, 3, 4), conv(16)),
    "to channels, by transpose": (lambda x: blocks(x).transpose(3, 4).reshape(-1, 4, 3, 4, 4).transpose(2, 4).transpose(3, 4)
                                  .reshape(-1, 16, 3, 4), conv(16)),
    "to channels, one axis at a time": (lambda x: x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 1, 3, 5, 2, 4)
                                        .flatten(1, 3), conv(16)),
    "from channels": (from_channels, conv(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_pixels_moved_by_views_are_read_from_modules_and_programs(name):
    network = Net(*MOVES[name]).eval()
    program = torch.export.export(network, (torch.rand(2, *SHAPE),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    compare(network, from_module(network, SHAPE, RAW))
    compare(network, from_program(program, RAW))


@pytest.mark.parametrize("larger", [
    lambda x: x[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 3).reshape(x.shape[0], 4, 12, 24),
    lambda x: x.unsqueeze(3).repeat(1, 1, 1, 2, 1).view(-1, 4, 12, 8),
])  # fmt: skip
def test_pixels_that_are_repeated_by_views(larger, tmp_path):
    network = Net(larger, conv(4)).eval()
    compare(network, from_module(network, SHAPE, RAW))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the exporter
        torch.onnx.export(network, (torch.rand(2, *SHAPE),), tmp_path / "a.onnx", dynamo=False, input_names=["x"],
                          dynamic_axes={"x": [0]})  # fmt: skip
    compare(network, onnx.read(tmp_path / "a.onnx", RAW))


@pytest.mark.parametrize("between", [
    lambda x: x.unsqueeze(3).repeat(1, 1, 1, 2, 1).flatten(1), lambda x: blocks(x)[:, 1:],
    lambda x: x.unsqueeze(3).repeat(1, 2, 1, 2, 1).flatten(2, 3), lambda x: x.unsqueeze(3).repeat(2, 1, 1, 2, 1),
])  # fmt: skip
def test_other_repetitions_of_views_are_refused(between):
    with pytest.raises(ConversionError, match=r"reshaped from \(N, 4, 6, 8\); expected"):
        from_module(Features(between, nn.Identity).eval(), SHAPE, RAW)


def test_patches_flattened_for_a_linear_layer():
    network = Features(lambda x: blocks(x).permute(0, 2, 4, 5, 3, 1).flatten(1), lambda: nn.Linear(192, 6)).eval()
    compare(network, from_module(network, SHAPE, RAW))


@pytest.mark.parametrize("between", [lambda x: torch.relu(blocks(x)), lambda x: blocks(x).unsqueeze(1), blocks,
                                     lambda x: blocks(x).reshape(-1, 12, 16)])  # fmt: skip
def test_axes_that_no_node_has_are_refused_where_they_are_used(between):
    with pytest.raises(
        ConversionError, match=r"takes \(N, (1, )?4, 3, 2, 4, 2\), reshaped from \(N, 4, 6, 8\); expected"
    ):
        from_module(Features(between, nn.Identity).eval(), SHAPE, RAW)


@pytest.mark.parametrize("channels", [1, 4])
def test_pixels_of_one_channel_become_a_line(channels):
    """Those of several channels become features, which no convolution takes."""

    def between(x):
        return x[:, :channels].reshape(len(x), 1, -1)

    network = Net(between, lambda: nn.Conv1d(1, 4, 5)).eval()
    if channels == 1:
        compare(network, from_module(network, SHAPE, RAW))
        return
    with pytest.raises(ConversionError, match=r"takes \(N, 1, 192\), reshaped from \(N, 192\)"):
        from_module(network, SHAPE, RAW)


def compare(network, source):
    images = pixels(SHAPE)
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).numpy()
    assert np.allclose(logits(source, images), expected, atol=1e-4 * np.abs(expected).max())
