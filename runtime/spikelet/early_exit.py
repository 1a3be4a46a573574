"""When to stop: rules that look at the logits so far and say which samples have their answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikelet.errors import SpikeletError

Logits = npt.NDArray[np.float64]


class ExitRule(Protocol):
    """Decides, after every time-step, which samples are done."""

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        """logits: mean over the time-steps so far, (N, K). Returns (N,) bool."""
        ...


@dataclass(frozen=True)
class Margin:
    """Stop when the best class leads the second by `threshold`, in the units of the source network's logits."""

    threshold: float

    def __post_init__(self) -> None:
        if not self.threshold >= 0:
            raise SpikeletError(f"early exit: a margin is 0 or more, got {self.threshold}")

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        return margin(logits) >= self.threshold


@dataclass(frozen=True)
class Confidence:
    """Stop when the softmax of the mean logits gives the best class `threshold` or more (SEENN, NeurIPS 2023)."""

    threshold: float

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise SpikeletError(f"early exit: a confidence lies in 0…1, got {self.threshold}")

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        confident: npt.NDArray[np.bool_] = odds.max(axis=1) / odds.sum(axis=1) >= self.threshold
        return confident


def margin(logits: Logits) -> npt.NDArray[np.float64]:
    """How far the best class leads the second, (N,), of logits (N, K); infinite where there is one class."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf)
    second, best = np.partition(logits, -2, axis=1)[:, -2:].T
    lead: npt.NDArray[np.float64] = best - second
    return lead
