"""Replace GatherND between two transpositions by Gather along one axis after another.

torch's exporter writes `x[:, [0, 2]]` with them, and the pixels of an upsampling by nearest-exact: indices of rows and
columns, (height, width, 2), of which those of rows are the same in every column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


Constant = npt.NDArray[np.generic]


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with Gather along the axes that the first transposition moves to the front and the second back.

    A model that has such nodes is copied.
    """
    makers = makers_of(model.graph)
    constants = Constants(model.graph)

    def chosen_along(node: onnx.NodeProto) -> tuple[str, dict[int, Constant]] | None:
        """Return the value that is chosen from, and the indices by axis, for the second transposition."""
        gather = makers.get(node.input[0]) if node.op_type == "Transpose" else None
        if gather is None or gather.op_type != "GatherND" or any(attribute.i for attribute in gather.attribute):
            return None
        moved, indices = makers.get(gather.input[0]), constants.get(gather.input[1])
        separate = None if indices is None else by_axis(indices)
        if moved is None or moved.op_type != "Transpose" or separate is None:
            return None
        orders = [list(attribute.ints) for transpose in (moved, node) for attribute in transpose.attribute]
        if len(orders) != 2 or orders[1] != list(np.argsort(orders[0])):
            return None
        return moved.input[0], dict(zip(orders[0], separate, strict=False))

    chosen = {index: choice for index, node in enumerate(model.graph.node) if (choice := chosen_along(node))}
    if not chosen:
        return model
    rewriter = Rewriter(model)
    for index, node in enumerate(rewriter.graph.node):
        if index not in chosen:
            rewriter.nodes.append(node)
            continue
        source, axes = chosen[index]
        for count, (axis, indices) in enumerate(axes.items(), 1):
            name = rewriter.constant(node.output[0], "indices", indices)
            source = rewriter.node("Gather", [source, name], node.output[0], last=count == len(axes), axis=axis)
    return rewriter.finished()


def by_axis(indices: Constant) -> list[Constant] | None:
    """Return the indices along every axis, or None unless those along an axis are the same at all places of others."""
    count = indices.shape[-1]
    if indices.ndim != count + 1 or 0 in indices.shape:
        return None
    separate = [indices[(0,) * axis + (slice(None),) + (0,) * (count - axis - 1)][:, axis] for axis in range(count)]
    grid = np.stack(np.meshgrid(*separate, indexing="ij"), -1)
    return separate if (grid == indices).all() else None
