"""Every engine and Brian2 fire the same spikes for the same network and input.

They are listed in `runners.RUNNERS`.
"""

import os
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c_projects import drawn
from garbage import freeze_what_is_alive
from joined_libraries import compile_together
from networks import graphs, small_graph, wide_graphs
from runners import MISMATCHES, RUNNERS, assert_same, on_engine
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read
from spikelet.engines import ENGINES, create
from spikelet.engines.numpy import NumpyEngine
from spikelet.errors import EngineError, UsageError
from spikelet_converters.brian2 import simulator, validate

EXAMPLES = int(os.environ.get("SPIKELET_CONFORMANCE", "48"))
# Brian2 writes code for each network: in the short form a quarter, as for those that are compiled
BRIAN2_EXAMPLES = EXAMPLES if "SPIKELET_CONFORMANCE" in os.environ else EXAMPLES // 4
EXACT_ONLY = ["native"]
COPIES = (1, 1, 1, 2, 3, 16)  # of the neurons of a layer
COMPILED = {name: runner for name, runner in RUNNERS.items() if name.startswith("native")}
COMPILED["native, two threads"] = partial(
    on_engine, lambda graph, record: create(graph, "native", record, threads=2), window=True
)
INTERPRETED = sorted(set(RUNNERS) - {"numpy", "brian2", *COMPILED})
# no deadline for an example: machines differ, and Brian2 writes code for each network
RANDOM = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def cases(draw, exact=True, networks=None):
    """Return (network, input (T or 1, N, *shape), time-steps)."""
    graph = draw(graphs(exact, copies=COPIES) if networks is None else networks)
    steps = min(5, exact_steps(graph)) if exact else 5
    length = steps if draw(st.booleans()) else 1
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    inputs = rng.integers(0, 256, (length, draw(st.integers(1, 3)), *graph.input.shape)).astype(np.float32)
    return graph, inputs, steps


@pytest.fixture(scope="module", autouse=True)
def brian2():
    """Import Brian2 and everything it loads before the first network."""
    simulator.load()
    freeze_what_is_alive()


@RANDOM
@given(case=cases())
def test_random_networks_fire_the_same_spikes(case):
    graph, inputs, steps = case
    expected = on_engine("numpy", graph, inputs, steps)
    for name in INTERPRETED:
        assert_same(graph, name, inputs, steps, expected=expected)


@settings(RANDOM, max_examples=BRIAN2_EXAMPLES)
@given(case=cases())
def test_random_networks_fire_the_same_spikes_in_brian2(case):
    graph, inputs, steps = case
    assert_same(graph, "brian2", inputs, steps)


