"""Early-exit rules, which decide from the logits so far which samples stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikelet.errors import UsageError
from spikelet.options import real, shown

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
    """Stop when the mean logit of the best class is at least `threshold` above that of the second.

    Attributes:
        threshold: 0 or more, in the units of the source network's logits.

    Examples:
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
        threshold: Probability in 0…1, computed from the mean logits.

    Examples:
        >>> import numpy as np
        >>> Confidence(0.7).done(np.array([[3.0, 1.5, 0.0], [1.0, 0.5, 0.0]]))
        array([ True, False])
    """

    threshold: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", real("early exit, confidence", self.threshold, 0, 1))

    def done(self, logits: Logits) -> npt.NDArray[np.bool_]:
        """Return (N,) bool: True where the confidence is at least the threshold. logits: (N, K)."""
        confident: npt.NDArray[np.bool_] = softmax(logits).max(axis=1) >= self.threshold
        return confident


def as_rule(value: object) -> ExitRule | None:
    """Convert the value of an option to a rule: a number becomes a `Margin`; None stays None.

    Raises:
        UsageError: The value is neither a number nor a rule.
    """
    if value is None or (not isinstance(value, type) and callable(getattr(value, "done", None))):
        rule: ExitRule | None = value  # type: ignore[assignment]
        return rule
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return Margin(float(real("early_exit", value, 0)))
    expected = "a margin such as 2.0, Margin(2.0), Confidence(0.9) or a rule with a function `done`"
    raise UsageError.at(
        "early_exit", f"expected {expected}, found {shown(value)}", expected=expected, found=shown(value)
    )


def softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Return the softmax probabilities (N, K) of logits (N, K)."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def margin(logits: Logits) -> npt.NDArray[np.float64]:
    """Return the difference between the two largest of the logits (N, K), as (N,); infinite for a single class."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf)
    second, best = np.partition(logits, -2, axis=1)[:, -2:].T
    difference: npt.NDArray[np.float64] = best - second
    return difference
