"""The early-exit trade-off: accuracy and accumulates as functions of the margin threshold.

A sample exits at the first time-step at which the mean logit of its best class is at least the threshold above the
second, and at T otherwise. This is the rule of `early_exit.Margin`, applied after the run to the recorded margins.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from spikelet.metrics.operations import Operations
from spikelet.metrics.tally import Tally

POINTS = 24


@dataclass(frozen=True)
class Exit:
    """The trade-off at one threshold.

    Attributes:
        threshold: Margin at which an image exits.
        steps: Mean exit step.
        accuracy: Accuracy of the predictions at exit; None without labels.
        events: Mean number of accumulates of an image before its exit.
        share_by_step: Share of images that exit at each time-step, (T,).
    """

    threshold: float
    steps: float
    accuracy: float | None
    events: float
    share_by_step: tuple[float, ...]

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self)


def exit_curve(counted: Tally, labels: npt.NDArray[np.int64] | None, points: int = POINTS) -> list[Exit]:
    """Compute the trade-off at thresholds from 0 (all images exit at once) to one that no image reaches before T.

    Thresholds are quantiles of the margins. labels: (N,) or None.
    """
    return [at_threshold(counted, labels, threshold) for threshold in thresholds(counted.margins, points)]


def thresholds(margins: npt.NDArray[np.float64], points: int = POINTS) -> list[float]:
    """Choose at most `points` ascending thresholds: 0 and quantiles of the margins, (T, N), before the last step."""
    early = margins[:-1]
    finite = early[np.isfinite(early)]
    if not finite.size:
        return [0.0]
    chosen = np.quantile(finite, np.linspace(0, 1, points - 2))
    beyond = np.nextafter(finite.max(), np.inf)  # no image exits before T
    return sorted({0.0, *(float(threshold) for threshold in chosen), float(beyond)})


def at_threshold(counted: Tally, labels: npt.NDArray[np.int64] | None, threshold: float) -> Exit:
    """Compute the trade-off at one threshold."""
    done = counted.margins >= threshold
    done[-1] = True
    exit_index = done.argmax(0)
    images = np.arange(counted.images)
    answers = counted.predictions[exit_index, images]
    events = counted.events.cumsum(0)[exit_index, images]
    share = np.bincount(exit_index, minlength=counted.steps) / counted.images
    return Exit(
        threshold=threshold,
        steps=float(exit_index.mean() + 1),
        accuracy=None if labels is None else float((answers == labels).mean()),
        events=float(events.mean()),
        share_by_step=tuple(float(fraction) for fraction in share),
    )


def operations_at_exit(ops: Operations, early: Exit) -> Operations:
    """Compute the mean operations of an image with early exit.

    The total number of accumulates is exact, and is distributed over nodes and layers as without early exit. Operations
    that occur at every time-step are scaled to the mean number of time-steps.
    """
    total = ops.total("acs")
    fired = early.events / total if total else 0.0
    time = early.steps / ops.steps

    def counts(value: float) -> int:
        return round(value * time)

    rows = tuple(
        replace(
            row,
            acs=row.acs * fired,
            macs=counts(row.macs),
            adds=counts(row.adds),
            possible=counts(row.possible),
            dense_events=counts(row.dense_events),
        )
        for row in ops.rows
    )
    return replace(
        ops, steps=early.steps, rows=rows, spikes={name: count * fired for name, count in ops.spikes.items()}
    )
