"""One suite for every engine: the same network, the same input, the same spikes.

`ENGINES` lists them all, so a new one is tested by being added there.
"""

import os

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from networks import graphs, small_graph
from spikelet.bundle import Bundle, Manifest, write
from spikelet.engines import ENGINES, create
from spikelet.errors import EngineError
from spikelet.ranges import exact_steps
from spikelet.verify import record_golden

EXAMPLES = int(os.environ.get("SPIKELET_CONFORMANCE", "200"))
OTHERS = sorted(set(ENGINES) - {"numpy"})
EXACT_ONLY = COMPILED = ["native"]
INTERPRETED = [name for name in OTHERS if name not in COMPILED]
NO_SHRINKING = [phase for phase in Phase if phase is not Phase.shrink]  # hundreds of compiler runs


def trace(engine, inputs, steps):
    """Logits and, by layer, spikes, counts and potentials of every step; inputs (T or 1, N, …)."""
    engine.reset(inputs.shape[1])
    rows = []
    for t in range(steps):
        logits = engine.step(inputs[t] if t < len(inputs) else None)
        layers = {
            name: (engine.spikes(name), engine.potentials(name), engine.spike_counts()[name])
            for name in engine.graph.spiking
        }
        rows.append((logits, layers))
    return rows


def assert_same(graph, name, inputs, steps, tmp_path_factory):
    expected = trace(create(graph, "numpy", graph.spiking), inputs, steps)
    found = trace(create(graph, name, graph.spiking), inputs, steps)
    for t, ((logits, layers), (others, other_layers)) in enumerate(zip(expected, found, strict=True)):
        for layer in graph.spiking:
            for what, a, b in zip(("spikes", "potentials", "counts"), layers[layer], other_layers[layer], strict=True):
                if not np.array_equal(a, b):
                    path = save(graph, inputs, tmp_path_factory)
                    pytest.fail(f"engine {name}: {what} of {layer} differ at time-step {t + 1}; network: {path}")
        assert np.array_equal(logits, others)


def save(graph, inputs, tmp_path_factory):
    """The network as a bundle that can be opened."""
    path = tmp_path_factory.mktemp("mismatch") / "mismatch.snnb"
    steps = exact_steps(graph)
    golden = record_golden(graph, inputs[0], min(4, steps))
    write(Bundle(graph, Manifest("mismatch", bits=8, exact_steps=steps), golden, ""), path)
    return path


@pytest.mark.parametrize("name", INTERPRETED)
@settings(max_examples=EXAMPLES, deadline=None)
@given(graph=graphs(), sequence=st.booleans(), batch=st.integers(1, 3), seed=st.integers(0, 99))
def test_random_networks_fire_the_same_spikes(name, graph, sequence, batch, seed, tmp_path_factory):
    compare(name, graph, sequence, batch, seed, tmp_path_factory)


@pytest.mark.parametrize("name", COMPILED)
@settings(max_examples=EXAMPLES // 4, deadline=None, phases=NO_SHRINKING)
@given(graph=graphs(), sequence=st.booleans(), batch=st.integers(1, 3), seed=st.integers(0, 99))
def test_random_networks_compiled_fire_the_same_spikes(name, graph, sequence, batch, seed, tmp_path_factory):
    """Every example is compiled: fewer of them, and quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKELET_CFLAGS", os.environ.get("SPIKELET_CFLAGS", "-O1"))
        compare(name, graph, sequence, batch, seed, tmp_path_factory)


def compare(name, graph, sequence, batch, seed, tmp_path_factory):
    steps = min(5, exact_steps(graph))
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 256, (steps if sequence else 1, batch, *graph.input.shape)).astype(np.float32)
    assert_same(graph, name, inputs, steps, tmp_path_factory)


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_rows_that_leave_a_batch_do_not_change_the_others(name):
    graph = small_graph()
    inputs = np.random.default_rng(0).integers(0, 256, (1, 4, *graph.input.shape)).astype(np.float32)
    whole = trace(create(graph, name, graph.spiking), inputs, 6)
    engine = create(graph, name, graph.spiking)
    engine.reset(4)
    engine.step(inputs[0])
    rows = np.array([0, 2, 3])
    engine.keep(rows)
    assert np.array_equal(engine.step(), whole[1][0][rows])
    engine.keep(np.array([2]))
    for t in range(2, 6):
        assert np.array_equal(engine.step(), whole[t][0][[3]])
        assert np.array_equal(engine.spikes("if2"), whole[t][1]["if2"][0][[3]])


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_reset_forgets(name):
    graph = small_graph()
    engine = create(graph, name, graph.spiking)
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 256, (1, n, *graph.input.shape)).astype(np.float32) for n in (2, 3))
    before = trace(engine, first, 4)
    trace(engine, second, 4)
    after = trace(engine, first, 4)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_float32_networks_agree_up_to_ties(name):
    graph = small_graph(exact=False)
    if name in EXACT_ONLY:
        with pytest.raises(EngineError, match="generated for exact networks, this one is float32"):
            create(graph, name)
        return
    inputs = np.random.default_rng(0).integers(0, 256, (1, 8, *graph.input.shape)).astype(np.float32)
    expected = trace(create(graph, "numpy", graph.spiking), inputs, 8)
    found = trace(create(graph, name, graph.spiking), inputs, 8)
    differing = sum((a[1][n][0] != b[1][n][0]).sum() for a, b in zip(expected, found, strict=True) for n in a[1])
    assert differing <= 4


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
        with pytest.raises(EngineError, match="the first step needs an input"):
            engine.step()

    def test_refuses_a_wrong_shape(self, name):
        engine = create(small_graph(), name)
        engine.reset(2)
        with pytest.raises(EngineError, match=r"expected an input of shape \(2, 3, 6, 6\), found \(1, 3, 6, 6\)"):
            engine.step(np.zeros((1, 3, 6, 6), np.float32))

    def test_refuses_an_empty_batch(self, name):
        with pytest.raises(EngineError, match="a batch holds 1 sample or more, got 0"):
            create(small_graph(), name).reset(0)

    def test_refuses_to_record_what_does_not_spike(self, name):
        with pytest.raises(
            EngineError, match="'pool1' is not a spiking layer of this network; its layers: if1, if2, if3"
        ):
            create(small_graph(), name, ["pool1"])

    def test_refuses_to_show_what_was_not_recorded(self, name):
        engine = create(small_graph(), name, ["if1"])
        engine.reset(1)
        with pytest.raises(EngineError, match="no time-step was made"):
            engine.spikes("if1")
        engine.step(np.zeros((1, 3, 6, 6), np.float32))
        with pytest.raises(EngineError, match="layer 'if2' is not recorded; recorded: if1"):
            engine.potentials("if2")
