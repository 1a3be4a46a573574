"""The expressed form of a NIR export: the same spikes in NIR's own nodes."""

import numpy as np
import pytest

from converters_support import spikes_of
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Input, Linear, Output
from spikelet_converters.exports.nir import to_nir
from spikelet_converters.frontends.nir import from_nir


def interpret(network, inputs, steps):
    """Return the spikes of the thresholds of an expressed NIR graph, with a delay of one step on edges that close a cycle."""
    order = ["input", "input:mean", "fc", "if:v", "if", "if:reset", "out"]
    v, back, imported = 0.0, 0.0, []
    nodes = network.nodes
    assert set(order) <= set(nodes)
    for _ in range(steps):
        x = inputs @ nodes["input:mean"].weight.T + nodes["input:mean"].bias
        current = x @ nodes["fc"].weight.T + nodes["fc"].bias
        v = v + nodes["if:v"].r * (current + back)
        fired = v > nodes["if"].threshold
        back = fired * nodes["if:reset"].scale
        imported.append(fired)
    return imported


@pytest.mark.parametrize("tie", [">=", ">"])
def test_the_expressed_form_fires_the_same_spikes(tie):
    """Reset by subtraction, v_init and the tie are expressed by NIR nodes, with the same spikes by NIR's definitions."""
    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((4,), np.array([3, 1, 2, 0], np.int16), 0, 8),
        "fc": Linear(rng.integers(-3, 6, (5, 4)).astype(np.int8), rng.integers(-2, 3, 5).astype(np.int32)),
        "if": IF(rng.integers(4, 9, 5).astype(np.int32), rng.integers(-3, 4, 5).astype(np.int32), "subtract", tie),
        "out": Linear(np.ones((2, 5), np.int8), np.zeros(2, np.int32)),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    inputs = rng.integers(0, 9, (6, 4)).astype(np.float32)
    expected = spikes_of(graph, inputs, 12)
    imported = interpret(to_nir(graph, "expressed"), inputs, 12)
    assert all(np.array_equal(a["if"], b) for a, b in zip(expected, imported, strict=True))
    assert 0.1 < np.mean(imported) < 0.9
    assert dict(from_nir(to_nir(graph, "expressed")).graph.nodes) == dict(graph.nodes), "and the annotation reads back"


def test_a_reset_to_zero_is_expressed_without_feedback():
    """The network that spikelet imports without the metadata fires the same spikes."""
    one = np.ones(3, np.int32)
    nodes = {
        "input": Input((2,), np.zeros(2, np.int16), 0, 9),
        "fc": Linear(np.array([[1, 2], [2, 1], [1, 1]], np.int8), 0 * one),
        "if": IF(np.array([5, 7, 6], np.int32), np.array([2, 0, -1], np.int32), "zero", ">="),
        "out": Linear(np.ones((2, 3), np.int8), np.zeros(2, np.int32)),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    network = to_nir(graph, "expressed")
    network.metadata.clear()
    imported = from_nir(network).graph
    inputs = np.random.default_rng(0).integers(0, 4, (5, 2)).astype(np.float32)
    for a, b in zip(spikes_of(graph, inputs, 10), spikes_of(imported, inputs, 10), strict=True):
        assert np.array_equal(a["if"], b["if"])


def test_a_leak_by_shifts_has_no_expressed_form():
    one = np.ones(3, np.int32)
    nodes = {
        "input": Input((3,), np.zeros(3, np.int16)),
        "fc": Linear(np.eye(3, dtype=np.int8), 0 * one),
        "lif": LIF(one, 0 * one, decay=one),
        "out": Linear(np.eye(3, dtype=np.int8), 0 * one),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    with pytest.raises(
        ConversionError, match="neuron lif: NIR does not represent a leak by an integer shift, .*; use --form annotated"
    ):
        to_nir(graph, "expressed")
