"""Rectifiers of a network become spiking activations, and what cannot be trained is named."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from converters_support import counts
from source_networks import blocks
from spikelet.errors import ConversionError, UsageError
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.networks.parts import Normalise
from spikelet_converters.source_model.simulation import layer_rates
from spikelet_converters.training.rectifiers import evaluated
from spikelet_converters.training.training_pass import TrainingPass
from spikelet_converters.training.user_network import define

MEAN, STD = 120, 60.0


class Net(nn.Module):
    def __init__(self, between, **modules):
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 5)
        self.between = between
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.fc(self.between(self, x).mean((2, 3)))


def spec(**options):
    return NetworkSpec("test", (3, 8, 8), 5, (MEAN,) * 3, (STD,) * 3, 4, lambda_init=8.0, **options)


def built(between, **modules):
    """Return a network as it is trained, and as its author wrote it, with the same weights."""
    torch.manual_seed(0)
    source = Net(between, **modules)
    define("test", lambda: copy.deepcopy(source))
    return spec(train_potential=True).build(), source.eval()


def functions(self, x):
    return F.relu(input=self.c2(torch.relu(self.c1(x))))


def methods(self, x):
    return self.c2(self.c1(x).relu()).relu_()


def one_module(self, x):
    return self.rectifier(self.c2(self.rectifier(self.c1(x))))


def in_place(self, x):
    """The sum takes the rectified value."""
    y = self.c1(x)
    z = self.rectifier(y)
    return F.relu(self.c2(z) + y)


def not_in_place(self, x):
    y = self.c1(x)
    z = F.relu(y)
    return F.relu(self.c2(z) + y)


def ignored_result(self, x):
    y = self.c2(F.relu(self.c1(x)))
    F.relu(y, inplace=True)
    return F.max_pool2d(y, 2)


def limited(self, x):
    return self.c2(F.relu6(self.c1(x))).clamp(min=0)


def clipped(self, x):
    return self.clip(self.c2(self.six(self.c1(x))))


def hard(self, x):
    return F.threshold(self.c2(F.hardtanh(self.c1(x), 0.0, 100.0)), 0, 0)


def maxima(self, x):
    x = torch.maximum(self.c1(x), torch.tensor(0.0))
    x = self.c2(torch.max(x.new_zeros(1), x))
    return self.threshold(x).maximum(torch.zeros_like(x))


def without_autocast(self, x):
    with torch.autocast("cpu", enabled=self.training):
        return F.relu(self.c2(F.relu(self.c1(x))))


def taken_names(self, x):
    return self.normalise(self.relu(self.c2(torch.relu(self.c1(x)))))


FORMS = [
    (functions, {}, ["relu", "relu_1"]),
    (methods, {}, ["relu", "relu_"]),
    (one_module, {"rectifier": nn.ReLU()}, ["rectifier_2", "rectifier_1"]),
    (in_place, {"rectifier": nn.ReLU(inplace=True)}, ["rectifier", "relu"]),
    (not_in_place, {}, ["relu", "relu_1"]),
    (ignored_result, {}, ["relu", "relu_1"]),
    (limited, {}, ["relu6", "clamp"]),
    (clipped, {"clip": nn.Hardtanh(0, 100), "six": nn.ReLU6()}, ["clip", "six"]),
    (hard, {}, ["hardtanh", "_threshold"]),
    (maxima, {"threshold": nn.Threshold(0, 0)}, ["maximum", "max_1", "threshold", "maximum_1"]),
    (without_autocast, {}, ["relu", "relu_1"]),
    (taken_names, {"normalise": nn.Identity(), "relu": nn.ReLU()}, ["relu_2", "relu"]),
]


@pytest.mark.parametrize(("between", "modules", "names"), FORMS, ids=[form[0].__name__ for form in FORMS])
def test_each_call_of_a_rectifier_becomes_an_activation(between, modules, names):
    """With very many levels an activation is the rectifier, so that the network computes what its author wrote."""
    network, source = built(between, **modules)
    layers = spiking_layers(network)
    assert sorted(layers) == sorted(names)
    for layer in layers.values():
        assert layer.shift.shape == (4,)
        layer.levels, layer.shift = 10**6, None
    pixels = torch.randint(0, 256, (2, 3, 8, 8)).float()
    with torch.no_grad():
        assert (network(pixels) - source((pixels - MEAN) / STD)).abs().max() < 1e-5


@pytest.mark.parametrize("model", ["googlenet", "mobilenet_v2", "resnet18"])
def test_the_graph_fires_the_spikes_of_the_training(model):
    """In float arithmetic ties may differ: nearly all counts are equal. The graph has further neurons, for max pools."""
    define("test", lambda: blocks.network(model))
    network = NetworkSpec("test", (3, 32, 32), 5, (MEAN,) * 3, (STD,) * 3, 4, lambda_init=1.0).build()
    pixels, steps = torch.randint(0, 256, (2, 3, 32, 32)).float(), 3
    rates, layers = layer_rates(network, pixels, Mode.SPIKES, steps), spiking_layers(network)
    fired = counts(trace(network, (3, 32, 32)), pixels, steps)
    assert len(rates) == len(layers) > 5
    for name, rate in rates.items():
        expected = (steps * rate / layers[name].lam).detach().numpy()
        assert (np.abs(fired[node_name(name)] - expected) > 0.5).mean() < 5e-3, name
    assert 0.01 < np.mean([count.mean() for count in fired.values()]) / steps < 0.6


def joined(self, x):
    """A block whose shortcut precedes its first rectifier, as in a pre-activation residual network."""
    x = self.c1(x)
    return F.relu(self.c2(F.relu(x)) + x)


def partly_rectified(self, x):
    first, second = self.c1(x).chunk(2, 1)
    return F.relu(self.c2(torch.cat([F.relu(first), second], 1)))


def size_of_the_input(self, x):
    images = x.shape[0]
    return F.relu(self.c2(F.relu(self.c1(x)).reshape(images, 4, 8, 8)))


@pytest.mark.parametrize("between", [joined, partly_rectified, size_of_the_input])
def test_values_before_all_rectifiers_are_used_after_one(between):
    """In the simulation of the training they have a row for each time-step, as the spikes have."""
    network, _ = built(between)
    pixels, steps = torch.randint(0, 256, (2, 3, 8, 8)).float(), 3
    layers = spiking_layers(network)
    for layer in layers.values():
        layer.rho.data.fill_(0.5)
    rates = layer_rates(network, pixels, Mode.SPIKES, steps)
    fired = counts(trace(copy.deepcopy(network), (3, 8, 8)), pixels, steps)
    for name, rate in rates.items():
        assert (np.abs(fired[name] - (steps * rate / layers[name].lam).detach().numpy()) > 0.5).mean() < 0.01
        assert fired[name].mean() > 0.05
    assert network(pixels).shape == (2, 5), "the input is repeated in a simulation only"


@pytest.mark.parametrize(("between", "repeated"), [(functions, False), (in_place, False), (joined, True)])
def test_the_input_is_repeated_only_if_it_is_joined_with_spikes(between, repeated):
    network, _ = built(between, rectifier=nn.ReLU(inplace=True))
    assert [module.every_step for module in network.modules() if isinstance(module, Normalise)] == [repeated]


def dropped(self, x):
    return F.dropout(F.relu(self.c1(x)), 0.1, self.training)


def branches(self, x):
    return F.relu(self.c1(x)) if x.sum() > 0 else F.relu(self.c1(-x))


def longer_in_training(self, x):
    return F.relu(self.c2(F.relu(self.c1(x)))) if self.training else F.relu(self.c1(x))


def view_in_place(self, x):
    y = self.c2(F.relu(self.c1(x)))
    F.relu(y.flatten(1), inplace=True)
    return y


def constant_in_training(self, x):
    return F.relu(self.c1(x) * torch.tensor(2.0 if self.training else 1.0))


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (view_in_place, "test: `relu` at node relu_1 .* in view_in_place .* changes a value, or a part of it, in place"),
        (constant_in_training, "test: .* in constant_in_training .* differs in training and evaluation"),
        (lambda self, x: F.relu(self.c1(x) + torch.randn(1)), "test: .* differs in training and evaluation"),
        (lambda self, x: self.c1(x) * F.relu(x.mean((1, 2, 3))).reshape(-1, 1, 1, 1), r"test: `relu` .* has an input \(2,\) for 2 images; expected \(N, C"),
        (lambda self, x: self.c2(self.c1(x)), "test: has no ReLU; expected ReLUs"),
        (dropped, r"test: `dropout` at node dropout of .* in dropped .* differs in training .* use modules .* nn.Dropout"),
        (longer_in_training, "test: .* differs in training and evaluation"),
        (branches, "test: Net.forward: cannot be traced .* it may not branch on values"),
        (lambda self, x: F.gelu(F.relu(self.c1(x))), "test: cannot be converted: `gelu` at node gelu of the traced network: "),
        (lambda self, x: F.leaky_relu(F.relu(self.c1(x))), "training replaces ReLU, ReLU6, clamps from 0 and maxima with 0"),
        (lambda self, x: F.relu(self.c1(x[:, :2])), r"test: cannot be evaluated on images \(3, 8, 8\): "),
        (lambda self, x: F.relu(self.c1(x)).repeat(1, 1, 1, 1)[:1], r"test: .*"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_named_before_the_training(between, message):
    with pytest.raises(ConversionError, match=message):
        built(between)


@pytest.mark.parametrize(("shape", "hinted"), [((3, 1, 8), True), ((3, 4, 8), False), ((8,), False)])
def test_a_network_of_lines_is_told_how_it_gets_them(shape, hinted):
    network = nn.Conv1d(5, 2, 3)
    with pytest.raises(ConversionError) as caught:
        evaluated(network, torch.zeros(2, *shape), "test")
    assert str(caught.value).startswith(f"test: cannot be evaluated on images {shape}: ")
    assert ("x.squeeze(2) has the shape (N, C, L) of Conv1d" in str(caught.value)) == hinted


@pytest.mark.parametrize(
    ("make", "returned"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 6)), r"\(6,\)"),
        (lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()), r"\(5, 6, 6\)"),
    ],
)
def test_outputs_that_are_not_logits_of_the_classes(make, returned):
    define("test", make)
    with pytest.raises(
        UsageError, match=rf"test: returns {returned} for an image; expected \(5,\), a value for each class"
    ):
        spec().build()


class Masked(nn.Conv2d):
    def forward(self, x):
        self.weight.data *= 0.5
        return super().forward(x)


class Bounded(nn.Conv2d):
    def forward(self, x):
        with torch.no_grad():
            self.weight.clamp_(-1, 1)
        return self._conv_forward(x, self.weight, self.bias)


@pytest.mark.parametrize(("layer", "does"), [(Masked, "assigns to the numbers of a value"), (Bounded, "in place")])
def test_weights_that_forward_changes_are_refused(layer, does):
    """Their gradient is not that of the numbers that are used, and torch permits no such change of a parameter."""
    define("test", lambda: nn.Sequential(layer(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)))
    with pytest.raises(ConversionError, match=f"test: .*{does}"):
        spec().build()


def test_hooks_are_refused():
    """torch.fx records the calls of no hook, and a rectifier that is replaced would lose its own."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5))
    for module in (network, network[1], network[2]):
        hook = module.register_forward_pre_hook(lambda module, values: (values[0] * 2,))
        define("test", lambda: copy.deepcopy(network))
        with pytest.raises(
            ConversionError, match="test: has forward hooks, which are not recorded; call them in forward"
        ):
            spec().build()
        hook.remove()


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.Sequential(nn.Softmax(1), nn.Identity())])
def test_probabilities_are_refused(end):
    define("test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5), end))
    with pytest.raises(UsageError, match="test: returns probabilities; expected logits: omit the softmax"):
        spec().build()


def test_networks_of_other_types_are_trained_in_float32():
    define("test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5)).double())
    assert spec().build()(torch.zeros(2, 3, 8, 8)).dtype == torch.float32


def test_rectifiers_of_features_on_the_last_axis_are_refused():
    """Their thresholds and initial potentials would be those of another axis."""
    define(
        "test", lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.Linear(8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5))
    )
    with pytest.raises(
        ConversionError, match=r"has an input \(2, 8, 8, 8\) with the features last; expected channels first"
    ):
        spec().build()


def test_layers_get_their_shapes_from_the_images():
    define("test", lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)))
    assert spec().build()(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_frozen_batch_norms_are_those_of_lines_too():
    define(
        "test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))
    )
    network = spec().build()
    recipe = type("Recipe", (), {"freeze_norm": True})
    TrainingPass._set_mode(type("Pass", (), {"network": network, "recipe": recipe}))
    assert network.training
    assert not network.get_submodule("2").training
