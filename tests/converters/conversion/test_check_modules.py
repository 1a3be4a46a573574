"""Faults in the import of torch, spiking and NIR networks are found by the comparison with the source.

As in `test_check`, each fault is a change of the source.
"""

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.quantization import FakeQuantize, MinMaxObserver

from converters_support import assert_misreading_is_refused, is_refused, misread, misread_averages
from onnx_forms import RAW
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.nir import from_nir
from spikelet_converters.frontends.torch import from_module, from_program


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1, stride=(1, 2)), nn.BatchNorm2d(4)
        self.pool, self.cap = nn.AvgPool2d(2), nn.ReLU6()
        self.conv2, self.fc = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Linear(4 * 4 * 2, 5)
        with torch.no_grad():
            self.conv.weight *= 30
            self.bn.running_mean.copy_(torch.randn(4))
            self.bn.running_var.copy_(torch.rand(4) * 4)

    def forward(self, x):
        x = self.pool(self.cap(self.bn(self.conv(x))))
        return self.fc(torch.relu(self.conv2(x) + x).flatten(1))


def change(module, **parameters):
    with torch.no_grad():
        for name, value in parameters.items():
            setattr(module, name, value(getattr(module, name)))


TORCH_FAULTS = {
    "a bias is missing": lambda m: change(m.conv2, bias=lambda b: None),
    "epsilon is ignored": lambda m: change(m.bn, eps=lambda e: 0.5),
    "the running mean is ignored": lambda m: m.bn.running_mean.zero_(),
    "the running variance is ignored": lambda m: m.bn.running_var.fill_(1),
    "the cap is ignored": lambda m: setattr(m, "cap", nn.ReLU()),
    "the kernel is transposed": lambda m: change(m.conv, weight=lambda w: nn.Parameter(w.transpose(2, 3))),
    "the groups are in another order": lambda m: change(m.conv2, weight=lambda w: nn.Parameter(w.flip(0))),
    "the linear layer has another order": lambda m: change(m.fc, weight=lambda w: nn.Parameter(w.roll(1, 1))),
    "the strides are swapped": lambda m: (
        change(m.conv, stride=lambda s: (2, 1)),
        change(m.fc, weight=lambda w: nn.Parameter(w)),
    ),
}


def imported(module, exported):
    if not exported:
        return from_module(module, (3, 8, 8), RAW)
    program = torch.export.export(module.eval(), (torch.zeros(2, 3, 8, 8),))
    return from_program(program, RAW)


@pytest.fixture(scope="module", params=[False, True], ids=["module", "exported"])
def torch_source(request):
    """Return the source of a network, which the comparison accepts, and whether it is an exported program."""
    source = imported(Plain().eval(), request.param)
    assert check_graph(source, None) is not None
    return source, request.param


@pytest.mark.parametrize("fault", [fault for fault in TORCH_FAULTS if "swapped" not in fault])
def test_a_misread_torch_network(torch_source, fault):
    source, exported = torch_source
    changed = Plain().eval()
    TORCH_FAULTS[fault](changed)
    assert is_refused(misread(source, imported(changed, exported)))


@pytest.mark.parametrize("fault", ["scale", "levels", "weights", "bias"])
def test_a_misread_quantisation_aware_network(fault):
    def quantised_module(scale=0.5, levels=7):
        torch.manual_seed(4)
        quantiser = FakeQuantize(observer=MinMaxObserver, quant_min=0, quant_max=levels, dtype=torch.quint8)
        quantiser.scale.fill_(scale)
        quantiser.disable_observer()
        return nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), quantiser, nn.Linear(16, 4)).eval()

    source = quantised_module()
    changed = quantised_module(**{"scale": {"scale": 0.55}, "levels": {"levels": 5}}.get(fault, {}))
    if fault == "weights":
        change(changed[4], weight=lambda w: nn.Parameter(w * 1.1))
    if fault == "bias":
        change(changed[1], bias=lambda b: nn.Parameter(b * 0 + 1))
    assert_misreading_is_refused(*(from_module(m, (3, 4, 4), Preprocessing((0.5,), (0.1,))) for m in (source, changed)))


