"""Replace GatherND between two transpositions by Gather: torch's exporter writes x[:, [0, 2]] with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with Gather along the axis that the first transposition moves to the front and the second back.

    A model that has such nodes is copied.
    """
    makers = makers_of(model.graph)
    constants = Constants(model.graph)

    def chosen_along(node: onnx.NodeProto) -> tuple[str, int, str] | None:
        """Return the value that is chosen from, the axis, and the indices, for the second transposition."""
        gather = makers.get(node.input[0]) if node.op_type == "Transpose" else None
        if gather is None or gather.op_type != "GatherND" or any(attribute.i for attribute in gather.attribute):
            return None
        moved, indices = makers.get(gather.input[0]), constants.get(gather.input[1])
        if moved is None or moved.op_type != "Transpose" or indices is None or indices.shape[1:] != (1,):
            return None
        orders = [list(attribute.ints) for transpose in (moved, node) for attribute in transpose.attribute]
        inverse = len(orders) == 2 and orders[1] == list(np.argsort(orders[0]))
        return (moved.input[0], orders[0][0], gather.input[1]) if inverse else None

    chosen = {index: choice for index, node in enumerate(model.graph.node) if (choice := chosen_along(node))}
    if not chosen:
        return model
    rewriter = Rewriter(model)
    for index, node in enumerate(rewriter.graph.node):
        if index not in chosen:
            rewriter.nodes.append(node)
            continue
        source, axis, indices = chosen[index]
        flat = rewriter.constant(node.output[0], "indices", constants[indices].ravel())
        rewriter.node("Gather", [source, flat], node.output[0], last=True, axis=axis)
    return rewriter.finished()
