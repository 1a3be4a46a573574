"""How often a network is right, and how sure that is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Manifest
from spikelet.data import ImageSet
from spikelet.errors import DataError

FLOAT_FIGURES = {"accuracy": "float_accuracy", "agreement": "agreement_with_float", "agreement_steps": "steps"}
Z = 1.959963984540054  # 95 %, both sides


def wilson(right: int, n: int, z: float = Z) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, 1927): of `right` out of n.

    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n),   p = right / n
    """
    p, square = right / n, z * z / n
    half = z * math.sqrt(p * (1 - p) / n + square / (4 * n))
    low, high = (p + square / 2 - half) / (1 + square), (p + square / 2 + half) / (1 + square)
    return max(0.0, low), min(1.0, high)


def accuracy(predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64] | None) -> list[dict[str, Any]] | None:
    """By time-step: accuracy and its 95 % interval; None without labels. predictions: (T, N). labels: (N,)."""
    if labels is None:
        return None
    found = []
    for t, answers in enumerate(predictions):
        right = int((answers == labels).sum())
        low, high = wilson(right, len(labels))
        found.append({"time_steps": t + 1, "accuracy": right / len(labels), "low": low, "high": high})
    return found


def check_labels(data: ImageSet, classes: int) -> None:
    """Refuse labels that the network has no class for. Raises DataError."""
    if data.labels is not None and data.labels.max() >= classes:
        raise DataError(f"{data.name}: has a label of {data.labels.max()}, the network's classes are 0…{classes - 1}")


def float_network(manifest: Manifest, data: ImageSet) -> dict[str, Any]:
    """What the bundle knows of its source network on the very same images: accuracy, and agreement at T.

    The keys are those of `FLOAT_FIGURES`; each None where the bundle does not tell.
    """
    known = next((each for each in manifest.results if each.get("digest") == data.digest), {})
    # a manifest is not trusted: what is no number is not known
    found = {key: known.get(name) for key, name in FLOAT_FIGURES.items()}
    return {key: value if type(value) in (int, float) else None for key, value in found.items()}
