"""Networks in wrappers of torch are read, and trained, as the networks in them."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch.modules import from_module
from spikelet_converters.frontends.torch.wrappers import plain
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.user_network import builder

SHAPE = (1, 6, 6)


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    return nn.Sequential(layers, nn.Flatten(), nn.Linear(48, 2))


def compiled(network):
    return torch.compile(network, backend="eager")  # imports no compiler


def wrapped_layers():
    outer = network()
    outer[0] = compiled(nn.DataParallel(outer[0]))
    return outer


WRAPPED = {
    "parallel": lambda: nn.DataParallel(network()),
    "compiled": lambda: compiled(network()),
    "compiled and parallel": lambda: nn.DataParallel(compiled(network())),
    "layers": wrapped_layers,
    "all": lambda: compiled(wrapped_layers()),
}


@pytest.mark.parametrize("make", WRAPPED.values(), ids=WRAPPED)
def test_a_wrapped_network_is_the_network_in_it(make):
    wrapped = make()
    graph, expected = from_module(wrapped, SHAPE).graph, from_module(network(), SHAPE).graph
    for node, other in zip(graph.nodes.values(), expected.nodes.values(), strict=True):
        assert type(node) is type(other)
        assert np.array_equal(getattr(node, "weight", 0), getattr(other, "weight", 0))
    spec = NetworkSpec("own", SHAPE, 2, (120,), (60.0,))
    (name,) = spiking_layers(spec._build(builder(make, "own")))
    assert name.replace("module.", "").replace("_orig_mod.", "") == "0.1"


class Twice(nn.Module):
    """A network that calls a layer in a wrapper, and the wrapper by two names."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.one = self.other = nn.DataParallel(nn.Conv2d(1, 1, 3, padding=1))
        self.fc = nn.Linear(36, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.other(torch.relu(self.one.module(x)))).flatten(1))


def pruned():
    layers = network()
    prune.l1_unstructured(layers[0][0], "weight", 0.5)
    layers[0][0] = nn.DataParallel(layers[0][0])
    return layers


@pytest.mark.parametrize("make", [Twice, pruned, lambda: pruned().double()])
def test_wrapped_layers_are_read(make):
    assert check_graph(from_module(make().eval(), SHAPE), None) < 1e-2


@pytest.mark.parametrize("wrap", [lambda net: net, nn.DataParallel])
def test_weights_without_values_are_named(wrap):
    with torch.device("meta"):
        empty = wrap(network())
    message = r"own: 0\.0\.weight has no values, since it is on the device meta; make the network on the processor"
    with pytest.raises(ConversionError, match=message):
        plain(empty, "own")
    with pytest.raises(ConversionError, match=message.replace("own", "the network")):
        from_module(empty, SHAPE)


def test_a_plain_network_is_returned_itself():
    one = network()
    assert plain(one) is one
    assert plain(copy.deepcopy(nn.DataParallel(one))) is not one
