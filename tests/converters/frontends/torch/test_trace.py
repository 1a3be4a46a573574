"""A torch module and its graph fire the same spikes; unsupported modules raise errors with name and location."""

import numpy as np
import pytest
import torch
from torch import nn

from converters_support import SIZES, counts, trained_like
from spikelet.errors import ConversionError
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model.activation import Mode, SpikingActivation, spiking_layers
from spikelet_converters.source_model.networks import NETWORKS, Normalise
from spikelet_converters.source_model.networks.vgg import VGG16, vgg
from spikelet_converters.source_model.residuals import NoResidual
from spikelet_converters.source_model.simulation import layer_rates


def narrow_vgg16(*settings):
    """Build the layers of vgg16 with an eighth of the channels: it has 34 million weights."""
    return vgg(tuple(layer if layer == "P" else layer // 8 for layer in VGG16), (512, 512), *settings)


@pytest.mark.parametrize("model", SIZES)
def test_a_traced_network_fires_the_spikes_of_its_simulation(model, monkeypatch):
    """Both use float arithmetic, in which ties may differ: nearly all counts are equal."""
    monkeypatch.setitem(NETWORKS, "vgg16", narrow_vgg16)
    _, network, pixels = trained_like(model)
    steps = 3
    graph = trace(network, tuple(pixels.shape[1:]))
    rates = {node_name(k): v for k, v in layer_rates(network, pixels, Mode.SPIKES, steps).items()}
    thetas = {node_name(k): layer.lam for k, layer in spiking_layers(network).items()}
    measured = counts(graph, pixels, steps, "onnx")
    assert set(measured) == set(rates)
    for name in graph.spiking:
        expected = (steps * rates[name] / thetas[name]).detach().numpy()
        assert (np.abs(measured[name] - expected) > 0.5).mean() < 2e-3, name
    assert 0.02 < np.mean([c.mean() for c in measured.values()]) / steps < 0.6


def act():
    return SpikingActivation(4, NoResidual(), 1.0)


class Net(nn.Module):
    """A convolution, an activation, the layers of a test, and a classifier."""

    def __init__(self, middle=None, forward=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = act()
        self.middle = middle or nn.Identity()
        self.act2 = act()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.fc = nn.Linear(4, 2)
        self.more = forward

    def forward(self, x):
        x = self.middle(self.act(self.conv(x)))
        if self.more is not None:
            x = self.more(self, x)
        return self.fc(self.flat(self.pool(x)))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Net(nn.ReLU()), r"module middle \(ReLU\): it has no threshold"),
        (Net(nn.GELU()), r"module middle \(GELU\): it has no exact spiking form here"),
        (Net(nn.Sequential(nn.Identity(), nn.Sigmoid())), r"module middle\.1 \(Sigmoid\)"),
        (
            Net(nn.Conv2d(4, 4, 3, padding=9, padding_mode="circular")),
            r"module middle \(Conv2d\): pads .* by wrap, more than the image of \(8, 8\) pixels has",
        ),
        (
            Net(nn.AvgPool2d(2, ceil_mode=True, divisor_override=3)),
            r"module middle \(AvgPool2d\): divides by 3, with ceil",
        ),
        (Net(nn.Conv2d(5, 4, 3)), r"module middle \(Conv2d\): expected 5 input channels, found 4"),
        (Net(nn.LayerNorm([4, 8, 8])), r"module middle \(LayerNorm\)"),
        (
            Net(nn.Upsample(scale_factor=1e6)),
            r"module middle \(Upsample\): every pixel of its output has separate weights",
        ),
        (Net(forward=lambda net, x: torch.relu(x)), r"`relu` at node relu .*: it has no threshold"),
        (Net(forward=lambda net, x: nn.functional.relu(x)), r"`relu` at node relu"),
        (Net(forward=lambda net, x: x.relu()), r"`relu` at node relu"),
        (Net(forward=lambda net, x: torch.cat([x, x], 0)), r"`cat` at node cat .*: concatenates along axis 0"),
        (Net(forward=lambda net, x: x * x), r"`mul` at node mul"),
        (Net(forward=lambda net, x: torch.softmax(x, 1)), r"`softmax` at node softmax"),
        (Net(forward=lambda net, x: x.mean()), r"`mean` at node mean"),
        (Net(forward=lambda net, x: net.act(x)), "module act: is used twice; a spiking neuron has a state"),
        (Net(forward=lambda net, x: x if x.sum() > 0 else -x), "cannot be traced .*; it may not branch on values"),
        (Net(forward=lambda net, x: nn.functional.layer_norm(x, [8])), "`layer_norm` at node layer_norm.*batch norm"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(192, 2)),
            "no rectifier and no neuron, as a linear classifier has none, .* such as a ReLU",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 1), Normalise([0] * 4, [1.0] * 4), act(), nn.Flatten(), nn.Linear(256, 2)),
            "module 1: only the input can be normalised, before any other layer",
        ),
        (
            nn.Sequential(Normalise([0], [1.0]), act(), nn.Flatten(), nn.Linear(192, 2)),
            "expected 3 numbers, one per channel; found 1",
        ),
    ],
)
def test_modules_without_a_spiking_form_are_refused_by_name_and_location(network, message):
    with pytest.raises(ConversionError, match=message):
        trace(network, (3, 8, 8))


