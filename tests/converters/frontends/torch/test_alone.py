"""Layers that are folded into the layer before them, whose output other calls use by another name."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module, from_program

SHAPE = (3, 4, 4)
SAME = {
    "cat": lambda x: torch.cat([x], 1),
    "slice": lambda x: x[:],
    "split": lambda x: x.split(4, 1)[0],
    "chunk": lambda x: x.chunk(1, 1)[0],
    "reshapes": lambda x: x.unsqueeze(1).squeeze(1),
    "permutations": lambda x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
    "pad": lambda x: F.pad(x, (0, 0, 0, 0)),
    "sum": lambda x: x + 0,
    "detach": lambda x: x.detach(),
    "cat and split": lambda x: torch.cat([x, x * 2], 1).split(4, 1)[0],
}


class Net(nn.Module):
    """A batch norm after a call that returns its input, as the first layer of a DenseNet has one."""

    def __init__(self, same, alone):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(64, 3)
        self.same, self.alone = same, alone
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.uniform_(self.norm.bias, -0.5, 0.5)

    def forward(self, x):
        x = self.conv(x / 100)
        y = F.relu(self.norm(self.same(x)))
        return self.last((y if self.alone else y + F.relu(x)).flatten(1))


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
def test_a_layer_whose_output_has_other_names_is_not_changed(same):
    source = from_module(Net(same, alone=False).eval(), SHAPE, Preprocessing(scale=1.0))
    assert check_graph(source, None) < 1e-5


@pytest.mark.parametrize("same", [SAME["cat"], SAME["split"]], ids=["cat", "split"])
def test_the_same_in_a_program(same):
    network, batch = Net(same, alone=False).eval(), {0: torch.export.Dim.DYNAMIC}
    with torch.no_grad():
        program = torch.export.export(network, (torch.rand(2, *SHAPE),), dynamic_shapes=(batch,))
    assert check_graph(from_program(program, Preprocessing(scale=1.0)), None) < 1e-5


def test_a_layer_that_no_other_call_uses_includes_the_next():
    def same(x):
        return torch.cat([x.view(x.size(0), 4, 4, 4)], 1)  # sizes are no use of the values

    source = from_module(Net(same, alone=True).eval(), SHAPE, Preprocessing(scale=1.0))
    assert [node.kind for node in source.graph.nodes.values()].count("Conv2d") == 1
    assert check_graph(source, None) < 1e-5


FILLED = torch.tensor([True, False, False, True]).reshape(4, 1, 1)
MASKED = {
    "filled": lambda x: x.masked_fill(FILLED, 0.0),
    "chosen": lambda x: torch.where(FILLED, x, 0.5),
    "number first": lambda x: torch.where(FILLED, 0.5, x),
}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("mask", MASKED.values(), ids=MASKED)
def test_a_mask_is_included_in_the_weights_of_a_layer_that_no_other_call_uses(mask, alone):
    source = from_module(Net(mask, alone).eval(), SHAPE, Preprocessing(scale=1.0))
    kinds = [node.kind for node in source.graph.nodes.values()]
    assert (kinds.count("Conv2d") == 1) == alone
    assert check_graph(source, None) < 1e-5


class LeftOut(nn.Module):
    def __init__(self, chosen):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(144, 3)
        self.chosen = chosen

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(self.chosen(x, nn.functional.relu6(self.second(x))).flatten(1))


@pytest.mark.parametrize(
    "chosen",
    [
        lambda x, y: torch.cat([x, y], 1)[:, :4],
        lambda x, y: torch.cat([y, x], 1).chunk(2, 1)[1],
        lambda x, y: torch.cat([nn.functional.max_pool2d(y, 3, 1, 1), x], 1)[:, 4:],
    ],
)
def test_a_layer_whose_channels_are_left_out(chosen):
    """It leads to no output, and is no part of the graph."""
    source = from_module(LeftOut(chosen).eval(), (1, 8, 8))
    assert list(source.relus) == list(source.graph.spiking)
    assert len(source.graph.spiking) == 1
    assert check_graph(source, None) < 1e-5


class IdentityBranch(nn.Module):
    """The first layer of a RepVGG, which adds the normalised input to convolutions of it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Linear(48, 3)
        for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
            nn.init.uniform_(tensor, -0.5, 0.5)

    def forward(self, x):
        return self.last(F.relu(self.conv(x) + self.norm(x)).flatten(1))


@pytest.mark.parametrize("preprocessing", [Preprocessing(), Preprocessing(mean=(0.13,), std=(0.3,))])
def test_a_normalised_input_that_is_added(preprocessing):
    assert check_graph(from_module(IdentityBranch().eval(), SHAPE, preprocessing), None) < 1e-5


class Shortcut(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(48, 3)

    def forward(self, x):
        return self.last(F.relu(self.conv(x) + x).flatten(1))


@pytest.mark.parametrize(("mean", "layers"), [(float(np.float32(0.6)), 1), (0.599, 2)])
def test_a_rounding_error_of_a_mean_needs_no_layer(mean, layers):
    """A mean of 0.6, rounded to float32, is 153 pixels; one of 0.599 is no whole number of pixels, and needs a bias."""
    source = from_module(Shortcut().eval(), SHAPE, Preprocessing(mean=(mean,), std=(0.3,)))
    assert [node.kind for node in source.graph.nodes.values()].count("Conv2d") == layers
    assert check_graph(source, None) < 1e-5
