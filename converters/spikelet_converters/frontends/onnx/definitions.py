"""What defines the values of a graph, by name: constants and the nodes that compute the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx


def tensors_of(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return the initializers and the tensors of Constant nodes, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        if node.op_type == "Constant" and values:
            tensors[node.output[0]] = values[0]
    return tensors


class Constants(Mapping[str, npt.NDArray[np.generic]]):
    """The initializers and the values of Constant nodes, by name; they are decoded when they are read."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._tensors = tensors_of(graph)

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        from onnx import numpy_helper

        return numpy_helper.to_array(self._tensors[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def makers_of(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """Return the node that computes each value, by the name of the value."""
    return {name: node for node in graph.node for name in node.output}
