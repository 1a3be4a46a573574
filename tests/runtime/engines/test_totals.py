"""Windows of totals: the count of thresholds is proven for each channel, and spikes are those of the numpy engine."""

import numpy as np
import pytest

from networks import Builder
from spikelet.engines import create, onnx
from spikelet.lowering.onnx import totals
from spikelet.lowering.onnx.crossings import constant_crossings, crossings
from spikelet.nodes import IF, Flatten, SumPool2d

STEPS = 5
THETAS = np.array([1, 2, 3, 4, 5, 126, 127, 128, 1000, 1001, 65535, 65536], np.int32)


def near_thresholds(theta):
    """Return totals up to two from each of the first STEPS + 1 thresholds, and far from all of them, (M, C)."""
    near = [k * theta.astype(np.int64) + off for k in range(STEPS + 2) for off in range(-2, 3)]
    return np.stack([*near, np.full(len(theta), -(2**23)), np.full(len(theta), 2**23)])


def test_rounded_products_count_the_thresholds():
    numbers = crossings(IF(THETAS, THETAS // 2), STEPS)
    sums = near_thresholds(THETAS)
    rounded = np.rint((sums - numbers.shift).astype(np.float32) * numbers.factor)
    assert np.array_equal(rounded.clip(0, STEPS), (sums // THETAS).clip(0, STEPS))


@pytest.mark.parametrize("start", [THETAS // 2, np.zeros_like(THETAS), THETAS - 1])
def test_rounded_products_count_the_thresholds_of_a_constant_current(start):
    numbers = constant_crossings(IF(THETAS, start), STEPS)
    for t, (summand, unit) in enumerate(zip(numbers.summands, numbers.units, strict=True), 1):
        current = near_thresholds(THETAS) // t
        rounded = np.rint((current.astype(np.float32) * numbers.factor + summand) / unit)
        assert np.array_equal(rounded.clip(0, t), ((start + t * current) // THETAS).clip(0, t))


def test_other_neurons_are_refused():
    theta, start = np.array([100], np.int32), np.array([50], np.int32)
    assert crossings(IF(theta, start), STEPS) is not None
    for node in (IF(theta, start, reset="zero"), IF(theta, start, tie=">"), IF(theta.astype(np.float32), start)):
        assert crossings(node, STEPS) is None
        assert constant_crossings(node, STEPS) is None
    assert crossings(IF(np.array([2**23], np.int32), start), 16) is None  # float32 is too coarse
    for other in (-1, 100):
        assert constant_crossings(IF(theta, np.array([other], np.int32)), STEPS) is None


def plain_graph(half):
    """Return a network in which every layer of neurons reads one convolution or linear layer."""
    net = Builder((3, 12, 9), np.random.default_rng(2))
    net.conv("conv1", 16)
    net.add("if1", IF(theta := net.integers(2000, 3000, 16), theta // 2 if half else net.integers(0, 2000, 16)))
    net.conv("conv2", 24, stride=(1, 2))
    net.neuron("if2", scale=60)
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv3", 8, kernel=(3, 2), padding=(1, 0))
    net.neuron("if3", scale=90)
    net.add("flat", Flatten())
    net.linear("fc1", 20)
    net.neuron("if4", scale=30)
    return net.graph()


@pytest.mark.parametrize(("steps", "batch", "half"), [(2, 1, True), (5, 6, False), (16, 2, True)])
@pytest.mark.parametrize(("together", "rounds"), [(1, True), (64, True), (64, False)])
def test_spikes_follow_from_totals(monkeypatch, steps, batch, half, together, rounds):
    """Without the rounding of 8-bit results, which is not tested on other processors, layers keep their potentials."""
    pytest.importorskip("onnxruntime")
    if rounds and not onnx.X86:
        pytest.skip("the rounding of ONNX Runtime is tested on x86")
    monkeypatch.setattr(totals, "TOGETHER", together)
    graph = plain_graph(half)
    monkeypatch.setattr(onnx, "X86", rounds)
    assert totals._Totals(graph, steps, rounds=rounds)._direct == (set(graph.spiking) if rounds else set())
    images = np.random.default_rng(steps).integers(0, 256, (batch, *graph.input.shape)).astype(np.uint8)
    (logits, fired), (expected, counts) = (create(graph, name).run_window(images, steps) for name in ("onnx", "numpy"))
    assert np.array_equal(logits, expected)
    assert np.array_equal(fired, counts)
    rates = counts.sum((1, 2)) / [steps * batch * graph.neurons(name) for name in graph.spiking]
    assert ((rates > 0.02) & (rates < 0.98)).all()
