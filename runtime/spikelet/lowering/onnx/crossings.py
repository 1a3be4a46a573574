"""Count the thresholds that a total has reached by multiplying by a number in float32, with a proof for each channel.

An IF without a leak that subtracts theta at a spike fires at time-step t if its total so far, v_init plus the currents
of time-steps 1 to t, has reached one threshold more than the IF has fired before:

    reached_t = floor(total_t / theta),  fired_t = max(fired_{t-1}, min(reached_t, fired_{t-1} + 1)),  fired_0 = 0

ONNX Runtime computes round((total - shift) * factor), limited to 0…255. Both operations increase with the total, or
keep its order, so the result is right for every total if it is right on both sides of each of the T thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.nodes import IF, Array, is_float

Float = npt.NDArray[np.float32]
ONE = np.float32(1)


@dataclass(frozen=True)
class Crossings:
    """Numbers by which the thresholds that a total has reached are counted.

    Attributes:
        shift: (C,) int64, subtracted from a total.
        factor: (C,) float32, by which the difference is multiplied before it is rounded.
    """

    shift: Array
    factor: Float


@dataclass(frozen=True)
class ConstantCrossings:
    """Numbers by which the thresholds that a current has reached are counted, if it stays the same.

    Attributes:
        factor: (C,) float32, by which a current is multiplied.
        summands: For each time-step, (C,) float32, which are added to the product.
        units: For each time-step, a number by which the sum is divided before it is rounded.
    """

    factor: Float
    summands: tuple[Float, ...]
    units: tuple[np.float32, ...]


def crossings(node: IF, steps: int) -> Crossings | None:
    """Return the numbers for a layer and T time-steps; None if they are not proven, or the layer is of another kind."""
    if not counts_totals(node):
        return None
    numbers = _numbers(node, steps)
    for k in range(1, steps + 1):
        reached = k * node.theta.astype(np.int64)
        if not _counts(k, *(_rounded((total - numbers.shift), numbers.factor) for total in (reached - 1, reached))):
            return None
    return numbers


def constant_crossings(node: IF, steps: int) -> ConstantCrossings | None:
    """Return the numbers for currents that stay the same; None as for `crossings`, or if v_init is not in 0…theta − 1.

    With v_init in this range, a layer has fired min(reached, t) times at time-step t.
    """
    if not counts_totals(node) or (node.v_init < 0).any() or (node.v_init >= node.theta).any():
        return None
    numbers = _numbers(node, steps)
    theta, start = node.theta.astype(np.int64), node.v_init.astype(np.int64)
    offset = (start - numbers.shift) * numbers.factor.astype(np.float64)
    units = tuple(np.float32(1 / t) for t in range(1, steps + 1))
    summands = tuple((offset / t).astype(np.float32) for t in range(1, steps + 1))
    for t, (unit, summand) in enumerate(zip(units, summands, strict=True), 1):
        for k in range(1, t + 1):
            least = -((start - k * theta) // t)  # the least current with which t time-steps reach k thresholds
            if not _counts(k, *(_rounded(current, numbers.factor, summand, unit) for current in (least - 1, least))):
                return None
    return ConstantCrossings(numbers.factor, summands, units)


def counts_totals(node: IF) -> bool:
    """Return whether a layer is of the kind that this module describes, without copies."""
    subtracts = node.kind == "IF" and not is_float(node.theta) and node.reset == "subtract" and node.tie == ">="
    return subtracts and node.copies == 1


def _numbers(node: IF, steps: int) -> Crossings:
    """Return numbers for which totals on both sides of a threshold are about as far from where rounding changes."""
    theta = node.theta.astype(np.int64)
    even = (theta + 1) % 2
    # half of an even theta: k thresholds give k − 1/2 exactly, and a slightly larger factor more than that
    factor = (steps - 0.5) / ((steps - 0.5) * theta - 0.5 * even)
    return Crossings(theta // 2, factor.astype(np.float32))


def _rounded(values: Array, factor: Float, summand: Float | None = None, unit: np.float32 = ONE) -> Float:
    """Return values as ONNX Runtime computes them: each operation in float32, rounded to the nearest, ties to even."""
    product: Float = values.astype(np.float32) * factor
    rounded: Float = np.rint((product if summand is None else product + summand) / unit)
    return rounded


def _counts(k: int, below: Float, reached: Float) -> bool:
    """Return whether all totals just below a threshold and at it are on the right sides of k."""
    return bool((below < k).all() and (reached >= k).all())
