"""Replace GatherND and ScatterND between two transpositions by operators along axes of the value before the first.

torch's exporter writes `x[:, [0, 2]]` with them, and the pixels of an upsampling by nearest-exact: indices of rows and
columns, (height, width, 2), of which those of rows are the same in every column. It writes `x[:, 2:4] = y` with
ScatterND along the first axis. It becomes ScatterND with the attribute `axis`, which `assignments` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


Constant = npt.NDArray[np.generic]


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with operators along the axes that the first transposition moves to the front.

    A model that has such nodes is copied.
    """
    makers, constants = makers_of(model.graph), Constants(model.graph)
    moved = {index: pair for index, node in enumerate(model.graph.node) if (pair := _between(node, makers))}
    chosen = {index: along for index, pair in moved.items() if (along := _chosen_along(*pair, constants)) is not None}
    live = _depending(model.graph) if len(chosen) < len(moved) else set()
    assigned = {index for index, (node, _) in moved.items() if node.op_type == "ScatterND" and node.output[0] in live}
    if not chosen and not assigned:
        return model
    rewriter = Rewriter(model)
    for index, node in enumerate(rewriter.graph.node):
        if index not in assigned and index not in chosen:
            rewriter.nodes.append(node)
            continue
        inner, order = moved[index]
        source, base = makers[inner.input[0]].input[0], node.output[0]
        if index in assigned:
            _, indices, updates = inner.input
            turned = makers.get(updates)
            if turned is not None and turned.op_type == "Transpose" and _order(turned) == order:
                updates = turned.input[0]
            else:
                updates = rewriter.node("Transpose", [updates], base, perm=[int(axis) for axis in np.argsort(order)])
            rewriter.node("ScatterND", [source, indices, updates], base, last=True, axis=order[0], like=inner)
            continue
        axes = chosen[index]
        for count, (axis, indices) in enumerate(axes.items(), 1):
            name = rewriter.constant(base, "indices", indices)
            source = rewriter.node("Gather", [source, name], base, last=count == len(axes), axis=axis)
    return rewriter.finished()


def _between(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> tuple[onnx.NodeProto, list[int]] | None:
    """Return the operator before a transposition that reverses the one before the operator, and the first order."""
    inner = makers.get(node.input[0]) if node.op_type == "Transpose" else None
    first = None if inner is None or inner.op_type not in ("GatherND", "ScatterND") else makers.get(inner.input[0])
    if inner is None or first is None or first.op_type != "Transpose":
        return None
    order, back = _order(first), _order(node)
    return (inner, order) if order and back == list(np.argsort(order)) else None


def _order(transpose: onnx.NodeProto) -> list[int]:
    """Return the order of axes that a transposition states, [] for none."""
    return [axis for attribute in transpose.attribute for axis in attribute.ints]


def _chosen_along(
    gather: onnx.NodeProto, order: list[int], constants: Mapping[str, Constant]
) -> dict[int, Constant] | None:
    """Return the indices by axis of a GatherND after a transposition, None for another operator."""
    indices = constants.get(gather.input[1]) if gather.op_type == "GatherND" else None
    if indices is None or any(attribute.i for attribute in gather.attribute):
        return None
    separate = by_axis(indices)
    return None if separate is None else dict(zip(order, separate, strict=False))


def _depending(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the values that depend on an input of a graph."""
    names = {entry.name for entry in graph.input} - {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if names.intersection(node.input):
            names.update(node.output)
    return names


def by_axis(indices: Constant) -> list[Constant] | None:
    """Return the indices along every axis, or None unless those along an axis are the same at all places of others."""
    count = indices.shape[-1]
    if indices.ndim != count + 1 or 0 in indices.shape:
        return None
    separate = [indices[(0,) * axis + (slice(None),) + (0,) * (count - axis - 1)][:, axis] for axis in range(count)]
    grid = np.stack(np.meshgrid(*separate, indexing="ij"), -1)
    return separate if (grid == indices).all() else None
