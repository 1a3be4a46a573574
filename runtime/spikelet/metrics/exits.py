"""The early-exit trade-off: what a threshold on the margin costs and saves.

A sample leaves at the first time-step at which the mean logit of its best class leads the second by the
threshold, and at T otherwise: the rule of `early_exit.Margin`, applied after the run to what the stream kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.metrics.operations import Operations
from spikelet.metrics.tally import Tally

POINTS = 24


@dataclass(frozen=True)
class Exit:
    """One threshold.

    steps: mean time-step at exit. accuracy: of the answers at exit; None without labels. events: accumulates
    of an image until its exit (mean). share_by_step: share of images that leave at each time-step.
    """

    threshold: float
    steps: float
    accuracy: float | None
    events: float
    share_by_step: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def exit_curve(counted: Tally, labels: npt.NDArray[np.int64] | None, points: int = POINTS) -> list[Exit]:
    """Thresholds from 0 (everyone leaves at once) to one that nobody reaches before T, with even steps between.

    Thresholds are chosen so that the mean exit step is spread evenly. labels: (N,) or None.
    """
    return [at_threshold(counted, labels, threshold) for threshold in thresholds(counted.margins, points)]


def thresholds(margins: npt.NDArray[np.float64], points: int = POINTS) -> list[float]:
    """At most so many thresholds, growing: 0, then quantiles of the margins before the last step, (T, N)."""
    early = margins[:-1]
    finite = early[np.isfinite(early)]
    if not finite.size:
        return [0.0]
    chosen = np.quantile(finite, np.linspace(0, 1, points - 2))
    beyond = np.nextafter(finite.max(), np.inf)  # nobody leaves before T
    return sorted({0.0, *(float(each) for each in chosen), float(beyond)})


def at_threshold(counted: Tally, labels: npt.NDArray[np.int64] | None, threshold: float) -> Exit:
    """The trade-off at one threshold."""
    done = counted.margins >= threshold
    done[-1] = True
    leave = done.argmax(0)
    images = np.arange(counted.images)
    answers = counted.predictions[leave, images]
    events = counted.events.cumsum(0)[leave, images]
    share = np.bincount(leave, minlength=counted.steps) / counted.images
    return Exit(
        threshold=threshold,
        steps=float(leave.mean() + 1),
        accuracy=None if labels is None else float((answers == labels).mean()),
        events=float(events.mean()),
        share_by_step=tuple(float(each) for each in share),
    )


def operations_at_exit(ops: Operations, leaving: Exit) -> Operations:
    """Operations of the mean image that leaves early.

    The accumulates in all are counted; they are spread over nodes and layers as they are at T. What is done at every
    time-step is done for the mean number of time-steps.
    """
    whole = ops.total("acs")
    fired = leaving.events / whole if whole else 0.0
    time = leaving.steps / ops.steps

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
        ops, steps=leaving.steps, rows=rows, spikes={name: count * fired for name, count in ops.spikes.items()}
    )
