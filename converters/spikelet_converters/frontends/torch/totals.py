"""Sums, means and stacks of a value over the calls of a loop over time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch.frames import position_of
from spikelet_converters.frontends.values import Ending

_ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
_DIVIDE = (operator.truediv, operator.itruediv, torch.div, "div")
_MULTIPLY = (operator.mul, operator.imul, torch.mul, "mul")
MEAN = (torch.mean, "mean")
REDUCE = (torch.sum, "sum", *MEAN)
_CAT = (torch.cat, torch.concat, torch.concatenate)
UNSQUEEZE = (torch.unsqueeze, "unsqueeze")
ASSIGN = operator.setitem
ZEROS = ("zeros", "zeros_like", "new_zeros")
"""Functions and methods of torch that return zeros."""

_ZEROS = (*ZEROS, *(getattr(torch, name) for name in ZEROS if hasattr(torch, name)))
_ENDINGS: dict[object, Ending] = {
    torch.softmax: "softmax", F.softmax: "softmax", "softmax": "softmax",
    torch.log_softmax: "log_softmax", F.log_softmax: "log_softmax", "log_softmax": "log_softmax",
}  # fmt: skip
_MOVES = (nn.Dropout, nn.Flatten, nn.Identity)
_WEIGHTS = (nn.Conv1d, nn.Conv2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
Layer = Callable[[fx.Node], nn.Module | None]
"""Returns the layer that a node calls, or None for another node."""


@dataclass(frozen=True)
class Total:
    """A value that is collected over the calls.

    Attributes:
        value: The value of one call.
        count: Number of calls.
        axis: Axis along which the calls are stacked; None if they are added.
        divisor: Divisor of the sum of the calls.
    """

    value: fx.Node
    count: int
    axis: int | None
    divisor: float = 1.0


class Totals(dict[fx.Node, Total]):
    """The totals of a traced graph, by node."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def of(self, value: object) -> Total | None:
        """Return the total of a node, or None for another value."""
        return self.get(value) if isinstance(value, fx.Node) else None

    def ending_of(self, value: object) -> Ending:
        """Return the function of the classes of a total that a network returns, "logits" for another output."""
        if not isinstance(value, fx.Node) or not value.args:
            return "logits"
        module, total = self.layer(value), self.of(value.args[0])
        ending, axis = _ENDINGS.get(value.target, "logits"), axis_of(value, None)
        if isinstance(module, nn.Softmax | nn.LogSoftmax):
            ending, axis = "softmax" if isinstance(module, nn.Softmax) else "log_softmax", module.dim
        return ending if total is not None and total.axis is None and axis in (1, -1) else "logits"

    def record(self, node: fx.Node) -> bool:
        """Record a node, and return whether it stacks, adds or averages one value over the calls."""
        if node.target is ASSIGN:
            self._assigned(node)
            return True
        total = self._scaled(node) or self._reduced(node) or self._collected(node) or self._weighted(node)
        if total is None:
            return False
        self[node] = total
        return True

    def _collected(self, node: fx.Node) -> Total | None:
        """Return the total of a node that stacks or adds values of the calls."""
        first = node.args[0] if node.args else None
        if node.target in (torch.stack, *_CAT, sum) and isinstance(first, list | tuple):
            value, axis = (first[0] if first else None), axis_of(node, 0) if node.target is not sum else None
            if not isinstance(value, fx.Node) or any(part is not value for part in first):
                return None
            if node.target in _CAT:  # of values with a new axis
                if value.target not in UNSQUEEZE or axis_of(value, None) != axis:
                    return None
                (value,) = value.all_input_nodes
            return Total(value, len(first), axis) if axis is None or isinstance(axis, int) else None
        if node.target in _ADD and len(node.args) == 2:
            for a, b in (node.args, node.args[::-1]):
                if isinstance(b, fx.Node) and _is_zero(a):
                    return Total(b, 1, None)
                before = Total(a, 1, None) if a is b and isinstance(a, fx.Node) else self.of(a)
                if before is not None and before == Total(b, before.count, None):  # type: ignore[arg-type]
                    return replace(before, count=before.count + 1)
        return None

    def _assigned(self, node: fx.Node) -> None:
        """Add a value of one call to the total of zeros to which it is assigned, `zeros[t] = value`."""
        zeros, index, value = node.args
        axis, position = position_of(index)
        total = self.of(zeros) or Total(value, 0, axis)  # type: ignore[arg-type]
        if not isinstance(zeros, fx.Node) or not _is_zero(zeros) or total != Total(value, position, axis):  # type: ignore[arg-type]
            raise ConversionError(
                f"`{node.name}`: assigns {value} to position {index} of {zeros}, which has no spiking form here; "
                "expected one value for each time-step: append the spikes to a list, and return torch.stack of it"
            )
        self[zeros] = replace(total, count=position + 1)

    def _reduced(self, node: fx.Node) -> Total | None:
        """Return the total of a node that sums or averages stacked values of the calls."""
        total = self.of(node.args[0] if node.args else None)
        if total is None or total.axis is None or node.target not in REDUCE or axis_of(node, None) != total.axis:
            return None
        mean = total.count if node.target in MEAN else 1
        return replace(total, axis=None, divisor=total.divisor * mean)

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

    def _weighted(self, node: fx.Node) -> Total | None:
        """Return the total of a layer after a total, such as the readout of a mean: the total of its outputs."""
        total, module = self.of(node.args[0] if node.args else None), self.layer(node)
        if total is None or total.axis is not None or module is None:
            return None
        linear = isinstance(module, _MOVES) or (isinstance(module, _WEIGHTS) and module.bias is None)
        averaged = total.divisor == total.count and isinstance(module, (*_WEIGHTS, *_NORMS))
        if not linear and not averaged:
            return None
        node.args = (total.value, *node.args[1:])
        return replace(total, value=node)


def _is_zero(value: object) -> bool:
    return value.target in _ZEROS if isinstance(value, fx.Node) else value == 0


def axis_of(node: fx.Node, default: int | None) -> object:
    """Return the axis that a call states, or the default."""
    return node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else default)
