"""Accuracy with confidence intervals, and recorded results of the source network."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Manifest
from spikelet.data import ImageSet
from spikelet.errors import DataError

Z = 1.959963984540054  # 95%, both sides
IMAGES = 3  # of a label, whose predictions show its class
LISTED = 3  # labels in a note


class AccuracyPoint(TypedDict):
    """Accuracy after `time_steps` time-steps, and its 95% interval low…high."""

    time_steps: int
    accuracy: float
    low: float
    high: float


class SourceResults(TypedDict):
    """Recorded results of the source network; None if the bundle does not contain them."""

    accuracy: float | None
    agreement: float | None
    agreement_steps: float | None


def wilson(right: float, n: float) -> tuple[float, float]:
    """Compute Wilson's 95% score interval of the proportion right / n (E. B. Wilson, 1927).

    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n),   p = right / n, z = Z
    """
    p, square = right / n, Z * Z / n
    half = Z * math.sqrt(p * (1 - p) / n + square / (4 * n))
    low, high = (p + square / 2 - half) / (1 + square), (p + square / 2 + half) / (1 + square)
    return max(0.0, low), min(1.0, high)


def accuracy(predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64] | None) -> list[AccuracyPoint] | None:
    """Compute the accuracy and its 95% interval at each time-step; None without labels.

    Args:
        predictions: Class after each time-step, (T, N).
        labels: True classes, (N,).
    """
    if labels is None:
        return None
    points: list[AccuracyPoint] = []
    for t, answers in enumerate(predictions):
        right = int((answers == labels).sum())
        low, high = wilson(right, len(labels))
        points.append({"time_steps": t + 1, "accuracy": right / len(labels), "low": low, "high": high})
    return points


def check_labels(data: ImageSet, classes: int) -> None:
    """Check that the network has a class for each label.

    Raises:
        DataError: A label is out of range.
    """
    if data.labels is not None and data.labels.max() >= classes:
        raise DataError(f"{data.name}: has a label of {data.labels.max()}, the network's classes are 0…{classes - 1}")


def order_of_labels(predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64] | None) -> str:
    """Return a note if the labels appear to be in another order than the classes of the network, else "".

    They do if more than half of the labels have a clear prediction that is another class, and few labels have the same.
    A prediction is clear if more than half of the images of a label have it, which are at least `IMAGES`.

    Args:
        predictions: Predicted classes, (N,).
        labels: Labels, (N,), or None.
    """
    if labels is None:
        return ""
    present, counts = np.unique(labels, return_counts=True)
    clear = {}
    for label in present[counts >= IMAGES].tolist():
        answers, shares = np.unique(predictions[labels == label], return_counts=True)
        if 2 * shares.max() > shares.sum():
            clear[label] = int(answers[shares.argmax()])
    moved = {label: answer for label, answer in clear.items() if label != answer}
    same = len(clear) - len(set(clear.values()))
    if len(moved) < max(2, len(present) // 2 + 1) or same > len(clear) // 5:
        return ""
    shown = [f"{label} as class {answer}" for label, answer in list(moved.items())[:LISTED]]
    one_based = present[0] == 1 and sum(label - answer == 1 for label, answer in moved.items()) > len(moved) / 2
    remedy = "subtract 1 from labels that begin with 1" if one_based else "reorder them, or give names with --classes"
    return (
        "The labels appear to be in another order than the classes of the network, which predicts most images of label "
        f"{', of '.join(shown)}{', …' if len(moved) > LISTED else ''}: {remedy}."
    )


def source_results(manifest: Manifest, data: ImageSet) -> SourceResults:
    """Read the recorded results of the source network on these images: accuracy, and agreement at T."""
    recorded = next((result for result in manifest.results if result.get("digest") == data.digest), {})
    return {
        "accuracy": _number(recorded.get("float_accuracy")),
        "agreement": _number(recorded.get("agreement_with_float")),
        "agreement_steps": _number(recorded.get("steps")),
    }


def _number(value: object) -> float | None:
    """Return a number of a manifest; None for other values, since a manifest is not trusted."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