def test_random_networks_compiled_fire_the_same_spikes(monkeypatch):
    """Fewer examples, since each is compiled. Half of them have layers of many channels.

    The short form compiles all of them together and does not optimise.
    """
    examples = drawn(cases(networks=graphs(copies=COPIES) | wide_graphs()), EXAMPLES // 4)
    if "SPIKELET_CONFORMANCE" not in os.environ:
        monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")
    compile_together(graph for graph, _, _ in examples)
    for graph, inputs, steps in examples:
        expected = on_engine("numpy", graph, inputs, steps)
        for name, runner in COMPILED.items():
            assert_same(graph, name, inputs, steps, runner, expected)


def test_a_mismatch_shrinks_to_a_small_network_that_can_be_opened():
    class Broken(NumpyEngine):
        """Lets no neuron fire in the first channel of the first layer."""

        def spikes(self, layer):
            values = super().spikes(layer).copy()
            values[:, 0] &= layer != self.graph.spiking[0]
            return values

        def spike_counts(self):
            return {name: self.spikes(name).reshape(self.batch, -1).sum(1) for name in self.graph.spiking}

    @settings(RANDOM, max_examples=50, derandomize=True, database=None)
    @given(case=cases())
    def suite(case):
        assert_same(case[0], "broken", *case[1:], runner=lambda *rest: on_engine(Broken, *rest))

    with pytest.raises(AssertionError, match=r"broken and numpy differ in spikes of layer if1, .*broken\.snnb"):
        suite()
    small, inputs = read(MISMATCHES / "broken.snnb"), np.load(MISMATCHES / "broken.npy")
    assert len(small.graph.spiking) == 1
    assert inputs.shape[:2] == (1, 1)
    assert small.graph.neurons(small.graph.input_name) <= 16
    report = validate(small, inputs, steps=small.golden.steps, engine=Broken)
    assert not report.ok
    assert report.first_divergence.layer == "if1"
    assert validate(small, inputs, steps=small.golden.steps).ok


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_rows_that_leave_a_batch_do_not_change_the_others(name):
    graph = small_graph()
    inputs = np.random.default_rng(0).integers(0, 256, (1, 4, *graph.input.shape)).astype(np.float32)
    whole = on_engine(name, graph, inputs, 6)
    logits = np.diff(whole.logits, axis=0, prepend=0)
    engine = create(graph, name, graph.spiking)
    engine.reset(4)
    engine.step(inputs[0])
    rows = np.array([0, 2, 3])
    engine.keep(rows)
    assert np.array_equal(engine.step(), logits[1][rows])
    engine.keep(np.array([2]))
    for t in range(2, 6):
        assert np.array_equal(engine.step(), logits[t][[3]])
        assert np.array_equal(engine.spikes("if2").reshape(1, -1), whole.spikes["if2"][t][[3]])


@pytest.mark.parametrize("rows", [np.array([True, False]), np.array([2]), np.array([-1]), np.array([], np.intp), [0]])
def test_rows_to_keep_are_indices(rows):
    engine = create(small_graph(), "numpy")
    engine.reset(2)
    with pytest.raises(UsageError, match="rows: expected an array of indices 0…1, one or more, found"):
        engine.keep(rows)
    assert (engine.batch, engine.rows.tolist()) == (2, [0, 1])


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_reset_forgets(name):
    graph = small_graph()
    engine = create(graph, name, graph.spiking)
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 256, (1, n, *graph.input.shape)).astype(np.float32) for n in (2, 3))
    before, _, after = (on_engine(lambda *_: engine, graph, inputs, 4) for inputs in (first, second, first))
    assert np.array_equal(before.logits, after.logits)


@pytest.mark.parametrize("name", EXACT_ONLY)
def test_an_engine_of_integers_refuses_a_float32_network(name):
    with pytest.raises(EngineError, match="generated for exact networks, this one is float32"):
        create(small_graph(exact=False), name)


@pytest.mark.parametrize("name", sorted(set(ENGINES) - set(EXACT_ONLY)))
@settings(RANDOM, max_examples=max(10, EXAMPLES // 20))
@given(case=cases(exact=False))
def test_float32_networks_differ_from_brian2_at_ties_alone(name, case):
    graph, inputs, steps = case
    report = validate(Bundle(graph, Manifest("float32"), None, ""), inputs, steps=steps, engine=name)
    assert report.ok, report.first_divergence


@pytest.mark.parametrize("name", sorted(ENGINES))
class TestContract:
    def test_refuses_a_step_beyond_its_exact_range(self, name):
        engine = create(small_graph(), name)
        engine.reset(1)
        engine.time = engine.step_limit
        with pytest.raises(EngineError, match=f"is beyond the {engine.step_limit} steps within which this network"):
            engine.step(np.zeros((1, 3, 6, 6), np.float32))

    def test_refuses_a_first_step_without_input(self, name):
        engine = create(small_graph(), name)
        engine.reset(1)
        with pytest.raises(EngineError, match="the first step requires an input"):
            engine.step()

    def test_refuses_a_wrong_shape(self, name):
        engine = create(small_graph(), name)
        engine.reset(2)
        with pytest.raises(EngineError, match=r"expected an input of shape \(2, 3, 6, 6\), found \(1, 3, 6, 6\)"):
            engine.step(np.zeros((1, 3, 6, 6), np.float32))

    def test_refuses_an_empty_batch(self, name):
        with pytest.raises(UsageError, match="batch: expected a whole number of 1…2147483648, found 0"):
            create(small_graph(), name).reset(0)

    def test_refuses_to_record_layers_without_neurons(self, name):
        with pytest.raises(
            EngineError, match="'pool1' is not a spiking layer of this network; its layers: if1, if2, if3"
        ):
            create(small_graph(), name, ["pool1"])

    def test_refuses_to_return_spikes_that_were_not_recorded(self, name):
        engine = create(small_graph(), name, ["if1"])
        engine.reset(1)
        with pytest.raises(EngineError, match="no time-step since the last reset"):
            engine.spikes("if1")
        engine.step(np.zeros((1, 3, 6, 6), np.float32))
        with pytest.raises(EngineError, match="layer 'if2' is not recorded; recorded: if1"):
            engine.potentials("if2")
