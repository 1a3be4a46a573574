"""The loop over the time-steps of an engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spikelet.engines.base import Engine, Float
from spikelet.errors import EngineError
from spikelet.options import instance, whole


def run(
    engine: Engine, sequence: npt.NDArray[np.generic], steps: int, *, window: bool = False
) -> Iterator[tuple[int, Float]]:
    """Reset an engine, run a batch and yield (t, logits) after every time-step, with t from 0 and logits (N, K).

    Read spikes, counts and potentials from the engine inside the loop. After `engine.keep(rows)` the loop
    continues with those rows of the batch. `zip(run(a, …), run(b, …))` runs two engines in lockstep.

    Args:
        engine: The engine.
        sequence: (T, N, *input shape), a frame per time-step, or (1, N, *input shape), a constant input.
        steps: Number of time-steps T.
        window: Whether a constant input may be evaluated layer by layer, see `Engine.reset`, if the memory limit
            permits it. The caller then has to run all T time-steps.

    Raises:
        UsageError: An argument is of a wrong type.
        CostError: The batch needs more memory than the limit permits; see `Engine.fitting`.

    Examples:
        >>> import numpy as np
        >>> from spikelet import shipped
        >>> from spikelet.bundle import read
        >>> from spikelet.engines import create, run
        >>> engine = create(read(shipped.demo()).graph, "numpy")
        >>> [(t, logits.shape) for t, logits in run(engine, np.zeros((1, 2, 3, 32, 32)), 3)]
        [(0, (2, 10)), (1, (2, 10)), (2, (2, 10))]
    """
    instance("engine", engine, Engine)
    instance("sequence", sequence, np.ndarray)
    if sequence.ndim < 2:
        raise EngineError(f"expected a sequence (T, N, *shape), found {sequence.shape}")
    steps = whole("steps", steps)
    samples = sequence.shape[1]
    together = window and len(sequence) == 1 and engine.fits(samples, steps)
    engine.reset(samples, steps if together else None)
    for t in range(steps):
        if t >= len(sequence):
            yield t, engine.step()
            continue
        frame = sequence[t] if engine.batch == samples else sequence[t][engine.rows]
        yield t, engine.step(frame.astype(np.float32, copy=False))
