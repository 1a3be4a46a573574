"""Leaky integrators in Brian2: synaptic currents that decay, readouts, and their chains."""

from dataclasses import replace

import numpy as np
import pytest

from runners import on_brian2, on_engine
from spikelet.bundle import Bundle, Manifest
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Input, Linear, Output
from spikelet.verify import record_golden
from spikelet_converters.brian2 import validate

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 4)).astype(np.uint8)


def f32(*values):
    return np.array(values, np.float32)


def integrating():
    """Return a network with an LI on the current of the input, a shared one between layers, and two before the output."""
    rng = np.random.default_rng(1)

    def weight(*shape):
        return (rng.normal(size=shape) / 2).astype(np.float32)

    nodes = {
        "input": Input((2, 4, 4), f32(120, 130)),
        "conv": Conv2d(weight(3, 2, 3, 3) / 100, weight(3), (1, 1), (1, 1), 1),
        "conv.syn": LI(f32(0.75, 0.5, 0.9)),
        "if1": LIF(f32(2, 1.5, 3), f32(0, 0.5, 0), "zero", ">", f32(0.9, 0.8, 0.7)),
        "flat": Flatten(),
        "fc": Linear(weight(6, 48), weight(6)),
        "fc.syn": LI(np.full(6, 0.625, np.float32)),
        "if2": IF(np.full(6, 1.25, np.float32), np.zeros(6, np.float32), "subtract", ">="),
        "more": Linear(weight(6, 6), weight(6)),
        "also": Linear(weight(6, 6), weight(6)),
        "sum": Add(),
        "if3": IF(np.full(6, 1.75, np.float32), np.zeros(6, np.float32), "subtract", ">="),
        "last": Linear(weight(4, 6), weight(4)),
        "last.syn": LI(np.full(4, 0.8, np.float32)),
        "readout": LI(np.full(4, 0.95, np.float32)),
        "output": Output(),
    }
    edges = [("input", "conv"), ("conv", "conv.syn"), ("conv.syn", "if1"), ("if1", "flat"), ("flat", "fc"), ("fc", "fc.syn"),
             ("fc.syn", "if2"), ("if2", "more"), ("fc.syn", "also"), ("more", "sum"), ("also", "sum"), ("sum", "if3"),
             ("if3", "last"), ("last", "last.syn"), ("last.syn", "readout"), ("readout", "output")]  # fmt: skip
    return Graph(nodes, tuple(edges))


@pytest.fixture(scope="module")
def bundle():
    graph = integrating()
    return Bundle(graph, Manifest("integrators"), record_golden(graph, IMAGES[:2], 4), "")


def test_a_whole_network_fires_the_same_spikes_but_for_ties(bundle):
    inputs = IMAGES[None].astype(np.float32)
    expected, actual = (run(bundle.graph, inputs, 12) for run in (lambda *a: on_engine("numpy", *a), on_brian2))
    for name in bundle.graph.spiking:
        assert expected.spikes[name].any()
        assert np.array_equal(expected.spikes[name], actual.spikes[name])
        assert np.allclose(expected.potentials[name], actual.potentials[name], atol=1e-4)
    assert np.allclose(expected.logits, actual.logits, atol=1e-3)


@pytest.mark.parametrize("neurons", [None, "all", 3])
def test_validation_layer_by_layer(bundle, neurons):
    report = validate(bundle, IMAGES, steps=12, neurons=neurons)
    assert report.ok
    assert report.mode == "by layer"
    assert [layer.name for layer in report.layers] == ["if1", "if2", "if3", "output"]
    assert all(layer.spikes > 0 for layer in report.layers[:-1])


@pytest.mark.parametrize("name", ["conv.syn", "fc.syn", "last.syn", "readout"])
def test_an_engine_with_another_decay_is_detected(bundle, name):
    node = bundle.graph.nodes[name]
    wrong = Graph({**bundle.graph.nodes, name: replace(node, decay=node.decay * f32(0.99))}, bundle.graph.edges)
    report = validate(bundle, IMAGES, steps=12, engine=lambda graph, layers: create(wrong, "numpy", layers))
    assert not report.ok
    first = {"conv.syn": "if1", "fc.syn": "if2"}.get(name, "output")
    assert report.first_divergence.layer in (first, "if3")
