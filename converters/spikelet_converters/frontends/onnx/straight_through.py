"""Remove straight-through estimators, x + (f(x) - x), whose value is f(x): the exporter of torch omits their detach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_converters.frontends.onnx.definitions import makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


def removed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without straight-through estimators; one that has some is copied."""
    from onnx import helper

    makers = makers_of(model.graph)
    values: dict[int, str] = {}
    for index, node in enumerate(model.graph.node):
        two = node.op_type == "Add" and len(node.input) == 2
        for x, difference in (node.input, reversed(node.input)) if two else ():
            inner = makers.get(difference)
            if inner is not None and inner.op_type == "Sub" and list(inner.input[1:]) == [x]:
                values[index] = inner.input[0]
    if not values:
        return model
    rewriter = Rewriter(model)
    nodes = rewriter.graph.node
    for index, value in values.items():
        nodes[index].CopyFrom(helper.make_node("Identity", [value], list(nodes[index].output), name=nodes[index].name))
    rewriter.nodes = list(nodes)
    return rewriter.finished()
