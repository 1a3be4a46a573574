"""Windows, T time-steps of one input evaluated layer by layer: results after each step equal those of single steps."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from networks import Builder, small_graph
from runners import RUNNERS, assert_same, on_engine
from spikelet.engines import ENGINES, create, onnx_workload
from spikelet.errors import EngineError, UsageError
from spikelet.graph import Graph
from spikelet.lowering.onnx.products import fits
from spikelet.nodes import IF, LI, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

pytestmark = pytest.mark.usefixtures("flags_of_users")
WINDOWED = [name for name in RUNNERS if name.endswith("window")]


def residual_graph(size=8):
    """Return a network with full blocks of channels, for which ONNX Runtime and the C code use vector layouts."""
    net = Builder((3, size, size), np.random.default_rng(3))
    net.conv("conv1", 32)
    root = net.neuron("if1", scale=3000)
    first = net.conv("conv2", 32)
    second = net.add("shortcut", Scale(net.integers(1, 40, 32, np.int8)), (root,))
    net.add("add", Add(), (first, second))
    net.neuron("if2", scale=90)
    net.conv("conv3", 144, stride=(2, 1))
    net.neuron("if3", tie=">", scale=90)
    net.add("pool", SumPool2d((3, 2), (1, 2)))
    net.neuron("if4", scale=9)
    net.conv("conv4", 48, kernel=(1, 1), padding=(0, 0))
    net.neuron("if5", reset="zero", scale=30)
    net.conv("conv5", 16)
    net.neuron("if6", leaky=True, scale=30)
    net.add("flat", Flatten())
    net.linear("fc1", 160)
    net.neuron("if7")
    return net.graph()


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("steps", [1, 2, 5, 19])
def test_same_spikes_potentials_and_logits(name, steps):
    graph = residual_graph()
    inputs = np.random.default_rng(steps).integers(0, 256, (1, 3, *graph.input.shape)).astype(np.float32)
    assert_same(graph, name, inputs, steps)


def test_the_windows_of_onnx_end_where_they_would_miscount(monkeypatch):
    graph = residual_graph()
    pixels = max(graph.neurons(name) // graph.shapes[name][0] for name in graph.spiking)
    inputs = np.random.default_rng(0).integers(0, 256, (1, 2, *graph.input.shape)).astype(np.float32)
    for most, evaluated in ((pixels, True), (pixels - 1, False)):
        monkeypatch.setattr(onnx_workload, "MOST_PIXELS", most)
        engine = create(graph, "onnx")
        engine.reset(2, 3)
        assert engine._in_window == evaluated
        assert_same(graph, "onnx, window", inputs, 3)


def test_a_mean_over_most_pixels_gives_the_count():
    for count in (*range(9), *range(onnx_workload.MOST_PIXELS - 8, onnx_workload.MOST_PIXELS + 1)):
        mean = np.float32(count) / np.float32(onnx_workload.MOST_PIXELS - 1)
        assert np.rint(mean * np.float32(onnx_workload.MOST_PIXELS - 1)) == count


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_rows_may_leave_and_counts_are_there_without_recording(name):
    graph = residual_graph()
    inputs = np.random.default_rng(0).integers(0, 256, (1, 4, *graph.input.shape)).astype(np.float32)
    whole = on_engine("numpy", graph, inputs, 7)
    logits = np.diff(whole.logits, axis=0, prepend=0)
    engine = create(graph, name)
    for _ in range(2):
        engine.reset(4, 7)
        rows = np.arange(4)
        for t in range(7):
            if t == 2:
                engine.keep(rows := np.array([1, 3]))
            assert np.array_equal(engine.step(inputs[0] if t == 0 else None), logits[t][rows])
            for layer, counts in engine.spike_counts().items():
                assert np.array_equal(counts, whole.spikes[layer][t][rows].sum(1))


def test_networks_with_integrators():
    f32 = np.float32
    nodes = {
        "input": Input((4, 3, 3), np.zeros(4, f32)),
        "a": LI(np.full(4, 0.5, f32)),
        "a.0": Scale(np.full(4, 0.25, f32)),
        "b": IF(np.full(4, 90, f32), np.zeros(4, f32)),
        "c": LI(np.full(4, 0.75, f32)),
        "flat": Flatten(),
        "d": Linear(np.eye(3, 36, dtype=f32), np.zeros(3, f32)),
        "e": LI(np.full(3, 0.5, f32)),
        "out": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(pairwise(names)))
    inputs = np.random.default_rng(0).integers(0, 256, (1, 2, 4, 3, 3)).astype(f32)
    expected, window = (RUNNERS[name](graph, inputs, 6) for name in ("numpy", "onnx, window"))
    assert np.array_equal(expected.spikes["b"], window.spikes["b"])
    assert 0 < expected.spikes["b"].mean() < 1
    assert np.allclose(expected.logits, window.logits)


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_invalid_uses_of_a_window_are_refused(name):
    engine = create(small_graph(), name)
    image = np.zeros((1, 3, 6, 6), np.float32)
    engine.reset(1, 2)
    engine.step(image)
    with pytest.raises(EngineError, match="a new input in a window of 2 time-steps of one input; reset without"):
        engine.step(image)
    engine.step()
    with pytest.raises(EngineError, match="time-step 3 in a window of 2 time-steps"):
        engine.step()
    with pytest.raises(UsageError, match="window: expected a whole number of 1…2147483648, found 0"):
        engine.reset(1, 0)
    with pytest.raises(EngineError, match=r"a window of \d+ time-steps, but this network is proven exact for"):
        engine.reset(1, engine.step_limit + 1)
    engine.reset(1)
    for _ in range(3):
        engine.step(image)


def byte_graph(height=12, width=17):
    """Return a network for products of bytes: 8-bit weights, sums of spikes, residual blocks, strides, linear layers."""
    net = Builder((3, height, width), np.random.default_rng(5))
    full = lambda *shape: net.rng.choice([-128, -127, 127], shape).astype(np.int8)  # noqa: E731
    net.conv("conv1", 16)
    net.neuron("if1", scale=3000)
    net.add("pool1", SumPool2d((3, 2), (1, 2)))
    net.add("conv2", Conv2d(full(24, 16, 3, 3), net.integers(-9, 9, 24), (1, 2), (1, 1)))
    net.neuron("if2", scale=3000)
    root = net.here
    first = net.add("conv3", Conv2d(full(24, 24, 3, 3), net.integers(-9, 9, 24), (1, 1), (1, 1)))
    second = net.add("shortcut", Scale(net.integers(1, 90, 24, np.int8)), (root,))
    net.add("add", Add(), (first, second))
    net.neuron("if3", scale=3000)
    net.add("conv4", Conv2d(full(8, 24, 1, 1), net.integers(-9, 9, 8), (2, 1), (0, 0)))
    net.neuron("if4", scale=900)
    net.add("pool2", SumPool2d((2, 2), (2, 1)))
    net.add("flat", Flatten())
    net.linear("fc1", 20)
    net.neuron("if5", scale=90)
    return net.graph()


@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("steps", [2, 5, 16])
def test_products_of_bytes_are_exact(batch, steps):
    pytest.importorskip("onnxruntime")
    graph = byte_graph()
    assert fits(graph)
    inputs = np.random.default_rng(steps).integers(0, 256, (1, batch, *graph.input.shape)).astype(np.float32)
    assert_same(graph, "onnx, window", inputs, steps)
    assert_same(graph, "onnx", inputs, steps)


@pytest.mark.parametrize("graph", [residual_graph(), byte_graph()], ids=["float32", "bytes"])
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_changing_input_and_rows_that_leave(name, graph):
    """Step by step, with potentials, for more images than ONNX Runtime multiplies at a time."""
    frames = np.random.default_rng(1).integers(0, 256, (3, 7, *graph.input.shape)).astype(np.float32)
    engines = [create(graph, engine, graph.spiking) for engine in ("numpy", name)]
    for _ in range(2):
        rows = np.arange(7)
        for engine in engines:
            engine.reset(7)
        for t, frame in enumerate((frames[0], None, frames[1], None, frames[2])):
            if t in (1, 3):
                kept = np.arange(len(rows))[1 if t == 1 else 2 :]
                rows = rows[kept]
                for engine in engines:
                    engine.keep(kept)
            logits = [engine.step(None if frame is None else frame[rows]) for engine in engines]
            assert np.array_equal(*logits)
            for layer in graph.spiking:
                assert np.array_equal(*(engine.spikes(layer) for engine in engines))
                assert np.array_equal(*(engine.potentials(layer) for engine in engines))
                assert np.array_equal(*(engine.spike_counts()[layer] for engine in engines))


@pytest.mark.parametrize("name", sorted(ENGINES))
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("record", [False, True])
def test_all_time_steps_in_one_call(name, kind, record):
    graph, steps = residual_graph(), 11
    images = np.random.default_rng(0).integers(0, 256, (3, *graph.input.shape)).astype(kind)
    whole = on_engine("numpy", graph, images[None].astype(np.float32), steps)
    engine = create(graph, name, graph.spiking if record else ())
    for _ in range(2):
        logits, fired = engine.run_window(images, steps)
        assert np.array_equal(logits.cumsum(0), whole.logits)
        assert engine.time == steps
        for layer, counts in zip(graph.spiking, fired, strict=True):
            assert np.array_equal(counts, whole.spikes[layer].sum(-1))
    with pytest.raises(EngineError, match=r"expected an input of shape \(3, 3, 8, 8\), found \(3, 3, 8, 7\)"):
        engine.run_window(images[..., 1:], steps)
    with pytest.raises(EngineError, match="but this network is proven exact for"):
        engine.run_window(images, engine.step_limit + 1)


def changed(node_name, **fields):
    graph = byte_graph()
    return Graph(graph.nodes | {node_name: replace(graph.nodes[node_name], **fields)}, graph.edges)


@pytest.mark.parametrize(
    "graph",
    [
        changed("if2", tie=">"),
        changed("if3", reset="zero"),
        changed("conv3", weight=np.full((24, 24, 3, 3), 128, np.int16)),
        residual_graph(),
        small_graph(exact=False),
    ],
    ids=["tie", "reset", "9 bits", "leak", "float32"],
)
def test_layers_that_do_not_fit_products_of_bytes_run_in_float(graph):
    assert not fits(graph)
