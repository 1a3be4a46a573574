"""Replace a softmax that a network writes out, exp(x) / sum(exp(x)), by one operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with a Softmax or LogSoftmax of x, also for x - max(x); the model itself without one."""
    ends = _Ends(model)
    ends_by_output = {
        node.output[0]: end for node in model.graph.node if node.output and (end := ends.of(node)) is not None
    }
    if not ends_by_output:
        return model
    rewriter = Rewriter(model)
    for node in rewriter.graph.node:
        if not node.output or node.output[0] not in ends_by_output:
            rewriter.nodes.append(node)
            continue
        operator, x, axis = ends_by_output[node.output[0]]
        rewriter.node(operator, [x], node.output[0], last=True, axis=axis)
    return rewriter.finished()


class _Ends:
    """The functions of classes in a model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.makers = makers_of(model.graph)
        self.constants = Constants(model.graph)

    def of(self, node: onnx.NodeProto) -> tuple[str, str, int] | None:
        """Return the operator, its input and its axis for a node that computes the same, None for another one."""
        if node.op_type in ("LogSoftmax", "Softmax"):
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), -1)
            x = self._without_maximum(node.input[0])
            return None if x == node.input[0] else (node.op_type, x, axis)
        if node.op_type not in ("Div", "Sub"):
            return None
        summed = self._log_of_sum(node.input[1]) if node.op_type == "Sub" else self._sum_of_exponentials(node.input[1])
        if summed is None or summed[0] != node.input[0]:
            return None
        x, axis = summed[1:]
        return "Softmax" if node.op_type == "Div" else "LogSoftmax", self._without_maximum(x), axis

    def _sum_of_exponentials(self, name: str) -> tuple[str, str, int] | None:
        """Return exp(x), x and the axis for the name of a sum of exp(x)."""
        total = self._made_by(name, "ReduceSum")
        exponential = None if total is None else self._made_by(total.input[0], "Exp")
        axis = None if total is None else self._axis(total)
        if exponential is None or axis is None:
            return None
        return exponential.output[0], exponential.input[0], axis

    def _log_of_sum(self, name: str) -> tuple[str, str, int] | None:
        """Return x, x and the axis for the name of the log of a sum of exp(x)."""
        node = self._made_by(name, "Log", "ReduceLogSumExp")
        if node is None:
            return None
        if node.op_type == "Log":
            summed = self._sum_of_exponentials(node.input[0])
            return None if summed is None else (summed[1], *summed[1:])
        axis = self._axis(node)
        return None if axis is None else (node.input[0], node.input[0], axis)

    def _without_maximum(self, name: str) -> str:
        """Return the name of x for that of x - max(x), of which these functions are the same."""
        node = self._made_by(name, "Sub")
        largest = None if node is None else self._made_by(node.input[1], "ReduceMax")
        if node is None or largest is None or largest.input[0] != node.input[0]:
            return name
        return str(node.input[0])

    def _made_by(self, name: str, *operators: str) -> onnx.NodeProto | None:
        node = self.makers.get(name)
        return node if node is not None and node.op_type in operators else None

    def _axis(self, node: onnx.NodeProto) -> int | None:
        axes = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "axes"), [])
        if len(node.input) > 1 and node.input[1] in self.constants:
            axes = [int(axis) for axis in self.constants[node.input[1]].ravel()]
        return axes[0] if len(axes) == 1 else None
