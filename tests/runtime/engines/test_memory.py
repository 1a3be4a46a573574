"""The stated memory of an engine is compared with the memory that it allocates."""

import concurrent.futures  # noqa: F401  # loaded here, so that it is not measured
import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counts.calls import peak_bytes
from networks import Builder, graphs, small_graph
from spikelet import shipped
from spikelet.bounds import cost
from spikelet.bundle import read
from spikelet.engines import ENGINES, Workload, create, engine_class, onnx_workload, run
from spikelet.limits import Limits
from spikelet.nodes import SumPool2d

FREE = Limits(max_memory=2**60, max_operations=2**60)


def allocated(graph, batch, *, threads=None, record=(), counting=False, steps=3):
    """Return the peak memory of the numpy engine in bytes, from its creation to the end of the last time-step."""
    inputs = np.random.default_rng(0).integers(0, 256, (1, batch, *graph.input.shape)).astype(np.uint8)

    def simulate():
        engine = create(graph, "numpy", record, threads, FREE)
        if counting:
            engine.count_spikes({name: np.ones(graph.population(name), np.int64) for name in graph.spiking})
        for _ in run(engine, inputs, min(steps, engine.step_limit or steps)):
            engine.spike_counts()

    return peak_bytes(simulate)


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    """Load the modules that an engine loads on first use, so that they are not measured."""
    for threads, counting in ((None, False), (2, True)):
        allocated(small_graph(), 32, threads=threads, record=("if1",), counting=counting)


@settings(max_examples=15, deadline=None)
@given(
    graph=st.one_of(graphs(copies=(1, 3)), graphs(exact=False, copies=(1, 3))),
    batch=st.sampled_from([1, 2, 7, 32]),
    threads=st.sampled_from([None, 2]),
    counting=st.booleans(),
)
def test_numpy_never_allocates_more_than_it_says(graph, batch, threads, counting):
    load = Workload(batch, None, graph.spiking, threads, counting)
    bound = engine_class("numpy").memory(graph, load)
    objects = 2**16  # of Python, such as the engine itself
    assert allocated(graph, batch, threads=threads, record=graph.spiking, counting=counting) <= bound + objects


def large(kind):
    """Return a network in which one node of the given kind needs most of the memory."""
    net = Builder((4, 64, 64), np.random.default_rng(0))
    if kind == "unfolded":
        net.conv("conv", 4, (7, 7), padding=(3, 3))
    elif kind == "padded":
        net.conv("conv", 4, (1, 1), padding=(200, 200))
        net.add("pool", SumPool2d((8, 8), (8, 8)))
    elif kind == "channels":
        net.conv("conv", 64, (3, 3))
    elif kind == "copies":
        net.conv("conv", 16, (3, 3))
    elif kind == "groups":
        net.conv("conv", 64, (3, 3), groups=4)
    elif kind == "weights":
        net.add("pool", SumPool2d((8, 8), (8, 8)))
        net.conv("conv", 256, (8, 8), padding=(0, 0))
    net.neuron("if", leaky=kind == "channels", copies=16 if kind == "copies" else 1)
    return net.graph()


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("kind", ["unfolded", "padded", "channels", "copies", "groups", "weights"])
def test_the_bound_is_close(kind, batch):
    graph = large(kind)
    bound, peak = engine_class("numpy").memory(graph, Workload(batch)), allocated(graph, batch)
    assert peak <= bound <= 2 * peak + 2**20


def test_the_bound_of_a_shipped_network_is_close():
    graph = read(shipped.demo()).graph
    bound, peak = engine_class("numpy").memory(graph, Workload(4)), allocated(graph, 4)
    assert peak <= bound <= 1.5 * peak


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=40, deadline=None)
@given(graph=graphs(copies=(1, 3)))
def test_more_work_never_needs_less(name, graph):
    memory = engine_class(name).memory
    for smaller, larger in itertools.pairwise([1, 2, 8, 32]):
        assert memory(graph, Workload(smaller)) <= memory(graph, Workload(larger))
    assert memory(graph, Workload(8)) <= memory(graph, Workload(8, record=graph.spiking))
    assert memory(graph, Workload(8)) <= memory(graph, Workload(8, window=8)) or name == "onnx"
    assert memory(graph, Workload(8)) <= memory(graph, Workload(8, counting=True))


def test_values_are_kept_until_their_last_use():
    net = Builder((2, 4, 4), np.random.default_rng(0))
    root = net.conv("a", 2)
    net.conv("b", 2)
    net.conv("c", 2)
    sizes = dict.fromkeys([*net.nodes], 0) | {"input": 1, "a": 10, "b": 100, "c": 1000}
    net.neuron("if")
    graph = net.graph()
    sizes = dict.fromkeys(graph.order, 0) | sizes
    none = dict.fromkeys(graph.order, 0)
    assert root == "a"
    assert cost.peak(graph, sizes, none) == 1100  # b and c; input and a are gone
    assert cost.peak(graph, sizes, none | {"a": 5000}) == 5011


def test_operations_of_each_kind():
    net = Builder((4, 6, 6), np.random.default_rng(0))
    net.conv("conv", 8, (3, 3), (1, 1), (1, 1), groups=2)
    net.neuron("if")
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    counts = cost.operations(net.graph(classes=5))
    assert counts["conv"] == 8 * 6 * 6 * 2 * 3 * 3
    assert counts["if"] == 8 * 6 * 6
    assert counts["pool"] == cost.CALL * 4
    assert counts["logits"] == 5 * 8 * 3 * 3
    assert counts["flatten"] == 0


def test_processes_of_tests_allocate_as_those_of_users():
    """Workers of a parallel run keep memory that is freed, see `conftest.py`; what they start does not inherit that."""
    assert [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))] == []


def test_onnx_evaluates_no_more_images_at_once_than_its_memory_allows(monkeypatch):
    """The stated memory of products of bytes is that of `IMAGES` images, in the part before the first neurons, too."""
    pytest.importorskip("onnxruntime")
    net, batch, evaluated = Builder((3, 6, 6), np.random.default_rng(0)), 3 * onnx_workload.IMAGES + 1, []
    net.conv("conv", 8)
    net.neuron("if")
    graph = net.graph()
    assert onnx_workload.multiplies_bytes(graph)
    inputs = np.random.default_rng(0).integers(0, 256, (1, batch, *graph.input.shape)).astype(np.uint8)
    engine = create(graph, "onnx", (), None, FREE)

    class Recorded:
        before = engine._static

        def run(self, names, images):
            evaluated.extend(map(len, images.values()))
            return self.before.run(names, images)

    monkeypatch.setattr(engine, "_static", Recorded())
    logits = [values.copy() for _, values in run(engine, inputs, 3)]
    assert evaluated == [onnx_workload.IMAGES] * 3 + [1]
    assert np.array_equal(logits, [values for _, values in run(create(graph, "numpy", (), None, FREE), inputs, 3)])
