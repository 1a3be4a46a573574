"""Replace the sum or mean over a new axis, along which values are stacked, by the sum or mean of the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx

OF_VALUES = {"ReduceMean": "Mean", "ReduceSum": "Sum"}


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without stacks that are only added up; one that has some is copied."""
    makers = makers_of(model.graph)
    constants = Constants(model.graph)

    def axes_of(node: onnx.NodeProto) -> list[int] | None:
        """Return the constant axes of an Unsqueeze or a reduction: an attribute, and an input in later versions."""
        if len(node.input) > 1 and node.input[1]:
            values = constants.get(node.input[1])
            return None if values is None else [int(axis) for axis in values.ravel()]
        return next((list(attribute.ints) for attribute in node.attribute if attribute.name == "axes"), None)

    def stacked(node: onnx.NodeProto) -> list[str] | None:
        """Return the values that a reduction adds up along the axis of their stack."""
        joined = makers.get(node.input[0]) if node.op_type in OF_VALUES else None
        kept = next((attribute.i for attribute in node.attribute if attribute.name == "keepdims"), 1)
        if joined is None or joined.op_type != "Concat" or kept:
            return None
        axis = [joined.attribute[0].i]
        parts = [makers.get(name) for name in joined.input]
        new = [part.input[0] for part in parts if part and part.op_type == "Unsqueeze" and axes_of(part) == axis]
        return new if len(new) == len(parts) and axes_of(node) == axis else None

    values = {index: names for index, node in enumerate(model.graph.node) if (names := stacked(node))}
    if not values:
        return model
    nodes = model.graph.node
    return Rewriter(model).replace({i: (OF_VALUES[nodes[i].op_type], names, None) for i, names in values.items()})
