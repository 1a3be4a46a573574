"""Sums, means and stacks of a value over the calls of a loop over time."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace

import torch
from torch import fx

from spikelet.errors import ConversionError

_ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
_DIVIDE = (operator.truediv, operator.itruediv, torch.div, "div")
_MULTIPLY = (operator.mul, operator.imul, torch.mul, "mul")
MEAN = (torch.mean, "mean")
REDUCE = (torch.sum, "sum", *MEAN)


@dataclass(frozen=True)
class Total:
    """A value that is collected over the calls.

    Attributes:
        value: The value of one call.
        count: Number of calls.
        stacked: Whether the calls are along the first axis; False if they are added.
        divisor: Divisor of the sum of the calls.
    """

    value: fx.Node
    count: int
    stacked: bool
    divisor: float = 1.0


class Totals(dict[fx.Node, Total]):
    """The totals of a traced graph, by node."""

    def of(self, value: object) -> Total | None:
        """Return the total of a node, or None for another value."""
        return self.get(value) if isinstance(value, fx.Node) else None

    def record(self, node: fx.Node) -> bool:
        """Record a node, and return whether it stacks, adds or averages one value over the calls."""
        total = self._scaled(node) or self._reduced(node) or self._collected(node)
        if total is None:
            return False
        self[node] = total
        return True

    def _collected(self, node: fx.Node) -> Total | None:
        """Return the total of a node that stacks or adds values of the calls."""
        first = node.args[0] if node.args else None
        if node.target in (torch.stack, sum) and isinstance(first, list | tuple):
            value, stacked = (first[0] if first else None), node.target is torch.stack
            if not isinstance(value, fx.Node) or any(part is not value for part in first):
                return None
            return None if stacked and axis_of(node, 0) != 0 else Total(value, len(first), stacked)
        if node.target in _ADD and len(node.args) == 2:
            for a, b in (node.args, node.args[::-1]):
                if isinstance(b, fx.Node) and not isinstance(a, fx.Node) and a == 0:
                    return Total(b, 1, False)
                before = self.of(a)
                if before is not None and before == Total(b, before.count, stacked=False):  # type: ignore[arg-type]
                    return replace(before, count=before.count + 1)
        return None

    def _reduced(self, node: fx.Node) -> Total | None:
        """Return the total of a node that sums or averages stacked values of the calls."""
        total = self.of(node.args[0] if node.args else None)
        if total is None or not total.stacked or node.target not in REDUCE or axis_of(node, None) != 0:
            return None
        mean = total.count if node.target in MEAN else 1
        return replace(total, stacked=False, divisor=total.divisor * mean)

    def _scaled(self, node: fx.Node) -> Total | None:
        """Return the total of a node that divides a total by a number, or multiplies it."""
        if len(node.args) != 2 or node.target not in (*_DIVIDE, *_MULTIPLY):
            return None
        total, number = self.of(node.args[0]), node.args[1]
        if total is None and node.target in _MULTIPLY:
            total, number = self.of(node.args[1]), node.args[0]
        if total is None or not isinstance(number, int | float):
            return None
        if not 0 < number < math.inf:
            raise ConversionError(
                f"the output of the loop is divided or multiplied by {number}; expected a number above 0"
            )
        return replace(total, divisor=total.divisor * number if node.target in _DIVIDE else total.divisor / number)


def axis_of(node: fx.Node, default: int | None) -> object:
    """Return the axis that a call states, or the default."""
    return node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else default)
