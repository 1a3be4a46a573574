"""Leaky integrators and the reset delayed by one time-step: equations, engines and file."""

from itertools import pairwise

import numpy as np
import pytest

from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.engines import create
from spikelet.errors import GraphError
from spikelet.graph import Graph
from spikelet.nodes import LI, LIF, Input, Linear, Output
from spikelet.verify import record_golden, verify

BETA, ALPHA = np.float32(0.75), np.float32(0.5)


def f32(*values):
    return np.array(values, np.float32)


def network(reset="subtract-late", theta=1.0):
    """Return a network of one neuron after a leaky synapse, and a leaky readout."""
    nodes = {
        "input": Input((1,), f32(0), 0, 8),
        "fc": Linear(f32(1).reshape(1, 1), f32(0)),
        "syn": LI(f32(ALPHA)),
        "lif": LIF(f32(theta), f32(0), reset, ">", f32(BETA)),
        "out": Linear(f32(1, 2).reshape(2, 1), f32(0, 0)),
        "readout": LI(f32(0.5, 0.25)),
        "output": Output(),
    }
    names = list(nodes)
    return Graph(nodes, tuple(pairwise(names)))


def by_hand(inputs, reset, theta=1.0):
    """Compute syn = alpha syn + x and mem = beta mem + syn - theta s[t-1] (late), or with the reset after the spike."""
    syn = mem = spike = 0.0
    read = np.zeros(2)
    spikes, logits = [], []
    for x in inputs:
        syn = ALPHA * syn + x
        mem = BETA * mem + syn - (theta * spike if reset == "subtract-late" else 0)
        spike = float(mem > theta)
        if spike and reset != "subtract-late":
            mem = 0.0 if reset == "zero" else mem - theta
        read = np.array([0.5, 0.25]) * read + np.array([1, 2]) * spike
        spikes.append(bool(spike))
        logits.append(read)
    return spikes, logits


@pytest.mark.parametrize("engine", ["numpy", "onnx"])
@pytest.mark.parametrize("reset", ["subtract-late", "subtract", "zero"])
def test_the_equations(engine, reset):
    inputs = np.random.default_rng(0).integers(0, 3, 40).astype(np.float32)
    runner = create(network(reset), engine, ["lif"])
    for _ in range(2):  # a reset forgets the integrators as well
        runner.reset(1)
        logits, spikes = [], []
        for x in inputs:
            logits.append(runner.step(np.full((1, 1), x, np.float32))[0])
            spikes.append(bool(runner.spikes("lif")[0, 0]))
        expected, readout = by_hand(inputs, reset)
        assert spikes == expected
        assert np.allclose(logits, readout)
    assert 0 < sum(spikes) < 40


@pytest.mark.parametrize("engine", ["numpy", "onnx"])
def test_rows_that_leave_take_their_state_along(engine):
    inputs = np.random.default_rng(1).integers(0, 3, (12, 3, 1)).astype(np.float32)
    whole, part = (create(network(), engine, ["lif"]) for _ in range(2))
    whole.reset(3)
    part.reset(3)
    for t in range(12):
        if t == 5:
            part.keep(np.array([2]))
        all_rows = whole.step(inputs[t])
        actual = part.step(inputs[t][2:] if t >= 5 else inputs[t])
        assert np.array_equal(actual[-1], all_rows[2])


def test_a_bundle_keeps_them(tmp_path):
    graph = network()
    golden = record_golden(graph, np.full((1, 1), 2, np.float32), 8)
    write(Bundle(graph, Manifest("leaky"), golden, ""), tmp_path / "a.snnb")
    actual = read(tmp_path / "a.snnb")
    assert dict(actual.graph.nodes) == dict(graph.nodes)
    assert all(verify(actual, engine).ok for engine in ("numpy", "onnx"))


def test_what_is_refused():
    with pytest.raises(GraphError, match=r"LI\.decay: expected float32 factors in \(0, 1\], found float32 1\.5…1\.5"):
        LI(f32(1.5))
    with pytest.raises(GraphError, match="LI.decay: expected float32 factors"):
        LI(np.ones(1, np.int32))
    one = np.ones(1, np.int32)
    with pytest.raises(GraphError, match='"subtract-late" is for float32 networks'):
        LIF(one, one, "subtract-late", ">", one)
    with pytest.raises(GraphError, match="LIF.reset: expected .*, found 'never'"):
        LIF(f32(1), f32(0), "never", ">", f32(0.5))
