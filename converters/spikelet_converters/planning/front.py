"""The Pareto front of settings, and the recommended setting.

A point dominates another if it is at least as accurate, costs at most as much in every cost that is compared, and is
better in one of these. The front is the set of points that no other point dominates. Of points with equal accuracy and
equal compared costs, it contains the one with the lowest other costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from spikelet_converters.planning.settings import COSTS, Budget, Cost, Point

ALWAYS: tuple[Cost, ...] = ("steps", "neurons")  # always compared, since copies trade one for the other


def compared_costs(budget: Budget) -> tuple[Cost, ...]:
    """Return the costs that are compared: those with a limit, then time-steps and neurons."""
    return tuple(dict.fromkeys([*budget.limited, *ALWAYS]))


def pareto(points: Sequence[Point], costs: Sequence[Cost]) -> tuple[Point, ...]:
    """Return the front, in the order of the costs.

    Args:
        points: The points.
        costs: Costs that are compared with each other and with the accuracy.

    Examples:
        >>> from spikelet_converters.planning.settings import Setting
        >>> rows = [(1, 1, 0.80), (1, 2, 0.86), (1, 4, 0.85)]
        >>> points = [Point(Setting(k, t), right, 0, 1, t, 100 * k, 5e6) for k, t, right in rows]
        >>> [point.setting.steps for point in pareto(points, ["steps"])]
        [1, 2]
    """
    front: list[Point] = []
    # every point that dominates another comes before it
    for point in sorted(points, key=lambda point: (*_compared(point, costs), -point.accuracy, *_rest(point))):
        if not any(_covers(better, point, costs) for better in front):
            front.append(point)
    return tuple(front)


def choose(points: Sequence[Point], budget: Budget, tolerance: float = 0.0) -> Point | None:
    """Return the recommended setting: the most accurate one within the budget, and of equal ones the cheapest.

    Args:
        points: The points.
        budget: The limits.
        tolerance: Accuracy that may be given up for a cheaper setting, 0…1. Costs are compared one after another, those
            with a limit first.

    Returns:
        The point, or None if none is within the budget.
    """
    permitted = [point for point in points if budget.permits(point)]
    if not permitted:
        return None
    required = max(point.accuracy for point in permitted) - tolerance
    accurate = [point for point in permitted if point.accuracy >= required - 1e-12]
    costs = compared_costs(budget)
    return min(accurate, key=lambda point: (*_compared(point, costs), -point.accuracy, *_rest(point)))


def _covers(better: Point, point: Point, costs: Sequence[Cost]) -> bool:
    """Return whether a point is at least as accurate as another, and costs at most as much."""
    cheaper = all(better.cost(cost) <= point.cost(cost) for cost in costs)
    return cheaper and better.accuracy >= point.accuracy


def _compared(point: Point, costs: Sequence[Cost]) -> tuple[float, ...]:
    return tuple(point.cost(cost) for cost in costs)


def _rest(point: Point) -> tuple[float, ...]:
    """Return a sort key of points with equal compared costs: all costs, then the simpler setting."""
    setting = point.setting
    margin = -math.inf if setting.margin is None else setting.margin
    return (*(point.cost(cost) for cost in COSTS), setting.copies, setting.steps, margin)
