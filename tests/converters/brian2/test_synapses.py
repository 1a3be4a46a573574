"""Unrolled synapses give the current that the reference engine computes, node by node."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import Builder, graphs, small_graph
from spikelet.engines.numpy import NumpyEngine
from spikelet.nodes import Add, Scale
from spikelet_converters.brian2.sampling import parts, sample, select
from spikelet_converters.brian2.synapses import fan_in, populate


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.integers(0, 99))
def test_the_current_is_that_of_the_reference_engine(graph, seed):
    rng = np.random.default_rng(seed)
    engine = NumpyEngine(graph)
    engine.reset(1)
    # the currents are linear in the values of the sources, so that any values can be compared
    sources = {name: rng.integers(0, 2, (1, *graph.shapes[name])).astype(np.float32) for name in graph.spiking}
    pixels = rng.integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    values = dict(sources)
    for name in graph.order:
        if name not in values:
            values[name] = engine._evaluate(name, [values[source] for source in graph.predecessors[name]], pixels)
    for name in (*graph.spiking, graph.output_name):
        population = populate(graph, name)
        current = population.bias.copy()
        for source, synapses in population.inputs.items():
            current += np.bincount(synapses.post, synapses.weight * values[source].ravel()[synapses.pre], len(current))
        assert np.array_equal(current, values[graph.predecessors[name][0]].ravel())


def test_some_neurons_have_the_synapses_that_they_have_among_all():
    graph = small_graph()
    whole, few = populate(graph, "if2"), populate(graph, "if2", np.array([3, 17, 30]))
    for source, synapses in few.inputs.items():
        dense = np.zeros((36, graph.neurons(source)))
        everything = whole.inputs[source]
        dense[everything.post, everything.pre] = everything.weight
        part = np.zeros((3, graph.neurons(source)))
        part[synapses.post, synapses.pre] = synapses.weight
        assert np.array_equal(part, dense[[3, 17, 30]])
    assert np.array_equal(few.bias, whole.bias[[3, 17, 30]])


def test_parallel_synapses_are_merged_and_cancelling_ones_are_removed():
    net = Builder((2,), np.random.default_rng(0))
    net.neuron("if1")
    net.add("plus", Scale(np.array([3, 2], np.int8)))
    net.add("minus", Scale(np.array([-3, 5], np.int8)), ("if1",))
    net.add("add", Add(), ("plus", "minus"))
    net.neuron("if2")
    selected = populate(net.graph(), "if2").inputs["if1"]
    assert (selected.pre.tolist(), selected.post.tolist(), selected.weight.tolist()) == ([1], [1], [7.0])


def test_fan_in_of_a_neuron_away_from_the_border():
    graph = small_graph()
    weights = np.count_nonzero(graph.nodes["conv1"].weight[0])
    assert fan_in(graph, "if1") == weights
    assert fan_in(graph, "output") == np.count_nonzero(graph.nodes["logits"].weight[0])


@pytest.mark.parametrize("count", [1, 4, 10, 143, 144, 500])
def test_a_sample_has_equally_many_neurons_of_every_channel(count):
    graph = small_graph()  # if1: 4 channels of 36 neurons
    selected = sample(graph, "if1", count, np.random.default_rng(0))
    assert len(selected) == min(count, 144)
    assert np.array_equal(selected, np.unique(selected))
    by_channel = np.bincount(selected // 36, minlength=4)
    assert by_channel.max() - by_channel.min() <= 1


def test_a_seed_gives_the_same_sample_and_large_layers_are_split(monkeypatch):
    graph = small_graph()
    one, two, other = (select(graph, 20, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.chosen["if1"], two.chosen["if1"])
    assert not np.array_equal(one.chosen["if1"], other.chosen["if1"])
    monkeypatch.setattr("spikelet_converters.brian2.sampling.PART_SYNAPSES", 7 * fan_in(graph, "if1"))
    sizes = [part["if1"].stop - part["if1"].start for part in parts(one) if "if1" in part]
    assert sizes == [7, 7, 6]
