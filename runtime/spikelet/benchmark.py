"""Time one engine on one bundle, in a process of its own: `python -m spikelet.benchmark BUNDLE ENGINE`.

Prints one JSON object. A fresh process makes loading, the first answer and peak memory what a user of a
board would see.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

BATCHES = (1, 32)
STEPS = 8
SECONDS = 2.0  # for each batch size


def measure(path: str, engine: str, threads: int | None) -> dict[str, Any]:
    """Load, first answer, milliseconds a step at each batch size, peak memory."""
    started = time.perf_counter()
    from spikelet.session import load

    model = load(path, engine, threads)
    loaded = time.perf_counter()
    import numpy as np

    node = model.graph.input
    images = np.random.default_rng(0).integers(node.low, node.high + 1, (max(BATCHES), *node.shape))
    steps = min(STEPS, model.bundle.manifest.exact_steps or STEPS)
    model.run(images[:1], steps=1)
    answered = time.perf_counter()
    first = _memory_mb()
    found: dict[str, Any] = {
        "engine": engine,
        "load_ms": (loaded - started) * 1000,
        "first_answer_ms": (answered - loaded) * 1000,
        "steps": steps,
        "memory_after_first_answer_mb": first,
    }
    for batch in BATCHES:
        times = _step_times(model, images[:batch].astype(np.float32), steps)
        found[f"batch_{batch}"] = {
            "ms_per_step_p50": float(np.percentile(times, 50)),
            "ms_per_step_p95": float(np.percentile(times, 95)),
            "steps_timed": len(times),
        }
    found["peak_memory_mb"] = _memory_mb()
    return found


def _step_times(model: Any, images: Any, steps: int) -> list[float]:
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
    return times


def _memory_mb() -> float | None:
    """Peak resident memory of this process so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    bundle, name, count = sys.argv[1:]
    print(json.dumps(measure(bundle, name, int(count) or None)))
