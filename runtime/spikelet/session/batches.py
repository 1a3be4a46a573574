"""Run one batch on an engine, and collect its result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.engines import Engine, run
from spikelet.errors import UsageError
from spikelet.inputs import Values
from spikelet.session.early_exit import ExitRule
from spikelet.session.results import Result


def run_window(engine: Engine, frame: Values, steps: int, neurons: Mapping[str, int]) -> Result:
    """Run a constant input, layer by layer if the engine supports it, without early exit or recorded layers.

    Args:
        engine: The engine.
        frame: The input, (N, *shape).
        steps: Number of time-steps T.
        neurons: By layer, number of neurons.
    """
    graph = engine.graph
    logits, fired = engine.run_window(frame, steps)
    sums = np.add.accumulate(logits, 0, np.float64)  # cumsum takes a microsecond more
    counts = dict(zip(graph.spiking, fired, strict=True))
    exits = np.empty(len(frame), np.int64)
    exits.fill(steps)  # np.full takes three microseconds
    return Result(sums, graph.output.scale, exits, counts, {}, {}, dict(neurons), graph)


def run_steps(
    engine: Engine, sequence: Values, steps: int, rule: ExitRule | None, neurons: Mapping[str, int]
) -> Result:
    """Run a batch one time-step after another.

    Args:
        engine: The engine, whose recorded layers the result contains.
        sequence: (1, N, *shape), a constant input, or (T, N, *shape).
        steps: Number of time-steps T.
        rule: Early exit, or None.
        neurons: By layer, number of neurons.

    Raises:
        UsageError: The rule does not return an array of bool.
    """
    graph, n, record = engine.graph, sequence.shape[1], engine.record
    shapes = {name: graph.population(name) for name in record}
    sums = np.empty((steps, n, graph.classes))
    fired = np.zeros((len(graph.spiking), steps, n), np.int64)
    spikes = {name: np.zeros((steps, n, *shape), np.bool_) for name, shape in shapes.items()}
    potentials = {name: np.zeros((steps, n, *shape), np.float32) for name, shape in shapes.items()}
    exits = np.full(n, steps, np.int64)
    total = np.zeros((n, graph.classes))
    for t, output in run(engine, sequence, steps, window=rule is None):
        running = engine.rows
        total[running] += output
        sums[t] = total
        fired[:, t, running] = engine.fired()
        for name in record:
            spikes[name][t, running] = engine.spikes(name)
            potentials[name][t, running] = engine.potentials(name)
        if rule is not None:
            done = _stopping(rule, total[running] * graph.output.scale / (t + 1))
            exits[running[done]] = t + 1
            if done.all():
                sums[t + 1 :] = total
                break
            if done.any():
                engine.keep(np.flatnonzero(~done))
    counts = dict(zip(graph.spiking, fired, strict=True))
    return Result(sums, graph.output.scale, exits, counts, spikes, potentials, dict(neurons), graph)


def _stopping(rule: ExitRule, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which samples stop, (N,) bool. Raises UsageError if the rule returns anything else."""
    done = rule.done(logits)
    if not isinstance(done, np.ndarray) or done.dtype != np.bool_ or done.shape != (len(logits),):
        found = f"{done.dtype} {done.shape}" if isinstance(done, np.ndarray) else options.shown(done)
        expected = f"an array of bool {(len(logits),)}"
        raise UsageError.at("early_exit.done", f"expected {expected}, found {found}", expected=expected, found=found)
    return done
