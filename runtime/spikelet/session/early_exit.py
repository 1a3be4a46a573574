"""Early-exit rules: decide from the logits so far which samples can stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikelet.options import real

Logits = npt.NDArray[np.float64]


class ExitRule(Protocol):
    """Decides after every time-step which samples stop."""

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        """Return which samples stop, (N,) bool.

        Args:
            logits: (N, K) float64, mean over the time-steps so far.
        """
        ...


@dataclass(frozen=True)
class Margin:
    """Stop when the mean logit of the best class exceeds that of the second by `threshold`.

    Attributes:
        threshold: 0 or more, in the units of the source network's logits.

    Example:
        >>> import numpy as np
        >>> Margin(1.0).done(np.array([[3.0, 1.5, 0.0], [1.0, 0.5, 0.0]]))
        array([ True, False])
    """

    threshold: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", real("early exit, margin", self.threshold, 0))

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        """Return (N,) bool: True where the margin is at least the threshold. logits: (N, K)."""
        return margin(logits) >= self.threshold


@dataclass(frozen=True)
class Confidence:
    """Stop when the softmax probability of the best class reaches `threshold` (SEENN, NeurIPS 2023).

    Attributes:
        threshold: probability in 0…1, computed from the mean logits.

    Example:
        >>> import numpy as np
        >>> Confidence(0.7).done(np.array([[3.0, 1.5, 0.0], [1.0, 0.5, 0.0]]))
        array([ True, False])
    """

    threshold: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", real("early exit, confidence", self.threshold, 0, 1))

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        """Return (N,) bool: True where the confidence is at least the threshold. logits: (N, K)."""
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        confident: npt.NDArray[np.bool_] = odds.max(axis=1) / odds.sum(axis=1) >= self.threshold
        return confident


def margin(logits: Logits) -> npt.NDArray[np.float64]:
    """Return the difference of the two largest logits, (N,), of logits (N, K); infinite for a single class."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf)
    second, best = np.partition(logits, -2, axis=1)[:, -2:].T
    difference: npt.NDArray[np.float64] = best - second
    return difference
