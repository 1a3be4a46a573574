"""Copies of neurons: the same spikes as the network in which each copy is a channel."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import Builder, graphs, small_graph
from spikelet.bounds.magnitudes import check_magnitudes
from spikelet.bounds.ranges import exact_steps
from spikelet.copies import expand, expanded_weights, free_name
from spikelet.engines import create, run
from spikelet.errors import CostError, GraphError
from spikelet.graph import Graph
from spikelet.metrics.fanout import sites
from spikelet.nodes import IF, LIF, MAX_COPIES, Add, Conv2d, Flatten, Input, Linear, Output

i32 = np.int32
RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def with_copies(graph, copies, seed=0):
    """Return the network with copies of every neuron, whose initial potentials are random."""
    rng = np.random.default_rng(seed)
    nodes = dict(graph.nodes)
    for name in graph.spiking:
        node = graph.neuron(name)
        v_init = rng.integers(-20, 20, copies * len(node.theta)).astype(node.v_init.dtype)
        nodes[name] = replace(node, copies=copies, v_init=v_init)
    return Graph(nodes, graph.edges)


def pixels(graph, samples=2, seed=0):
    shape = (1, samples, *graph.input.shape)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)


def assert_expanded_agrees(graph, inputs, steps):
    """Compare logits, spikes, counts and potentials of every layer and time-step with the expanded network."""
    plain = expand(graph)
    assert not plain.copied
    engines = [create(network, "numpy", graph.spiking) for network in (graph, plain)]
    for (_, logits), (_, expected) in zip(*(run(engine, inputs, steps) for engine in engines), strict=True):
        assert np.array_equal(logits, expected)
        for layer in graph.spiking:
            assert engines[0].spikes(layer).shape[1:] == graph.population(layer) == plain.shapes[layer]
            assert np.array_equal(engines[0].spikes(layer), engines[1].spikes(layer))
            assert np.array_equal(engines[0].potentials(layer), engines[1].potentials(layer))
            assert np.array_equal(engines[0].spike_counts()[layer], engines[1].spike_counts()[layer])


@RANDOM
@given(graph=graphs(copies=(1, 2, 3, 16)), seed=st.integers(0, 99))
def test_random_networks_fire_the_spikes_of_their_expansion(graph, seed):
    assert_expanded_agrees(graph, pixels(graph, seed=seed), min(4, exact_steps(graph)))


@pytest.mark.parametrize("copies", range(1, 17))
def test_every_number_of_copies_and_time_steps_up_to_16(copies):
    graph = with_copies(small_graph(), copies)
    assert_expanded_agrees(graph, pixels(graph), 16)


@RANDOM
@given(graph=graphs(copies=(1, 2, 5)))
def test_the_proof_is_that_of_the_expanded_network(graph):
    plain = expand(graph)
    assert exact_steps(graph) == exact_steps(plain)


@RANDOM
@given(graph=graphs(copies=(1, 2, 5)))
def test_the_weights_of_the_expansion_are_bounded_without_writing_it_out(graph):
    plain = expand(graph)
    weights = sum(int(node.weight.size) for node in plain.nodes.values() if isinstance(node, Conv2d | Linear))
    assert weights <= expanded_weights(graph)


@pytest.mark.parametrize("copies", [2, 5])
def test_a_float32_network_whose_sums_do_not_round_agrees_with_its_expansion(copies):
    graph = with_copies(small_graph(exact=False), copies)
    assert not expand(graph).exact
    check_magnitudes(graph)
    check_magnitudes(expand(graph))
    assert_expanded_agrees(graph, pixels(graph), 8)


def test_neurons_of_a_layer_are_those_of_all_copies():
    graph = with_copies(small_graph(), 3)
    assert graph.shapes["if1"] == (4, 6, 6)
    assert graph.population("if1") == (12, 6, 6)
    assert graph.neurons("if1") == 3 * graph.size("if1") == 432
    assert graph.neurons("pool1") == graph.size("pool1")
    assert (graph.copied, graph.ir_version) == (True, 2)
    assert (small_graph().copied, small_graph().ir_version) == (False, 1)


def test_a_network_without_copies_is_its_own_expansion():
    graph = small_graph()
    assert expand(graph) is graph
    copied = with_copies(graph, 2)
    assert expand(copied) is expand(copied)


def test_copies_of_a_flattened_image_have_a_distance_of_one_image():
    """A weight of a pixel applies to the copies of that pixel."""
    net = Builder((2, 3, 3), np.random.default_rng(3))
    net.conv("conv", 3)
    net.neuron("if1", copies=2, scale=400)
    net.add("flat", Flatten())
    net.linear("fc", 4)
    net.neuron("if2", copies=3)
    graph = net.graph()
    weight = expand(graph).synapse("fc").weight
    assert weight.shape == (12, 54)
    by_pixel = weight.reshape(4, 3, 3, 2, 9)  # output, its copies, channel, its copies, pixel
    assert (by_pixel == by_pixel[:, :1, :, :1]).all()
    assert np.array_equal(by_pixel[:, 0, :, 0].reshape(4, 27), graph.synapse("fc").weight)
    assert_expanded_agrees(graph, pixels(graph), 8)


def test_sums_of_a_flattened_image_and_a_vector_add_the_copies_of_each():
    """Copies of a flattened image are as far apart as its pixels, those of a vector are neighbours."""
    rng = np.random.default_rng(0)
    net = Builder((2, 2, 2), rng)
    net.neuron("if_image", scale=60, copies=3)
    net.add("flat", Flatten())
    net.add("flat_input", Flatten(), ("input",))
    net.linear("fc", 8)
    net.neuron("if_vector", scale=200, copies=3)
    net.add("sum", Add(), ("flat", "if_vector"))
    net.linear("last", 4)
    net.neuron("if_last")
    graph = net.graph()
    assert_expanded_agrees(graph, pixels(graph), 4)


@pytest.mark.parametrize(
    ("name", "free"),
    [("a.sum", "a.sum"), ("taken", "copies2"), ("b" + "1" * 64, "copies2"), ("c.1" + "d" * 63, "d" * 63)],
)
def test_a_free_name_is_a_name_of_a_node(name, free):
    """Names that are too long lose their beginning, and what is left begins with a letter."""
    assert free_name(name, {"taken", "copies"}, "copies") == free


def test_names_that_the_expansion_adds_are_free():
    """A layer of 64 characters, and nodes that already have the names that would be given."""
    graph = with_copies(small_graph(), 2)
    names = {"if2": "n" * 64, "shortcut": "s", "fc1": "s.sum", "if3": "copies2"}
    nodes = {names.get(name, name): node for name, node in graph.nodes.items()}
    renamed = Graph(nodes, tuple((names.get(a, a), names.get(b, b)) for a, b in graph.edges))
    plain = expand(renamed)
    assert set(renamed.nodes) < set(plain.nodes)
    assert_expanded_agrees(renamed, pixels(renamed), 3)


def chain(*nodes):
    named = {"input": Input((3,), np.zeros(3, np.int16))} | {f"n{i}": node for i, node in enumerate(nodes)}
    return Graph(named | {"output": Output()}, tuple(pairwise([*named, "output"])))


@pytest.mark.parametrize("kind", [IF, LIF])
@pytest.mark.parametrize("copies", [0, -1, MAX_COPIES + 1, 2.0, True, "2"])
def test_a_number_of_copies_out_of_range_is_refused(kind, copies):
    more = {"decay": np.ones(3, i32)} if kind is LIF else {}
    with pytest.raises(GraphError, match=rf"{kind.__name__}.copies: expected a whole number of 1…255, found"):
        kind(np.ones(3, i32), np.ones(3, i32), copies=copies, **more)


def test_initial_potentials_are_one_per_copy():
    with pytest.raises(GraphError, match="v_init: expected 6 values, one for each of the 2 copies of the 3 channels"):
        IF(np.ones(3, i32), np.ones(3, i32), copies=2)


def test_limits_on_sizes_count_copies():
    neurons = IF(np.ones(3, i32), np.ones(3 * 255, i32), copies=255)
    wide = Linear(np.ones((4200, 3), np.int8), np.ones(4200, i32))
    many = IF(np.ones(4200, i32), np.ones(4200 * 255, i32), copies=255)
    assert chain(neurons).neurons("n0") == 765
    with pytest.raises(GraphError, match="channels over all nodes"):
        chain(wide, many)


def test_an_expansion_beyond_the_memory_limit_is_refused_before_it_is_written(monkeypatch):
    graph = with_copies(small_graph(), 200)
    monkeypatch.setenv("SPIKELET_MAX_MEMORY", "1M")
    with pytest.raises(CostError, match="the expanded network: needs up to"):
        expand(graph)


def test_copies_of_a_vector_too_long_to_be_summed_are_refused():
    """A sum of the copies of 20,000 values is a matrix of 2 · 20,000^2 weights."""
    size = 20_000
    nodes = {
        "input": Input((size,), np.zeros(size, np.int16)),
        "if": IF(np.ones(size, i32), np.ones(2 * size, i32), copies=2),
        "output": Output(),
    }
    graph = Graph(nodes, (("input", "if"), ("if", "output")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKELET_MAX_MEMORY", "64G")
        with pytest.raises(GraphError, match="copies of 20000 values cannot be expanded"):
            expand(graph)
    engine = create(graph, "numpy")
    engine.reset(1)
    assert (engine.step(np.full((1, size), 3, np.float32)) == 2).all()


@RANDOM
@given(graph=graphs(copies=(1, 2, 3)))
def test_operations_of_a_spike_are_those_of_its_channel(graph):
    """Copies share the current of their channel, so a spike causes the operations that it causes without copies."""
    single = {
        name: replace(node, copies=1, v_init=node.v_init[:: node.copies]) if isinstance(node, IF) else node
        for name, node in graph.nodes.items()
    }
    for site, expected in zip(sites(graph), sites(Graph(single, graph.edges)), strict=True):
        assert (site.node, site.dense, site.nonzero) == (expected.node, expected.dense, expected.nonzero)
        for layer, reach in site.reach.items():
            copies = graph.neuron(layer).copies
            assert reach.shape == graph.population(layer)
            assert np.array_equal(reach, np.repeat(expected.reach[layer], copies, axis=0))