class TestMeanOfIntegers:
    """A mean of integers that is quantised with their own scale is often at a tie: then ties explain any difference."""

    @pytest.fixture
    def imported(self):
        def quantiser():
            module = FakeQuantize(observer=MinMaxObserver, quant_min=0, quant_max=15, dtype=torch.quint8)
            module.scale.fill_(8.0)
            module.disable_observer()
            return module

        torch.manual_seed(4)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), quantiser(), nn.AvgPool2d((2, 3), (1, 2)), quantiser(),
            nn.Flatten(), nn.Linear(84, 5),
        )  # fmt: skip
        return lambda: from_module(network.eval(), (3, 8, 8), RAW)

    def test_it_is_accepted(self, imported):
        source = imported()
        assert is_refused(replace(source, perturbed=None)), "the effect of ties is larger than the outputs"
        assert check_graph(source, None) > 1, "and the copy with other scales has none"
        assert not is_refused(source.perturbed())

    def test_a_misread_mean_is_refused(self, imported, monkeypatch):
        right = imported()
        misread_averages(monkeypatch)
        source = imported()
        assert is_refused(source)
        monkeypatch.undo()
        assert not is_refused(replace(source, perturbed=right.perturbed)), (
            "the ties of the network explain the difference"
        )


# spiking sources


class Snn(nn.Module):
    def __init__(self, **options):
        super().__init__()
        snn = pytest.importorskip("snntorch")
        torch.manual_seed(6)
        self.fc1, self.fc2 = nn.Linear(6, 12), nn.Linear(12, 3)
        self.lif = snn.Leaky(**{"beta": 0.8, "threshold": 40.0, "init_hidden": True, **options})

    def forward(self, x):
        return self.fc2(self.lif(self.fc1(x)))


@pytest.mark.parametrize(
    "options", [{"beta": 0.9}, {"threshold": 30.0}, {"reset_mechanism": "zero"}, {"beta": 1.0}, "bias"], ids=str
)
def test_a_misread_spiking_network(options):
    source, changed = Snn(), Snn(**({} if options == "bias" else options))
    if options == "bias":
        change(changed.fc2, bias=lambda b: None)
    assert_misreading_is_refused(*(from_module(m.eval(), (6,), RAW) for m in (source, changed)))


@pytest.mark.parametrize(
    ("options", "weight"),
    [({"reset_mechanism": "zero"}, 1e4), ({"beta": 0.9}, 1e4), ({"threshold": 30.0}, 1e4), ({"threshold": 30.0}, 1e-9)],
    ids=["reset, saturated", "leak, saturated", "threshold, saturated", "threshold, silent"],
)
def test_parameters_of_neurons_that_are_saturated_or_silent_are_compared(options, weight):
    """In the network every neuron fires at each time-step or never, whatever its parameters are."""
    pytest.importorskip("snntorch")
    source, changed = (from_module(scaled(Snn(**neuron), weight), (6,), RAW) for neuron in ({}, options))
    steps = np.full((8, 4, 6), 200, np.float32)
    assert np.array_equal(source.simulate(steps), changed.simulate(steps))
    assert check_graph(source, None) is not None
    with pytest.raises(ConversionError, match="other outputs than the network on random currents of lif"):
        check_graph(replace(source, layers=lambda: misread_layers(source, changed)), None)


def scaled(network, weight):
    """Give every neuron the same positive or, for a silent one, negligible current."""
    change(network.fc1, weight=lambda w: nn.Parameter(torch.full_like(w, weight)), bias=lambda b: None)
    return network.eval()


def misread_layers(source, changed):
    layers = changed.layers()
    return {name: replace(layers[name], simulate=layer.simulate) for name, layer in source.layers().items()}


def test_a_spiking_network_of_lines_is_compared():
    """The network takes (N, C, L), the graph (N, C, 1, L)."""
    snn = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    layers = nn.Conv1d(3, 4, 3), snn.Leaky(beta=0.8, init_hidden=True), nn.Flatten(), nn.Linear(48, 2)
    source = from_module(nn.Sequential(*layers), (3, 14))
    assert source.shape == (3, 1, 14)
    assert check_graph(source, None) < 1e-3


