"""Decide whether a source and its imported graph compute the same outputs.

They may differ only by float rounding, except where a quantiser or a neuron is at a tie and rounding decides between
two levels or between a spike and none. The effect of ties is estimated by shifting the thresholds of the imported graph
slightly: the source may differ by about as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikelet.errors import ConversionError
from spikelet_converters.frontends.values import Ending

TOLERANCE = 1e-3  # relative to the largest logit of an input
FAINT = 1e-2  # smallest magnitude of an input's logits, relative to the largest of all inputs
NOISE = 2.0  # largest ratio of the differences to those that ties cause
TIED = 0.2  # largest root mean square difference relative to that of the logits, also with ties
UNDERFLOW = -60.0  # log of the smallest probability that is compared

Outputs = npt.NDArray[np.float32]
Moved = Callable[[], Iterable[Outputs]]  # called only if the outputs differ, since it evaluates several graphs


def none_moved() -> Iterable[Outputs]:
    """Return no outputs: the imported graph has neither quantisers nor spikes."""
    return ()


@dataclass(frozen=True)
class OutputDifference:
    """Differences between a source and its imported graph.

    Attributes:
        largest: The largest difference of two logits.
        magnitude: The largest logit.
    """

    largest: float
    magnitude: float


def agree(
    name: str, outputs: Outputs, logits: Outputs, moved: Moved = none_moved, ending: Ending = "logits",
    tied: float = TIED,
) -> OutputDifference:  # fmt: skip
    """Return the differences of the outputs if they are explained by rounding and ties.

    Args:
        name: Description of the inputs, for messages.
        outputs: Outputs of the source, (N, K), or (T, N, K) with sums over time.
        logits: Logits of the imported graph, of the same shape.
        moved: Function that returns the logits of the imported graph with shifted thresholds, if it has quantisers or
            spikes.
        ending: Function of the logits that the source returns.
        tied: Largest difference that ties may explain, a root mean square relative to the logits.

    Raises:
        ConversionError: The outputs differ.
    """
    if outputs.shape != logits.shape:
        raise ConversionError(
            f"the imported graph computes other outputs than the network: of shape {logits.shape}; expected "
            f"{outputs.shape}, as the network has"
        )
    if not (np.isfinite(outputs) | (np.isneginf(outputs) & (ending == "log_softmax"))).all():
        raise ConversionError(f"the source returns NaN or infinity for {name}; check its weights")
    expected, actual = comparable(ending, outputs, logits)
    axes = (0, 2) if expected.ndim == 3 else (1,)
    largest = max(float(np.abs(expected).max()), 1e-6)
    magnitude = np.maximum(np.abs(expected).max(axes, keepdims=True), FAINT * largest)
    bounded = ending in ("sigmoid", "tanh", "two_classes")
    resolution = np.exp(np.abs(expected)) * 1e-4 if bounded else 0.0  # of float32 probabilities near 1

    differences = np.abs(expected.astype(np.float64) - actual)
    result = OutputDifference(float(differences.max()), largest)
    if (differences / (1 + resolution) <= TOLERANCE * magnitude).all():
        return result

    def spread(differences: npt.NDArray[np.float64]) -> float:
        """Return the root mean square of differences, relative to the largest logit of an input."""
        return float(np.sqrt(np.square(differences / magnitude).mean()))

    ties = max((spread(comparable(ending, outputs, other)[1].astype(np.float64) - actual) for other in moved()),
               default=0.0)  # fmt: skip
    if spread(differences) <= min(NOISE * ties, tied):
        return result
    raise ConversionError(
        f"the imported graph computes other outputs than the network on {name} (largest difference "
        f"{result.largest:.3g}, largest output {largest:.3g}): the network has an operation that the import "
        "missed; please report it with the network"
    )


def agree_on_answers(
    name: str, predictions: npt.NDArray[np.generic], logits: Outputs, moved: Moved = none_moved
) -> None:
    """Check that predictions are equal, except where two logits are nearly equal.

    Args:
        name: Description of the inputs, for messages.
        predictions: Predictions of the source, (N,) or (N, 1).
        logits: Logits of the imported graph, (N, K).
        moved: Function that returns the logits of the imported graph with shifted thresholds, if it has quantisers.

    Raises:
        ConversionError: The predictions differ.
    """
    if predictions.size != len(predictions):
        raise ConversionError(
            f"the source returns predictions of shape {predictions.shape}; expected one for each image"
        )
    predicted = logits.argmax(1)
    top = np.sort(logits, axis=1)[:, -2:] if logits.shape[1] > 1 else np.stack([logits[:, 0] - 1, logits[:, 0]], 1)
    clear = top[:, 1] - top[:, 0] > TOLERANCE * max(float(np.abs(logits).max()), 1e-6)
    differs = clear & (predictions.reshape(-1) != predicted)
    for other in moved() if differs.any() else ():
        differs &= other.argmax(1) == predicted
    if differs.any():
        raise ConversionError(
            f"the imported graph gives other predictions than the network on {name}: the network has an operation that "
            "the import missed; please report it with the network"
        )


def comparable(ending: Ending, outputs: Outputs, logits: Outputs) -> tuple[Outputs, Outputs]:
    """Return the outputs of the source and of the imported graph on a scale on which they are comparable."""
    if ending == "logits":
        return outputs, logits
    if ending == "two_classes":  # 1 - p is rounded where p is near 1
        return comparable("sigmoid", outputs[:, 1:], logits[:, 1:] - logits[:, :1])
    if ending == "tanh":  # tanh(x) = 2 sigmoid(2 x) - 1
        return comparable("sigmoid", outputs / np.float32(2) + np.float32(0.5), np.float32(2) * logits)
    actual = torch.from_numpy(logits).double()
    expected = torch.from_numpy(outputs).double()
    if ending == "sigmoid":  # differences of logits, limited to those at which float32 probabilities are not 0 or 1
        limit = 15.0
        probable = torch.special.logit(expected.clamp(1e-12, 1 - 1e-12))
        return _float32(probable.clamp(-limit, limit)), _float32(actual.clamp(-limit, limit))
    if ending in ("softmax_of_softmax", "log_softmax_of_softmax"):  # the probabilities, whose sum is 1
        log = expected if ending == "log_softmax_of_softmax" else expected.log()
        return _float32(log + (1 - log.sum(1, keepdim=True)) / log.shape[1]), _float32(actual.softmax(1))
    log = expected.clamp_min(0).log() if ending == "softmax" else expected
    return _float32(log.clamp_min(UNDERFLOW)), _float32(actual.log_softmax(1).clamp_min(UNDERFLOW))


def _float32(values: Tensor) -> Outputs:
    array: Outputs = values.float().numpy()
    return array
