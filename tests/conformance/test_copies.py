"""Copies of neurons on every engine, in both C forms and in Brian2: the spikes of the network with copies written out.

Runs of 16 time-steps are compared after each of them, so that T = 1…16 are all compared. The short form tests every
number of copies on the numpy engine and two of them elsewhere; `make conformance` tests all of them everywhere.
"""

import os

import numpy as np
import pytest

from c_projects import c_project, self_tests
from joined_libraries import compile_together
from networks import Builder
from runners import RUNNERS, on_engine
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.copies import expand
from spikelet.engines import ENGINES
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Flatten, Scale, SumPool2d
from spikelet.verify import record_golden
from spikelet_converters.conversion.copies import with_copies

LONG = "SPIKELET_CONFORMANCE" in os.environ
NETWORKS = int(os.environ.get("SPIKELET_CONFORMANCE", "0")) // 1000 or 1  # for each number of copies
ALL = range(1, 17)
FEW = ALL if LONG else (3, 16)
STEPS = 16


def network(copies, seed):
    """Return a network with a residual block, a pool and a linear layer; in every second one v_init is random."""
    rng = np.random.default_rng([copies, seed])
    net = Builder((int(rng.integers(1, 4)), 5, 5), rng)
    net.conv("conv1", int(rng.integers(1, 5)))
    net.neuron("if1", scale=900, tie=str(rng.choice([">=", ">"])))
    root = net.here
    if rng.random() < 0.5:
        net.add("pool", SumPool2d((2, 2), (1, 1)))
        root = net.here
    first = net.conv("conv2", net.shape[0])
    second = net.add("shortcut", Scale(net.integers(-4, 4, net.shape[0], np.int8)), (root,))
    net.add("add", Add(), (first, second))
    net.neuron("if2", scale=60)
    net.add("flat", Flatten())
    net.linear("fc", int(rng.integers(1, 6)))
    net.neuron("if3", scale=60)
    graph = net.graph()
    if seed % 2:  # as conversion makes them
        return with_copies(graph, copies)
    nodes = dict(graph.nodes)
    for name in graph.spiking:
        node = graph.neuron(name)
        v_init = rng.integers(-60, 61, len(node.theta) * copies).astype(np.int32)
        nodes[name] = IF(node.theta, v_init, node.reset, node.tie, copies=copies)
    return Graph(nodes, graph.edges)


def networks(copies):
    for index in range(NETWORKS):
        graph = network(copies, index + copies)  # of both kinds in the short form
        assert exact_steps(graph) >= STEPS
        yield graph, np.random.default_rng(index).integers(0, 256, (1, 2, *graph.input.shape)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """The networks of the native engine, which the short form compiles together."""
    compile_together(graph for copies in FEW for graph, _ in networks(copies))


@pytest.mark.parametrize("name", [name for name in RUNNERS if LONG or "window" not in name])
def test_spikes_potentials_and_logits_are_those_of_the_expansion(name):
    for copies in ALL if name == "numpy" else FEW:
        for graph, inputs in networks(copies):
            expected = on_engine("numpy", expand(graph), inputs, STEPS)
            actual = RUNNERS[name](graph, inputs, STEPS)
            for layer in graph.spiking:
                assert np.array_equal(actual.spikes[layer], expected.spikes[layer]), (copies, layer)
                assert np.array_equal(actual.potentials[layer], expected.potentials[layer]), (copies, layer)
            assert np.array_equal(actual.logits, expected.logits), copies


@pytest.mark.parametrize("name", sorted(ENGINES))
@pytest.mark.parametrize("steps", ALL if LONG else (1, 9))
def test_a_run_whose_length_is_known_gives_the_same(name, steps):
    """An engine that gets T in advance may evaluate layer by layer and count in closed form."""
    for copies in FEW:
        for graph, inputs in networks(copies):
            expected = on_engine("numpy", expand(graph), inputs, steps)
            actual = on_engine(name, graph, inputs, steps, window=True)
            assert np.array_equal(actual.logits, expected.logits), copies
            assert all(np.array_equal(actual.spikes[layer], expected.spikes[layer]) for layer in graph.spiking), copies


@pytest.mark.parametrize("form", ["host", "mcu"] if LONG else ["mcu"])  # host: that of the native engine
def test_exported_c_fires_the_spikes_of_the_expansion(form, tmp_path):
    standard = "c99" if form == "mcu" else "gnu11"
    projects = []
    for copies in FEW:
        for graph, inputs in networks(copies):
            golden = record_golden(expand(graph), inputs[0], STEPS)
            bundle = Bundle(graph, Manifest("small", None, 8, exact_steps(graph)), golden, "# card\n")
            projects.append(c_project(bundle, form=form)[0])
    for number, run in enumerate(self_tests(projects, ["cc", f"-std={standard}", "-O1" if LONG else "-O0"], tmp_path)):
        assert run.returncode == 0, f"{FEW[number // NETWORKS]} copies: {run.stdout}"
        assert "pass: 2 images" in run.stdout


@pytest.mark.parametrize("groups", [1, 4, 16])
def test_readers_of_one_pool_that_multiply_counts_and_that_read_lists(groups, monkeypatch):
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")  # compiled quickly
    net = Builder((3, 8, 8), np.random.default_rng(groups))
    net.conv("conv1", 16)
    net.neuron("if1", copies=4, start="even", scale=60)
    pool = net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 16)
    first = net.neuron("if2", scale=90)
    net.here = pool
    net.conv("conv3", 16, groups=groups)
    second = net.neuron("if3", scale=90)
    net.add("add", Add(), (first, second))
    net.add("flat", Flatten())
    net.linear("fc", 3)
    graph = net.graph()
    inputs = np.random.default_rng(0).integers(0, 256, (1, 2, *graph.input.shape)).astype(np.float32)
    expected = on_engine("numpy", expand(graph), inputs, 3)
    for window in (False, True):
        actual = on_engine("native", graph, inputs, 3, window=window)
        assert np.array_equal(actual.logits, expected.logits)
        assert all(np.array_equal(actual.spikes[layer], expected.spikes[layer]) for layer in graph.spiking)
