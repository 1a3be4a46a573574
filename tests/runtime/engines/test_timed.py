"""The native engine that measures the time of each node."""

import numpy as np
import pytest

from networks import small_graph
from spikelet.benchmark.layers import layer_times
from spikelet.engines import create
from spikelet.engines.native.timed import TimedEngine
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Input, Linear, Output

IMAGES = np.random.default_rng(0).integers(0, 256, (3, *small_graph().shapes["input"])).astype(np.float32)


def test_it_fires_the_spikes_of_the_reference_engine():
    graph = small_graph()
    logits, spikes = TimedEngine(graph).run_window(IMAGES, 4)
    expected_logits, expected_spikes = create(graph, "numpy").run_window(IMAGES, 4)
    assert spikes.any()
    np.testing.assert_array_equal(logits, expected_logits)
    np.testing.assert_array_equal(spikes, expected_spikes)


def test_every_node_of_the_program_takes_time():
    graph = small_graph()
    engine = TimedEngine(graph)
    before = engine.node_times()
    engine.run_window(IMAGES, 4)
    taken = dict(zip(graph.order, engine.node_times() - before, strict=True))
    assert all(taken[name] > 0 for name in graph.order if isinstance(graph.nodes[name], Conv2d | Linear))


def test_a_network_without_layers_of_weights_has_no_times():
    one = np.ones(4, np.int32)
    nodes = {"x": Input((4,), 0 * one), "if": IF(one, 0 * one), "y": Output()}
    assert layer_times(Graph(nodes, (("x", "if"), ("if", "y"))), np.ones((1, 4), np.float32), 2, seconds=0) == {}


def test_the_times_of_layers_are_those_of_all_nodes(monkeypatch):
    graph = small_graph()
    times = iter(np.arange(1, 100)[:, None] * np.full(len(graph.order), 1000, np.uint64))
    monkeypatch.setattr(TimedEngine, "node_times", lambda self: next(times))
    layers = layer_times(graph, IMAGES, 2, seconds=0)
    assert list(layers) == [name for name in graph.order if isinstance(graph.nodes[name], Conv2d | Linear)]
    assert sum(layers.values()) == pytest.approx(len(graph.order))  # each node takes a microsecond
