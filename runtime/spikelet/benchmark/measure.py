"""Measure one engine on one bundle in this process; a new process gives realistic values, see `__main__`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from spikelet.benchmark.latency import Latency, StepTimes

if TYPE_CHECKING:  # imported on use, so that their loading is measured
    from spikelet.engines.base import Float
    from spikelet.session import Model

TIMED_STEPS = 8
SECONDS = 2.0  # per batch size


def measure(path: str, engine: str, threads: int | None) -> Latency:
    """Measure load time, time to the first prediction, time per time-step (ms) by batch size, and peak memory (MB)."""
    started = time.perf_counter()
    from spikelet.session import load

    model = load(path, engine, threads)
    loaded = time.perf_counter()
    import numpy as np

    from spikelet.engines import Workload, engine_class

    engine_class(model.engine).check(model.graph, model.limits, Workload(32, threads=model.threads))
    node = model.graph.input
    images = np.random.default_rng(0).integers(node.low, node.high + 1, (32, *node.shape))
    steps = min(TIMED_STEPS, model.bundle.manifest.exact_steps or TIMED_STEPS)
    model.run(images[:1], steps=1)
    predicted = time.perf_counter()
    memory_after_first = _memory_mb()
    times = {batch: _step_times(model, images[:batch].astype(np.float32), steps) for batch in (1, 32)}
    return {
        "engine": engine,
        "load_ms": (loaded - started) * 1000,
        "first_answer_ms": (predicted - loaded) * 1000,
        "steps": steps,
        "memory_after_first_answer_mb": memory_after_first,
        "batch_1": times[1],
        "batch_32": times[32],
        "peak_memory_mb": _memory_mb(),
    }


def _step_times(model: Model, images: Float, steps: int) -> StepTimes:
    import numpy as np

    from spikelet.engines import create

    engine = create(model.graph, model.engine, (), model.threads)
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    warm = False
    while time.perf_counter() < until or len(times) < steps:
        engine.reset(len(images))
        for t in range(steps):
            started = time.perf_counter()
            engine.step(images if t == 0 else None)
            if warm:
                times.append((time.perf_counter() - started) * 1000)
        warm = True
    return {
        "ms_per_step_p50": float(np.percentile(times, 50)),
        "ms_per_step_p95": float(np.percentile(times, 95)),
        "steps_timed": len(times),
    }


def _memory_mb() -> float | None:
    """Return the peak resident memory of this process; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
