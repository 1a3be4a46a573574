"""Closed-form spike trains of single neurons, or None where no closed form exists.

IF, reset by subtraction, currents of 0 or more. A(t) = v_init + i(1) + … + i(t); without the limit of one spike
per time-step the neuron would fire M(t) = max(0, floor(A(t) / theta)) times (tie ">": ceil - 1). With it,
    N(t) = min over s in 0…t of M(s) + (t - s), M(0) = 0, and v(t) = A(t) - theta N(t).

IF, reset to zero, constant current i > 0: from v to the next spike it takes ceil((theta - v) / i) steps
(tie ">": floor + 1), at least one.

LIF with decay beta, constant current i: k steps after v the potential is c + (v - c) beta^k, c = i / (1 - beta),
so the next spike comes at the first whole k >= ln((c - theta) / (c - v)) / ln beta (tie ">": k > that), at
least one, and never if c is below theta. The next interval starts from the potential after the reset.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spikelet.nodes import IF, LIF, Tie, is_float

Train = npt.NDArray[np.bool_]
Current = npt.NDArray[np.float64]

NEAR = 1e-9  # relative tolerance within which an interval is a whole number


def spike_train(node: IF, current: Current) -> Train | None:
    """Return whether the neuron fires at each time-step, (T,), or None if there is no closed form.

    Args:
        node: Neuron, with one channel.
        current: Current at each time-step, (T,).
    """
    theta, v_init = float(node.theta[0]), float(node.v_init[0])
    constant = bool((current == current[0]).all())
    if isinstance(node, LIF):
        if not (constant and is_float(node.decay) and node.decay[0] < 1):
            return None
        return _spikes_at(len(current), lif_intervals(node, float(current[0]), len(current)))
    if node.reset == "subtract":
        return np.diff(if_counts(current, theta, v_init, node.tie), prepend=0) > 0 if (current >= 0).all() else None
    if not constant:
        return None
    return _spikes_at(len(current), if_intervals(float(current[0]), theta, v_init, node.tie, len(current)))


def if_counts(current: Current, theta: float, v_init: float, tie: Tie) -> npt.NDArray[np.int64]:
    """Return the spike count after each time-step, (T,), of an IF neuron reset by subtraction.

    Args:
        current: Current at each time-step, (T,), 0 or more.
        theta: Threshold.
        v_init: Initial potential.
        tie: Whether a potential equal to the threshold fires.
    """
    thresholds = (v_init + np.cumsum(current)) / theta
    unlimited = np.floor(thresholds) if tie == ">=" else np.ceil(thresholds) - 1
    # M(s) - s with M(0) = 0, its running minimum, plus t
    steps = np.arange(1, len(current) + 1)
    offset = np.minimum.accumulate(np.minimum(np.maximum(unlimited, 0) - steps, 0))
    return (offset + steps).astype(np.int64)


def if_intervals(current: float, theta: float, v_init: float, tie: Tie, steps: int) -> list[int]:
    """Return the time-steps to the first spike and between spikes, within `steps`, of an IF neuron reset to zero."""
    intervals: list[int] = []
    v = v_init
    while sum(intervals) < steps:
        if current <= 0:
            # it can fire only at the first time-step, from an initial potential above theta
            first = v + current >= theta if tie == ">=" else v + current > theta
            return [*intervals, 1] if first and not intervals else intervals
        gap = (theta - v) / current
        intervals.append(max(1, math.ceil(gap) if tie == ">=" else math.floor(gap) + 1))
        v = 0.0
    return intervals


def lif_intervals(node: LIF, current: float, steps: int) -> list[int]:
    """Return the time-steps to the first spike and between spikes, within `steps`, of a LIF neuron.

    The current is constant.
    """
    beta, theta, v = float(node.decay[0]), float(node.theta[0]), float(node.v_init[0])
    rest = current / (1 - beta)
    intervals: list[int] = []
    while sum(intervals) < steps:
        k = _steps_to_spike(beta, theta, v, rest, node.tie)
        if k is None:
            return intervals
        intervals.append(k)
        v = 0.0 if node.reset == "zero" else _potential_after(beta, v, rest, k) - theta
    return intervals


def _steps_to_spike(beta: float, theta: float, v: float, rest: float, tie: Tie) -> int | None:
    """Return the time-steps from potential v to the next spike, or None if it never fires."""
    fires = (lambda x: x >= theta) if tie == ">=" else (lambda x: x > theta)
    if fires(_potential_after(beta, v, rest, 1)):
        return 1
    if rest <= theta:
        return None  # it converges to `rest` without crossing theta
    gap = math.log((rest - theta) / (rest - v)) / math.log(beta)
    whole = round(gap)
    if abs(gap - whole) < NEAR * max(1.0, gap):
        return max(1, whole if tie == ">=" else whole + 1)
    return max(1, math.ceil(gap))


def _potential_after(beta: float, v: float, rest: float, k: int) -> float:
    return float(rest + (v - rest) * beta**k)


def _spikes_at(steps: int, intervals: list[int]) -> Train:
    train = np.zeros(steps, np.bool_)
    times = np.cumsum(np.array(intervals, np.int64))
    train[times[times <= steps] - 1] = True
    return train