def test_a_refusal_shows_the_line():
    with pytest.raises(ConversionError, match=r"test_trace\.py"):
        trace(Net(forward=lambda net, x: torch.relu(x)), (3, 8, 8))


@pytest.mark.parametrize(
    "network",
    [
        Net(),
        Net(nn.Sequential(nn.Conv2d(4, 4, 3, 2, 1, groups=2), act())),
        Net(nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False), act(), nn.Dropout(0.5))),
        Net(nn.BatchNorm2d(4)),  # after the neuron: folded into the layer after it
        Net(nn.Sequential(nn.AvgPool2d((2, 1), (1, 2)), nn.Conv2d(4, 4, 1), act())),
        Net(nn.Sequential(nn.Conv2d(4, 4, 1), nn.AvgPool2d(2), act())),  # the pool before the neuron
        Net(nn.Sequential(nn.Conv2d(4, 4, 3, padding=2, dilation=2), act())),
        Net(nn.Sequential(nn.Conv2d(4, 4, (3, 5), padding="same"), act())),
        Net(nn.Sequential(nn.ConvTranspose2d(4, 4, 3, padding=1), act())),
        Net(nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Conv2d(4, 4, 1), act())),
        Net(nn.MaxPool2d(2)),  # a maximum of spikes is 1 if any of them is
        Net(nn.MaxPool2d(3, 2, 1)),
        Net(nn.MaxPool2d(2, 3, dilation=2, ceil_mode=True)),
        Net(forward=lambda net, x: x + nn.functional.max_pool2d(x, 3, 1, 1)),
        Net(forward=lambda net, x: x[:, [3, 1, 2, 0]] - x),
        Net(forward=lambda net, x: torch.cat([x[:, :1], x[:, 2:], x[:, 1:2]], 1)),
    ],
)
def test_variants_convert_to_the_same_spikes(network):
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (2, 3, 8, 8)).float()
    network = nn.Sequential(Normalise([120] * 3, [60.0] * 3), network)
    with torch.no_grad():
        network(pixels)
    graph = trace(network.eval(), (3, 8, 8))
    measured = counts(graph, pixels, 4)
    layers = {node_name(k): v for k, v in spiking_layers(network).items() if node_name(k) in graph.nodes}
    rates = {node_name(k): v for k, v in layer_rates(network, pixels, Mode.SPIKES, 4).items()}
    for name, layer in layers.items():
        expected = (4 * rates[name] / layer.lam).detach().numpy()
        assert (np.abs(measured[name] - expected) > 0.5).mean() < 0.01, name
    assert quantise(graph).graph.exact