def test_a_reset_at_once_is_refused_by_name():
    source = from_module(Snn(reset_delay=False).eval(), (6,), RAW)
    with pytest.raises(
        ConversionError, match=r"other spikes than lif on random currents: .*reset_delay=False .* use reset_delay=True"
    ):
        check_graph(source, None)


def test_the_states_of_a_spiking_network_are_not_those_of_an_earlier_comparison():
    network = Snn().eval()
    source = from_module(network, (6,), RAW)
    steps = np.random.default_rng(0).integers(0, 256, (4, 3, 6)).astype(np.float32)
    first = source.simulate(steps)
    network(torch.ones(5, 6) * 200)
    assert np.array_equal(source.simulate(steps), first)


def nir_network():
    rng = np.random.default_rng(3)

    def full(shape, value):
        return np.full(shape, value)

    layers = {
        "input": nir.Input({"input": np.array([2, 6, 6])}),
        "conv": nir.Conv2d((6, 6), rng.normal(size=(4, 2, 3, 3)), (1, 2), (1, 0), 1, 1, rng.normal(size=4) * 20),
        "if": nir.IF(full((4, 6, 2), 0.5), full((4, 6, 2), 200.0), full((4, 6, 2), 30.0)),
        "pool": nir.SumPool2d((2, 1), (2, 1), (0, 0)),
        "scale": nir.Scale(np.array([0.5])),
        "flat": nir.Flatten(start_dim=0, input_type=np.array([4, 3, 2])),
        "fc": nir.Affine(rng.normal(size=(8, 24)), rng.normal(size=8)),
        "cuba": nir.CubaLIF(full(8, 2e-4), full(8, 5e-4), full(8, 1.5), full(8, 0.0), full(8, 0.4), full(8, 0.0),
                            w_in=full(8, 2.0)),
        "fc2": nir.Affine(rng.normal(size=(5, 8)), np.abs(rng.normal(size=5))),
        "lif": nir.LIF(full(5, 4e-4), full(5, 1.5), full(5, -1.0), full(5, 0.3), full(5, -0.1)),
        "out": nir.Linear(rng.normal(size=(3, 5))),
        "li": nir.LI(full(3, 1e-3), full(3, 2.0), full(3, 0.0)),
        "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = list(layers)
    edges = list(zip(names, names[1:]))  # noqa: B905, RUF007
    return nir.NIRGraph(layers, edges, type_check=False)


NIR_FAULTS = [
    ("conv", "bias", 0), ("conv", "weight", -1), ("if", "r", 2), ("if", "v_threshold", 1.3), ("if", "v_reset", 0),
    ("scale", "scale", 2), ("fc", "bias", 0), ("cuba", "tau_syn", 2), ("cuba", "tau_mem", 2), ("cuba", "r", 2),
    ("cuba", "w_in", 0.5), ("cuba", "v_threshold", 2), ("lif", "tau", 2), ("lif", "r", 1.5), ("lif", "v_leak", 0),
    ("lif", "v_reset", 0), ("lif", "v_threshold", 1.5), ("li", "tau", 2), ("li", "r", 0.5), ("out", "weight", -1),
]  # fmt: skip


@pytest.fixture(scope="module")
def nir_source():
    """Return the source of a NIR network, which the comparison accepts."""
    source = from_nir(nir_network())
    assert check_graph(source, None) is not None
    return source


@pytest.mark.parametrize(("name", "field", "factor"), NIR_FAULTS, ids=lambda value: str(value))
def test_a_misread_nir_file(nir_source, name, field, factor):
    changed = nir_network()
    node = changed.nodes[name]
    setattr(node, field, np.asarray(getattr(node, field)) * factor)
    assert is_refused(misread(nir_source, from_nir(changed)))


def test_a_misread_time_step_of_a_nir_file(nir_source):
    assert is_refused(misread(nir_source, from_nir(nir_network(), dt=5e-5)))
