"""Neuron dynamics against independent formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikelet import neurons
from spikelet.nodes import IF, LIF

one = np.ones(1, np.int32)


def simulate(node, currents):
    """Return the spikes and potentials of a single neuron for a list of currents."""
    v = neurons.initial_potential(node, 1, (1,))
    spikes, potentials = [], []
    for current in currents:
        v, fired = neurons.step(node, v, np.array([[current]], np.float32))
        spikes.append(int(fired[0, 0]))
        potentials.append(float(v[0, 0]))
    return spikes, potentials


@given(theta=st.integers(1, 1000), x=st.integers(-3000, 3000), steps=st.integers(1, 32))
def test_constant_input_gives_the_quantised_count(theta, x, steps):
    """N = clip(floor(T x / theta + 1/2), 0, T), for v(0) = theta // 2 and any whole x."""
    spikes, _ = simulate(IF(theta * one, theta // 2 * one), [x] * steps)
    expected = min(max((2 * steps * x + theta) // (2 * theta), 0), steps)
    assert sum(spikes) == expected


@given(theta=st.integers(1, 50), start=st.integers(-50, 50), currents=st.lists(st.integers(-80, 80), min_size=1))
def test_reset_by_subtraction_keeps_the_charge(theta, start, currents):
    """The potential is the sum of the currents minus theta for each spike."""
    spikes, potentials = simulate(IF(theta * one, start * one), currents)
    assert potentials[-1] == start + sum(currents) - theta * sum(spikes)


@given(currents=st.lists(st.integers(-5, 5), min_size=1, max_size=12), tie=st.sampled_from([">=", ">"]))
def test_every_rule_of_an_if_neuron(currents, tie):
    for reset in ("subtract", "zero"):
        v, expected = 1, []
        for current in currents:
            v += current
            fired = v >= 4 if tie == ">=" else v > 4
            if fired:
                v = v - 4 if reset == "subtract" else 0
            expected.append((int(fired), v))
        actual = simulate(IF(4 * one, one, reset, tie), currents)
        assert list(zip(*actual, strict=True)) == expected


@given(currents=st.lists(st.integers(-9, 9), min_size=1, max_size=12), shift=st.integers(1, 5))
def test_an_exact_leak_is_an_arithmetic_shift(currents, shift):
    v, expected = 3, []
    for current in currents:
        v = v - (v >> shift) + current
        fired = v >= 6
        v -= 6 * fired
        expected.append((int(fired), v))
    node = LIF(6 * one, 3 * one, decay=shift * one)
    assert list(zip(*simulate(node, currents), strict=True)) == expected


def test_a_float_leak_is_a_factor():
    half = np.array([0.5], np.float32)
    node = LIF(np.array([10], np.float32), np.array([4], np.float32), decay=half)
    assert simulate(node, [1, 1])[1] == [3.0, 2.5]


def test_a_leaky_neuron_fires_at_the_interval_of_its_closed_form():
    """Reset to zero under constant input x: v[n] = x (1 - beta^n) / (1 - beta), first at or above theta."""
    beta, x, theta = 0.75, 3.0, 10.0
    as_array = lambda value: np.array([value], np.float32)  # noqa: E731
    node = LIF(as_array(theta), as_array(0), "zero", ">=", as_array(beta))
    spikes, _ = simulate(node, [x] * 40)
    interval = int(np.ceil(np.log(1 - theta * (1 - beta) / x) / np.log(beta)))
    assert [t + 1 for t, s in enumerate(spikes) if s] == list(range(interval, 41, interval))


def test_thresholds_are_per_channel():
    node = IF(np.array([1, 5], np.int32), np.zeros(2, np.int32))
    v = neurons.initial_potential(node, 2, (2, 3, 3))
    v, fired = neurons.step(node, v, np.full((2, 2, 3, 3), 2, np.float32))
    assert fired[:, 0].all()
    assert not fired[:, 1].any()
    assert (v[:, 0] == 1).all()
    assert (v[:, 1] == 2).all()


def test_the_first_layer_of_a_network_meets_the_count_oracle():
    """Whole first layer, constant image: every neuron's count is clip(floor(T x/theta + 1/2), 0, T)."""
    from networks import small_graph
    from spikelet.engines import create
    from spikelet.engines.operators import convolve

    graph = small_graph(3)
    steps, n = 9, 5
    pixels = np.random.default_rng(0).integers(0, 256, (n, 3, 6, 6)).astype(np.float32)
    conv, node = graph.nodes["conv1"], graph.nodes["if1"]
    theta = neurons.per_channel(node.theta, 3)
    # the oracle holds for v(0) = theta // 2
    nodes = dict(graph.nodes) | {"if1": IF(node.theta, node.theta // 2)}
    graph = type(graph)(nodes, graph.edges)
    x = convolve(conv, conv.weight.astype(np.float32), pixels - graph.input.mean.reshape(3, 1, 1), (4, 6, 6))
    for name in ("numpy", "onnx"):
        engine = create(graph, name, ["if1"])
        engine.reset(n)
        counts = 0
        for t in range(steps):
            engine.step(pixels if t == 0 else None)
            counts = counts + engine.spikes("if1")
        assert 0 < counts.mean() < steps
        assert np.array_equal(counts, np.clip((2 * steps * x + theta) // (2 * theta), 0, steps))


@pytest.mark.parametrize("channels", [1, 3])
def test_initial_potential_is_v_init(channels):
    node = IF(np.full(channels, 9, np.int32), np.arange(channels, dtype=np.int32))
    v = neurons.initial_potential(node, 4, (channels, 2, 2))
    assert v.shape == (4, channels, 2, 2)
    assert v.dtype == np.float32
    assert (v == np.arange(channels).reshape(-1, 1, 1)).all()
