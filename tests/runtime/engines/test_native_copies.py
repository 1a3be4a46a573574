"""Copies in generated C: one potential represents those of all copies, which are computed from it."""

from dataclasses import replace

import numpy as np
import pytest

from networks import Builder
from spikelet.bounds.ranges import INT32_LIMIT, accumulators, exact_steps
from spikelet.engines import create
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.copies import compact_layers, progression, proven_steps
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import costs
from spikelet.nodes import IF, LIF, Add, Scale, SumPool2d

STEPS, SAMPLES = 6, 3
i32 = np.int32


@pytest.fixture(scope="module")
def graph():
    """Layers whose copies are one progression, with and without a factor, and a layer whose copies become channels.

    Numbers of spikes of if0 and if1 are multiplied where a processor can. The shortcut reads lists of the spikes of if0.
    """
    net = Builder((2, 6, 6), np.random.default_rng(7))
    net.conv("conv0", 8)
    root = net.neuron("if0", scale=5000, copies=3, start="rounded")
    net.conv("branch", 20)
    net.neuron("if_branch", scale=60, copies=5, start="even")
    branch = net.conv("conv1", 8)
    shortcut = net.add("shortcut", Scale(np.full(8, 3, np.int8)), (root,))
    net.add("sum", Add(), (branch, shortcut))
    net.neuron("if1", scale=900, copies=3, start="rounded")
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 70)
    net.neuron("if2", scale=40, copies=4, start="even", tie=">")
    net.conv("conv3", 6)
    net.neuron("if3", scale=90, copies=2)
    net.conv("conv4", 6)
    net.neuron("if4", scale=30, copies=16, start="rounded", tie=">")
    net.conv("grouped", 6, groups=3)
    net.neuron("if5", scale=20, leaky=True)
    return net.graph()


@pytest.fixture(scope="module")
def images(graph):
    shape = (SAMPLES, *graph.input.shape)
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)


def test_copies_are_kept_where_one_potential_determines_them(graph):
    assert compact_layers(graph) == {"if0", "if_branch", "if1", "if2", "if4"}
    for program in (HostProgram(graph), McuProgram(graph)):
        copies = {name: program.graph.neuron(name).copies for name in program.graph.spiking}
        assert copies == {"if0": 3, "if_branch": 5, "if1": 3, "if2": 4, "if3": 1, "if4": 16, "if5": 1}
    plan = HostProgram(graph).plan
    assert [name for name in graph.spiking if plan.stores_counts(name)] == ["if0", "if1"]
    assert not any(map(plan.lists_counts, graph.spiking))  # a shortcut reads counts
    assert [progression(graph.neuron(name)).gain for name in ("if1", "if2", "if4", "if5")] == [3, 1, 16, 1]


def test_spikes_potentials_and_counts_are_those_of_every_copy(graph, images):
    engines = [create(graph, name, graph.spiking) for name in ("numpy", "native")]
    for engine in engines:
        engine.reset(SAMPLES)
    for t in range(STEPS):
        logits = [engine.step(images if t == 0 else None) for engine in engines]
        assert np.array_equal(*logits)
        if t == 2:
            for engine in engines:
                engine.keep(np.array([2, 0]))
        for layer in graph.spiking:
            for values in ("spikes", "potentials"):
                assert np.array_equal(*(getattr(engine, values)(layer) for engine in engines)), (t, layer, values)
            assert np.array_equal(*(engine.spike_counts()[layer] for engine in engines))
        assert all(engines[0].spikes(layer).any() for layer in graph.spiking)


@pytest.mark.parametrize(("threads", "window"), [(1, None), (2, STEPS)])
def test_spikes_of_every_copy_are_counted(graph, images, threads, window):
    by_copy = costs(graph, sites(graph))
    counted = []
    for engine in (create(graph, "numpy"), create(graph, "native", threads=threads)):
        engine.count_spikes(by_copy)
        events = []
        for _ in range(2):  # counts go on after a reset
            engine.reset(SAMPLES, window)
            for t in range(STEPS):
                engine.step(images if t == 0 else None)
                events.append(engine.events().copy())
        counted.append((events, engine.counted()))
    assert np.array_equal(counted[0][0], counted[1][0])
    for layer in graph.spiking:
        assert np.array_equal(counted[0][1][layer], counted[1][1][layer]), layer


def test_counting_of_copies_begins_with_the_first_time_step(graph, images):
    engine = create(graph, "native")
    engine.reset(SAMPLES)
    engine.step(images)
    engine.count_spikes(costs(graph, sites(graph)))
    with pytest.raises(EngineError, match="counting began after time-step 1, but spikes of copies are counted from"):
        engine.step()
    engine.reset(SAMPLES)
    engine.step(images)
    assert engine.counted()["if1"].any()


def test_a_factor_takes_range_from_the_accumulators(graph):
    assert proven_steps(graph) <= exact_steps(graph, INT32_LIMIT)
    for accumulator in accumulators(graph):
        gain = progression(graph.neuron(accumulator.node)).gain if accumulator.node in compact_layers(graph) else 1
        largest = accumulator.start + proven_steps(graph) * accumulator.per_step
        assert (gain * (largest + 1) <= INT32_LIMIT + 1).all()


def neurons(copies, factor=1, kind=IF, **changes):
    """Return neurons with copies whose potentials are theta / copies apart, rounded down."""
    theta = np.array([7, 12], i32) * factor
    start = np.array([[3], [-5]])
    v_init = (start * copies + np.arange(copies) * theta[:, None]) // copies
    return kind(theta, v_init.reshape(-1).astype(i32), copies=copies, **changes)


@pytest.mark.parametrize("copies", [2, 3, 4, 127, 128])
def test_a_factor_is_used_only_if_potentials_fit(copies):
    node = neurons(copies)
    assert progression(node).gain == copies
    net = Builder((2,), np.random.default_rng(0))
    net.add("if", node)
    assert compact_layers(net.graph()) == ({"if"} if copies < 128 else set())
    assert progression(neurons(copies, factor=copies)).gain == 1


@pytest.mark.parametrize(
    "node",
    [
        neurons(3, reset="zero"),
        neurons(3, kind=LIF, decay=np.ones(2, i32)),
        replace(neurons(3), v_init=np.array([3, 5, 9, -5, -1, 3], i32)),
        replace(neurons(3), v_init=np.array([7, 5, 3, 3, -1, -5], i32)),
    ],
    ids=["zero", "leaky", "one potential is off by 2", "descending"],
)
def test_other_copies_are_no_progression(node):
    assert progression(neurons(3)).gain == 3
    with pytest.raises(ValueError, match="not a progression"):
        progression(node)
    net = Builder((2,), np.random.default_rng(0))
    net.add("if", node)
    graph: Graph = net.graph()
    assert compact_layers(graph) == set()
    assert HostProgram(graph).graph.shapes["if"] == (6,)
