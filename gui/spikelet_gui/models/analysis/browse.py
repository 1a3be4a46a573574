"""Images of a measurement by result: right, wrong, lost by spiking, early or late exit; and the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.metrics.accuracy import wilson
from spikelet_gui.models.analysis.sweep import Sweep

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Filter:
    """Conditions on the images.

    Attributes:
        kind: Key of KINDS.
        truth: True class, or None for any.
        predicted: Predicted class, or None for any.
    """

    kind: str = "all"
    truth: int | None = None
    predicted: int | None = None


@dataclass(frozen=True)
class ClassAccuracy:
    """Accuracy on the images of one class, with its 95% interval (Wilson).

    Attributes:
        right: Number of images that are classified correctly.
        images: Number of images.
        low: Lower end of the interval; 0 without images.
        high: Upper end of the interval; 1 without images.
    """

    right: int
    images: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The accuracy, or None without images."""
        return self.right / self.images if self.images else None


def exit_steps(sweep: Sweep, threshold: float) -> Counts:
    """Return (n,) the time-step at which early exit stops; 0 if the margin never reaches the threshold."""
    reached = sweep.counted.margins >= max(threshold, 0.0)
    return np.where(reached.any(axis=0), reached.argmax(axis=0) + 1, 0)


def _right(sweep: Sweep, time: int, threshold: float) -> Mask:
    assert sweep.labels is not None
    return sweep.counted.predictions[time - 1] == sweep.labels


def _lost(sweep: Sweep, time: int, threshold: float) -> Mask:
    assert sweep.source is not None
    return (sweep.source == sweep.labels) & ~_right(sweep, time, threshold)


def _won(sweep: Sweep, time: int, threshold: float) -> Mask:
    assert sweep.source is not None
    return (sweep.source != sweep.labels) & _right(sweep, time, threshold)


def _early(sweep: Sweep, time: int, threshold: float) -> Mask:
    steps = exit_steps(sweep, threshold)
    return (steps > 0) & (steps <= (sweep.counted.steps + 1) // 2)


def _late(sweep: Sweep, time: int, threshold: float) -> Mask:
    return exit_steps(sweep, threshold) > (sweep.counted.steps + 1) // 2


# by name: (title, images that it selects, whether it needs labels, whether it needs the source network)
KINDS: dict[str, tuple[str, Callable[[Sweep, int, float], Mask], bool, bool]] = {
    "all": ("all images", lambda sweep, time, threshold: np.ones(sweep.done, np.bool_), False, False),
    "right": ("right", _right, True, False),
    "wrong": ("wrong", lambda *arguments: ~_right(*arguments), True, False),
    "lost": ("lost by spiking", _lost, True, True),
    "won": ("won by spiking", _won, True, True),
    "early": ("early exit, first half of T", _early, False, False),
    "late": ("late exit, second half of T", _late, False, False),
    "never": ("no early exit", lambda sweep, time, threshold: exit_steps(sweep, threshold) == 0, False, False),
}


def kinds_of(sweep: Sweep) -> tuple[str, ...]:
    """Return the kinds that a measurement has data for."""
    return tuple(
        name
        for name, (_, _, labels, source) in KINDS.items()
        if not (labels and sweep.labels is None) and not (source and sweep.source is None)
    )


def first_kind(sweep: Sweep) -> str:
    """Return the kind that is shown first: lost, wrong or all, the first that has images at the last time-step."""
    steps = sweep.counted.steps
    return next((kind for kind in ("lost", "wrong") if len(selected(sweep, Filter(kind), steps, 0.0))), "all")


def selected(sweep: Sweep, conditions: Filter, time: int, threshold: float) -> Counts:
    """Return the indices of the images that fulfil the conditions after time-step `time`.

    Args:
        sweep: The measurement.
        conditions: The conditions; a kind without data selects nothing.
        time: Time-step of the predictions.
        threshold: Margin of early exit, in logits.
    """
    if conditions.kind not in kinds_of(sweep):
        return np.zeros(0, np.int64)
    keep = KINDS[conditions.kind][1](sweep, time, threshold)
    if conditions.truth is not None:
        keep = keep & (sweep.labels == conditions.truth if sweep.labels is not None else False)
    if conditions.predicted is not None:
        keep = keep & (sweep.counted.predictions[time - 1] == conditions.predicted)
    return np.flatnonzero(keep)


def confusion(sweep: Sweep, time: int, classes: int) -> Counts | None:
    """Return (classes, classes) numbers of images by true class (row) and prediction (column); None without labels."""
    if sweep.labels is None:
        return None
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (sweep.labels, sweep.counted.predictions[time - 1]), 1)
    return counts


def by_class(counts: Counts) -> list[ClassAccuracy]:
    """Return the accuracy on the images of each class, from a confusion matrix."""
    rows = []
    for k, row in enumerate(counts):
        right, images = int(row[k]), int(row.sum())
        rows.append(ClassAccuracy(right, images, *(wilson(right, images) if images else (0.0, 1.0))))
    return rows
