"""Spike counts of copies in closed form: those of the copies one by one, for all currents and at all limits."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import graphs, small_graph
from spikelet import neurons
from spikelet.bounds.ranges import EXACT_LIMIT
from spikelet.copies.at_once import counts_at_once, layers_at_once
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Input, Output
from spikelet_converters.conversion.copies import with_copies

i32, f32 = np.int32, np.float32
RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def layer(theta, offset, copies, tie=">="):
    """Return neurons whose copies start at floor((i theta + offset) / k), or one higher if a tie does not fire."""
    potentials = (np.arange(copies) * theta[:, None] + offset[:, None]) // copies + (tie == ">")
    return IF(theta.astype(i32), potentials.reshape(-1).astype(i32), tie=tie, copies=copies)


def one_by_one(node, currents):
    """Return the number of copies that fire, for currents (N, C)."""
    v = neurons.initial_potential(node, len(currents), (len(node.theta),))
    return neurons.layer_output(node, neurons.step(node, v, currents.astype(f32))[1])


@given(data=st.data(), copies=st.integers(2, 255), tie=st.sampled_from([">=", ">"]))
def test_counts_are_those_of_the_copies_one_by_one(data, copies, tie):
    theta = np.array(data.draw(st.lists(st.integers(1, (EXACT_LIMIT - 600) // copies - 600), min_size=3, max_size=3)))
    offset = np.array([data.draw(st.integers(0, t - 1)) for t in theta])
    node = layer(theta, offset, copies, tie)
    form = counts_at_once(node)
    assert form is not None
    # about every current at which a copy begins to fire, and far from all of them
    edges = (theta * (np.arange(copies + 2)[:, None]) - offset) // copies
    currents = np.concatenate(
        [edges + shift for shift in (-1, 0, 1)] + [np.full((1, 3), x) for x in (1 - EXACT_LIMIT, 0, EXACT_LIMIT - 1)]
    )
    currents = currents[(np.abs(currents) + theta < EXACT_LIMIT).all(axis=1)]
    assert np.array_equal(form(currents.astype(f32)), one_by_one(node, currents))


def test_potentials_that_are_not_staggered_or_too_large_have_no_closed_form():
    assert counts_at_once(IF(np.array([4], i32), np.array([0, 2], i32), copies=2)) is not None
    assert counts_at_once(IF(np.array([4], i32), np.array([0, 3], i32), copies=2)) is None  # one spike is too early
    near, beyond = (layer(np.array([8]), np.array([offset]), 4) for offset in (EXACT_LIMIT - 64, 2 * EXACT_LIMIT + 3))
    assert counts_at_once(near) is not None
    assert counts_at_once(beyond) is None  # float32 rounds its offset


@given(copies=st.integers(2, 16), theta=st.integers(1, 60), data=st.data(), tie=st.sampled_from([">=", ">"]))
def test_potentials_of_any_kind_are_counted_right_or_not_at_all(copies, theta, data, tie):
    v_init = np.array(data.draw(st.lists(st.integers(-90, 90), min_size=copies, max_size=copies)), i32)
    node = IF(np.array([theta], i32), v_init, tie=tie, copies=copies)
    form = counts_at_once(node)
    if form is not None:
        currents = np.arange(-200, 200)[:, None]
        assert np.array_equal(form(currents.astype(f32)), one_by_one(node, currents))


@pytest.mark.parametrize("start", ["half", "trained"])
def test_converted_layers_have_a_closed_form(start):
    graph = with_copies(small_graph_of_if(), 5, start)
    assert layers_at_once(graph).keys() == set(graph.spiking)
    assert layers_at_once(small_graph_of_if()) == {}


def small_graph_of_if():
    graph = small_graph()
    nodes = {
        name: IF(node.theta, (node.theta // 3).astype(i32)) if isinstance(node, IF) else node
        for name, node in graph.nodes.items()
    }
    return Graph(nodes, graph.edges)


@pytest.mark.parametrize(
    "node",
    [
        IF(np.array([8], i32), np.array([4], i32)),
        IF(np.array([8], i32), np.array([0, 0], i32), copies=2),
        IF(np.array([8], f32), np.array([2, 6], f32), copies=2),
        LIF(np.array([8], i32), np.array([2, 6], i32), decay=np.array([3], i32), copies=2),
        IF(np.array([EXACT_LIMIT - 1], i32), np.array([0, EXACT_LIMIT // 2], i32), copies=2),
    ],
    ids=["one copy", "equal potentials", "float32", "leak", "beyond float32"],
)
def test_layers_without_a_closed_form(node):
    assert counts_at_once(node) is None


@pytest.mark.parametrize("name", ["numpy", "onnx"])
@RANDOM
@given(graph=graphs(), copies=st.integers(2, 16), seed=st.integers(0, 99), some=st.booleans())
def test_a_run_of_one_time_step_gives_the_counts_of_single_steps(name, graph, copies, seed, some):
    nodes = {
        key: IF(node.theta, (node.theta // 2).astype(i32), tie=node.tie) if isinstance(node, IF) else node
        for key, node in graph.nodes.items()
    }
    graph = Graph(nodes, graph.edges)
    graph = with_copies(graph, {graph.spiking[-1]: copies} if some else copies)
    pixels = np.random.default_rng(seed).integers(0, 256, (3, *graph.input.shape)).astype(f32)
    single, whole = create(graph, "numpy"), create(graph, name)
    single.reset(3)
    expected = single.step(pixels)
    for _ in range(2):  # again, from the same engine
        whole.reset(3, 1)
        assert np.array_equal(whole.step(pixels), expected)
        for layer_name, counts in single.spike_counts().items():
            assert np.array_equal(whole.spike_counts()[layer_name], counts)
    assert whole.spike_counts().keys() == set(graph.spiking)


def test_copies_are_counted_at_once_where_nothing_needs_their_spikes(monkeypatch):
    """A run of one time-step steps no neuron; recorded layers, counted spikes and longer runs need them."""
    stepped = []
    step = neurons.step
    monkeypatch.setattr(neurons, "step", lambda *values: stepped.append(1) or step(*values))
    graph = with_copies(small_graph_of_if(), 3)
    pixels = np.zeros((1, *graph.input.shape), f32)

    def steps_of(record=(), window=1, count=False):
        stepped.clear()
        engine = create(graph, "numpy", record)
        if count:
            engine.count_spikes({name: np.zeros(graph.population(name), np.int64) for name in graph.spiking})
        engine.reset(1, window)
        engine.step(pixels)
        return len(stepped)

    assert steps_of() == 0
    assert steps_of(["if2"]) == 1
    assert steps_of(window=2) == steps_of(window=None) == steps_of(count=True) == 3


def test_rows_that_leave_take_their_counts_with_them():
    nodes = {"x": Input((1,), np.zeros(1, np.int16)), "if": layer(np.array([9]), np.array([4]), 3), "y": Output()}
    engine = create(Graph(nodes, tuple(pairwise(nodes))), "numpy")
    engine.reset(3, 1)
    engine.step(np.array([[0], [4], [9]], f32))
    assert engine.spike_counts()["if"].tolist() == [0, 1, 3]
    engine.keep(np.array([2]))
    assert engine.spike_counts()["if"].tolist() == [3]
