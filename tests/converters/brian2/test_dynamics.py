"""Closed forms against neurons stepped by hand; the sweep agrees, and detects an engine that integrates wrongly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikelet.engines.numpy import NumpyEngine
from spikelet.nodes import IF, LIF
from spikelet_converters.brian2.closed_forms import if_counts, spike_train
from spikelet_converters.brian2.dynamics import sweep, swept_currents

pytestmark = pytest.mark.usefixtures("simulated_once")

RULES = st.sampled_from([">=", ">"])
RESETS = st.sampled_from(["subtract", "zero"])


def by_hand(node, current, beta=1.0):
    """Simulate a neuron step by step in Python, by its definition."""
    v, theta = float(node.v_init[0]), float(node.theta[0])
    fired = []
    for i in current:
        v = beta * v + i
        fires = v >= theta if node.tie == ">=" else v > theta
        fired.append(fires)
        if fires:
            v = v - theta if node.reset == "subtract" else 0.0
    return np.array(fired)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 20), st.integers(-40, 60), RULES)
def test_if_fires_as_often_as_its_summed_current_allows(current, theta, v_init, tie):
    node = IF(np.array([theta], np.int32), np.array([v_init], np.int32), "subtract", tie)
    expected = by_hand(node, current)
    assert np.array_equal(if_counts(np.array(current, float), theta, v_init, tie), np.cumsum(expected))
    assert np.array_equal(spike_train(node, np.array(current, float)), expected)


@settings(max_examples=200, deadline=None)
@given(st.integers(-10, 60), st.integers(1, 20), st.integers(-40, 60), RULES)
def test_if_reset_to_zero_fires_at_even_intervals(current, theta, v_init, tie):
    node = IF(np.array([theta], np.int32), np.array([v_init], np.int32), "zero", tie)
    train = np.full(50, current, float)
    assert np.array_equal(spike_train(node, train), by_hand(node, train))


@settings(max_examples=200, deadline=None)
@given(st.integers(-32, 128), st.sampled_from([0.5, 0.75, 0.875]), st.integers(-64, 96), RULES, RESETS)
def test_lif_fires_at_the_intervals_of_its_exponential(current, beta, v_init, tie, reset):
    node = LIF(np.ones(1, np.float32), np.array([v_init / 64], np.float32), reset, tie, np.array([beta], np.float32))
    train = np.full(40, current / 64)
    assert np.array_equal(spike_train(node, train), by_hand(node, train, beta))


def test_without_a_formula_the_result_is_none():
    one = np.ones(1, np.int32)
    falling = np.array([3.0, -1.0])
    assert spike_train(IF(one, one), falling) is None
    assert spike_train(IF(one, one, "zero"), falling) is None
    assert spike_train(LIF(one, one, decay=one), np.ones(3)) is None


def test_the_sweep_has_every_sort_of_current():
    v_init, current = swept_currents()
    assert set(v_init) == {0, 30}
    assert (current.min(0) < 0).sum() >= 6
    assert ((current == current[0]).all(0)).sum() >= 16
    assert (current % 30 == 0).any()  # ties


@pytest.fixture(scope="module")
def swept():
    seen = []
    report = sweep("numpy", on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    return report


def test_engine_brian2_and_formulas_agree(swept):
    assert swept.ok
    kinds = {(kind.kind, kind.reset, kind.tie) for kind in swept.kinds}
    assert kinds == {
        (kind, reset, tie)
        for kind in ("IF", "LIF", "LIF, float32")
        for reset in ("subtract", "zero")
        for tie in (">=", ">")
    }
    assert all(kind.formulas >= 18 for kind in swept.kinds if kind.kind != "LIF")
    assert all(kind.layer.spikes > 500 for kind in swept.kinds)


def test_tie_rules_make_a_difference(swept):
    spikes = {(kind.kind, kind.reset, kind.tie): kind.layer.spikes for kind in swept.kinds}
    for kind in ("IF", "LIF", "LIF, float32"):
        assert spikes[kind, "zero", ">="] > spikes[kind, "zero", ">"]


def test_rates_rise_with_the_current_up_to_one_spike_a_step(swept):
    assert len(swept.rates) == 6
    for kind in swept.rates:
        current, engine, brian2, formula = zip(*kind.points, strict=True)
        assert engine == brian2
        assert list(engine) == sorted(engine)
        assert (engine[0], engine[-1]) == (0, 1)
        if kind.kind != "LIF":
            assert formula == engine
        if (kind.kind, kind.reset) == ("IF", "subtract"):
            assert np.allclose(engine, np.minimum(current, 1), atol=1 / 240)


def test_an_engine_that_starts_its_neurons_wrongly_is_caught():
    class Shifted(NumpyEngine):
        def _reset(self, batch):
            super()._reset(batch)
            for name in self._v:
                self._v[name] += name.startswith("LIF")

    report = sweep(Shifted)
    assert not report.ok
    assert {kind.kind for kind in report.kinds if not kind.ok} == {"LIF", "LIF, float32"}
    assert report.kinds[4].layer.first_divergence.step == 1
