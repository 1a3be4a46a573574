"""Parameters of the neurons of frameworks are broadcast with the potentials; layers of torch with a step mode."""

import numpy as np
import pytest
import torch
from torch import nn

from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

snn = pytest.importorskip("snntorch")
RAW = Preprocessing(scale=1.0)
CHANNELS = 3


def network(**options):
    """Return a network whose first neurons are images of as many columns as channels."""
    torch.manual_seed(0)
    first = snn.Leaky(**{"beta": 0.7, "threshold": 0.5, "init_hidden": True} | options)
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3), first, nn.Flatten(), nn.Linear(36, 4), snn.Leaky(0.5, output=True)
    ).eval()


NUMBERS = torch.tensor([0.3, 0.6, 0.9])


@pytest.mark.parametrize("name", ["beta", "threshold", "graded_spikes_factor"])
@pytest.mark.parametrize("shape", [(CHANNELS, 1, 1), (1, CHANNELS, 1, 1)])
def test_one_number_per_channel(name, shape):
    source = from_module(network(**{name: NUMBERS.reshape(shape)}), (1, 6, 5), RAW)
    assert check_graph(source, None) is not None
    layer = source.graph.nodes[source.graph.spiking[0]]
    if name == "beta":
        assert np.allclose(layer.decay, NUMBERS)


@pytest.mark.parametrize("name", ["beta", "threshold", "graded_spikes_factor"])
def test_numbers_along_the_columns_are_no_channels(name):
    with pytest.raises(
        ConversionError,
        match=rf"\(snntorch Leaky\): {name} has shape \(3,\) for potentials of shape \(3, 4, 3\); .* shape \(C, 1, 1\)",
    ):
        from_module(network(**{name: NUMBERS}), (1, 6, 5), RAW)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_parameter_that_is_no_number(value):
    with pytest.raises(ConversionError, match=r"threshold contains NaN or infinity; expected finite numbers"):
        from_module(network(threshold=value), (1, 6, 5), RAW)


def of_spikingjelly(parent, **methods):
    """Return a subclass of a torch layer as the framework defines them, with a step mode."""
    module = {"__module__": "spikingjelly.activation_based.layer.stateless_wrapper", "step_mode": "s"}
    return type(parent.__name__, (parent,), module | methods)


def test_layers_of_torch_with_a_step_mode():
    layers = network()
    layers[0].__class__ = of_spikingjelly(nn.Conv2d)
    layers[2].__class__ = of_spikingjelly(nn.Flatten)
    layers.insert(2, of_spikingjelly(nn.MaxPool2d)(2, 1))
    layers[4] = of_spikingjelly(nn.Linear)(CHANNELS * 6, 4)
    assert check_graph(from_module(layers, (1, 6, 5), RAW), None) is not None


def test_a_layer_that_changes_its_weights_is_not_read_as_its_parent():
    layers = network()
    layers[0].__class__ = type(
        "WSConv2d",
        (of_spikingjelly(nn.Conv2d),),
        {"__module__": "spikingjelly.activation_based.layer.stateless_wrapper"},
    )
    with pytest.raises(ConversionError, match=r"spikingjelly WSConv2d\): standardises its weights; use layer\.Conv2d"):
        from_module(layers, (1, 6, 5), RAW)


class Block(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.first, self.second = layers

    def forward(self, x):
        return self.second(self.first(x))


Block.__module__ = "spikingjelly.activation_based.model.spiking_resnet"


def test_a_block_of_a_network_that_the_framework_defines_is_traced():
    first, second, *others = network()
    assert (
        check_graph(from_module(nn.Sequential(Block(first, second), *others).eval(), (1, 6, 5), RAW), None) is not None
    )
