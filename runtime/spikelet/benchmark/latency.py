"""The result of a benchmark of one engine, as JSON."""

from __future__ import annotations

from typing import TypedDict


class StepTimes(TypedDict):
    """Milliseconds per time-step: median and 95% quantile over `steps_timed` time-steps."""

    ms_per_step_p50: float
    ms_per_step_p95: float
    steps_timed: int


class Latency(TypedDict):
    """The result of `benchmark.measure`; memory is None if the system does not report it."""

    engine: str
    load_ms: float
    first_answer_ms: float
    steps: int
    memory_after_first_answer_mb: float | None
    batch_1: StepTimes
    batch_32: StepTimes
    peak_memory_mb: float | None


def batches(latency: Latency) -> dict[int, StepTimes]:
    """Return the times by batch size."""
    return {1: latency["batch_1"], 32: latency["batch_32"]}
