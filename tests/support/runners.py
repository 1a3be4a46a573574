"""All runners of a network: the engines, and Brian2 as their reference.

The conformance suite compares all `RUNNERS`: every engine in `spikelet.engines.ENGINES`, and Brian2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from garbage import freeze_what_is_alive
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.engines import ENGINES, create
from spikelet.verify import record_golden
from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.network import simulate

MISMATCHES = Path(__file__).resolve().parents[2] / "build" / "mismatch"


@dataclass(frozen=True)
class Run:
    """Result of a runner.

    Attributes:
        logits: (T, N, K), summed up to each time-step.
        spikes, potentials: By layer, (T, N, neurons).
    """

    logits: np.ndarray
    spikes: dict[str, np.ndarray]
    potentials: dict[str, np.ndarray]


def on_engine(make, graph, inputs, steps, window=False):
    """Run an engine.

    Args:
        make: Name of the engine, or a function of a graph and recorded layers that creates it.
        graph: Network.
        inputs: (T or 1, N, *shape).
        steps: T.
        window: Whether the engine gets T in advance if the input is constant.
    """
    engine = created(make, graph, graph.spiking)
    batch = inputs.shape[1]
    engine.reset(batch, steps if window and len(inputs) == 1 else None)
    logits, spikes, potentials = [], {n: [] for n in graph.spiking}, {n: [] for n in graph.spiking}
    for t in range(steps):
        logits.append(engine.step(inputs[t] if t < len(inputs) else None))
        for name in graph.spiking:
            spikes[name].append(engine.spikes(name).reshape(batch, -1))
            potentials[name].append(engine.potentials(name).reshape(batch, -1))
            assert np.array_equal(engine.spike_counts()[name], spikes[name][-1].sum(1))
    if window:
        check_bare(make, graph, inputs, logits, spikes)
    return Run(
        np.cumsum(logits, axis=0),
        {name: np.stack(value) for name, value in spikes.items()},
        {name: np.stack(value) for name, value in potentials.items()},
    )


def created(make, graph, record):
    """Create an engine: `make` is its name, or a function of a graph and recorded layers."""
    return create(graph, make, record) if isinstance(make, str) else make(graph, record)


def check_bare(make, graph, inputs, logits, spikes):
    """Compare an engine without recording, which may evaluate time-steps together, with results of one that records."""
    engine = created(make, graph, ())
    engine.reset(inputs.shape[1], len(logits) if len(inputs) == 1 else None)
    for t, expected in enumerate(logits):
        assert np.array_equal(engine.step(inputs[t] if t < len(inputs) else None), expected)
        for name, counts in engine.spike_counts().items():
            assert np.array_equal(counts, spikes[name][t].sum(1))


_simulated = itertools.count()


def on_brian2(graph, inputs, steps):
    """Simulate a whole network in Brian2."""
    if next(_simulated) % 50 == 0:
        # Brian2 collects garbage before each run, and hypothesis keeps objects of thousands of networks
        simulator.load()
        freeze_what_is_alive()
    traces = simulate(graph, inputs, steps)
    return Run(
        traces[graph.output_name].potentials,
        {name: traces[name].spikes for name in graph.spiking},
        {name: traces[name].potentials for name in graph.spiking},
    )


Runner = Callable[..., Run]
RUNNERS: dict[str, Runner] = {name: partial(on_engine, name) for name in ENGINES}
RUNNERS |= {f"{name}, window": partial(on_engine, name, window=True) for name in ENGINES if name != "numpy"}
RUNNERS["brian2"] = on_brian2


def assert_same(graph, name, inputs, steps, runner=None, expected=None):
    """Compare a runner with the reference, and write a network on which they differ as a bundle.

    expected: results of the reference; None to compute them.
    """
    expected = expected or on_engine("numpy", graph, inputs, steps)
    actual = (runner or RUNNERS[name])(graph, inputs, steps)
    if _equal(expected, actual):
        return
    for t in range(steps):
        for layer in graph.spiking:
            for quantity in ("spikes", "potentials"):
                reference_values, actual_values = (getattr(run, quantity)[layer][t] for run in (expected, actual))
                if not np.array_equal(reference_values, actual_values):
                    image, neuron = np.argwhere(reference_values != actual_values)[0]
                    position = f"{quantity} of layer {layer}, neuron {neuron}, time-step {t + 1}, image {image}"
                    raise AssertionError(f"{name} and numpy differ in {position}: {save(graph, name, inputs, steps)}")
        if not np.array_equal(expected.logits[t], actual.logits[t]):
            raise AssertionError(f"{name} and numpy differ in the logits: {save(graph, name, inputs, steps)}")


def _equal(one, other):
    return (
        np.array_equal(one.logits, other.logits)
        and all(np.array_equal(values, other.spikes[layer]) for layer, values in one.spikes.items())
        and all(np.array_equal(values, other.potentials[layer]) for layer, values in one.potentials.items())
    )


def save(graph, name, inputs, steps):
    """Write a network to build/mismatch/NAME.snnb and its input (T or 1, N, …) to NAME.npy beside it; return the path.

    Hypothesis runs the smallest network that fails last, so that its file remains.
    """
    MISMATCHES.mkdir(parents=True, exist_ok=True)
    path = MISMATCHES / f"{name}.snnb"
    golden = record_golden(graph, inputs[0], steps)
    write(Bundle(graph, Manifest(f"mismatch of {name}", bits=8, exact_steps=exact_steps(graph)), golden, ""), path)
    np.save(path.with_suffix(".npy"), inputs)
    return path
