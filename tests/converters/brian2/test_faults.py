"""Faulty engines: the validator detects each fault of the engine under test.

The report must name the layer, the neuron and the time-step of the first wrong value. They are determined here without
Brian2, by a comparison of the faulty engine with the correct one.
"""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from networks import small_graph
from runners import on_engine
from spikelet import cli, engines
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.engines.numpy import NumpyEngine
from spikelet.graph import Graph
from spikelet.verify import record_golden
from spikelet_converters.brian2 import validate

pytestmark = pytest.mark.usefixtures("simulated_once")

STEPS = 8
IMAGES = np.random.default_rng(3).integers(0, 256, (6, 3, 6, 6)).astype(np.uint8)
GRAPH = small_graph()
BUNDLE = Bundle(
    GRAPH, Manifest("small", bits=8, exact_steps=exact_steps(GRAPH)), record_golden(GRAPH, IMAGES[:1], 2), ""
)


def changed(node, **fields):
    """Return the graph with changed parameters of one node: new values, or functions of the old ones."""
    old = GRAPH.nodes[node]
    new = {name: value(getattr(old, name).copy()) if callable(value) else value for name, value in fields.items()}
    return Graph({**GRAPH.nodes, node: dataclasses.replace(old, **new)}, GRAPH.edges)


def bumped(index, by=1):
    def change(values):
        values[index] += by
        return values

    return change


def wrong_network(graph):
    """Return an engine that runs a changed network."""

    class Wrong(NumpyEngine):
        def __init__(self, _, *settings):
            super().__init__(graph, *settings)

    return Wrong


def late(layer):
    """Return an engine in which a layer receives its input one time-step late."""

    class Late(NumpyEngine):
        def _reset(self, batch):
            super()._reset(batch)
            self._held = None

        def _evaluate(self, name, inputs, pixels):
            value = super()._evaluate(name, inputs, pixels)
            if name != self.graph.predecessors[layer][0]:
                return value
            self._held, before = value, self._held
            return np.zeros_like(value) if before is None else before

    return Late


FAULTS = {
    "a weight of the first layer": ("if1", wrong_network(changed("conv1", weight=bumped((1, 0, 1, 1))))),
    "a weight in the middle": ("if2", wrong_network(changed("conv2", weight=bumped((2, 1, 0, 0))))),
    "a weight of a linear layer": ("if3", wrong_network(changed("fc1", weight=bumped((3, 7))))),
    "a weight of the last layer": ("output", wrong_network(changed("logits", weight=bumped((1, 2))))),
    "a weight of a shortcut": ("if2", wrong_network(changed("shortcut", scale=bumped(0, -1)))),
    "a bias": ("if2", wrong_network(changed("conv2", bias=bumped(3)))),
    "a threshold": ("if2", wrong_network(changed("if2", theta=bumped(1)))),
    "the tie rule": ("if2", wrong_network(changed("if2", tie=">"))),
    "the reset": ("if1", wrong_network(changed("if1", reset="zero"))),
    "the delay of a layer": ("if2", late("if2")),
    "the delay of the last layer": ("output", late("output")),
    "the initial potential": ("if2", wrong_network(changed("if2", v_init=bumped(2)))),
    "the leak": ("if3", wrong_network(changed("if3", decay=bumped(5)))),
}


def first_difference(layer, broken):
    """Return (time-step, {neurons}) at which a layer of the faulty engine first differs from the correct one."""
    sound, other = (on_engine(make, GRAPH, IMAGES[None].astype(np.float32), STEPS) for make in ("numpy", broken))
    if layer == "output":
        wrong = sound.logits != other.logits
    else:
        wrong = (sound.spikes[layer] != other.spikes[layer]) | (sound.potentials[layer] != other.potentials[layer])
    step = int(np.flatnonzero(wrong.any((1, 2)))[0])
    where = np.unravel_index(np.flatnonzero(wrong[step].any(0)), GRAPH.shapes[layer])
    return step + 1, set(zip(*(axis.tolist() for axis in where), strict=True))


@pytest.mark.parametrize("neurons", ["all", 36])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught_and_its_layer_neuron_and_step_are_named(fault, neurons):
    layer, broken = FAULTS[fault]
    report = validate(BUNDLE, IMAGES, steps=STEPS, neurons=neurons, engine=broken)
    assert not report.ok
    first = report.first_divergence
    step, where = first_difference(layer, broken)
    assert first.layer == layer
    assert f"layer {layer}, neuron {first.neuron}, time-step {first.step}" in str(first)
    if neurons == "all" or layer != "if1":  # of if1, 36 of 144 neurons are looked at
        assert first.step == step
        assert first.neuron in where
    else:
        # by layer, and driven with what was recorded, no other layer is to blame
        assert [layer_report.name for layer_report in report.layers if not layer_report.ok] == [layer]


def test_of_a_changed_weight_one_step_and_one_neuron_are_named():
    broken = FAULTS["a weight of a linear layer"][1]
    first = validate(BUNDLE, IMAGES, steps=STEPS, engine=broken).first_divergence
    assert (first.layer, first.neuron) == ("if3", (3,))
    assert first.potentials[0] != first.potentials[1]


def test_a_tie_is_called_one():
    report = validate(BUNDLE, IMAGES, steps=STEPS, engine=FAULTS["the tie rule"][1])
    first = report.first_divergence
    assert first.tie
    assert first.fired == (False, True)
    assert first.before == first.theta
    assert "does not fire" in str(first)
    assert "(a tie)" in str(first)


@pytest.mark.parametrize("by", [1e-3, -1e-3])
def test_in_a_float32_network_a_fault_is_no_tie(by):
    graph = small_graph(exact=False)
    node = dataclasses.replace(graph.nodes["fc1"], weight=graph.nodes["fc1"].weight * np.float32(1 + by))
    broken = wrong_network(Graph({**graph.nodes, "fc1": node}, graph.edges))
    bundle = Bundle(graph, Manifest("float32"), None, "")
    report = validate(bundle, IMAGES, steps=STEPS, engine=broken)
    assert not report.ok
    assert report.first_divergence.layer == "if3"
    assert validate(bundle, IMAGES, steps=STEPS, engine="numpy").ok


def test_the_command_exits_with_1_and_names_the_neuron(tmp_path, monkeypatch, capsys):
    write(BUNDLE, tmp_path / "small.snnb")
    np.save(tmp_path / "images.npy", IMAGES)
    layer, broken = FAULTS["a threshold"]
    monkeypatch.setitem(sys.modules, "broken_engine", SimpleNamespace(Broken=broken))
    monkeypatch.setitem(engines.ENGINES, "broken", "broken_engine:Broken")
    call = ["validate", str(tmp_path / "small.snnb"), str(tmp_path / "images.npy"), "--engine"]
    assert cli.main([*call, "broken"]) == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out
    assert f"first: layer {layer}, neuron (1, " in out
    assert cli.main([*call, "numpy"]) == 0
    assert "ok: " in capsys.readouterr().out
