"""Replace operators of a model by others, in a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet_converters.frontends.onnx.model import keep_needed

if TYPE_CHECKING:
    import onnx

Constant = npt.NDArray[np.generic]


class Rewriter:
    """Adds nodes and constants with new names to a copy of a model.

    Attributes:
        model: The copy, with the nodes of the model.
        nodes: The nodes that take their place, see `finished`.
        names: Names that are in use.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = type(model)()
        self.model.CopyFrom(model)
        self.graph = graph = self.model.graph
        self.nodes: list[onnx.NodeProto] = []
        self.names = {tensor.name for tensor in [*graph.initializer, *graph.input]}
        self.names.update(name for node in graph.node for name in node.output)

    def name(self, base: str, role: str) -> str:
        """Return a new name."""
        name = f"{base}.{role}"
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def constant(self, base: str, role: str, value: npt.ArrayLike) -> str:
        """Add an initializer and return its name."""
        from onnx import numpy_helper

        name = self.name(base, role)
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, node: onnx.NodeProto, value: Constant) -> None:
        """Add an initializer instead of a node."""
        from onnx import numpy_helper

        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), node.output[0]))

    def node(
        self, operator: str, inputs: Sequence[str], base: str, *, last: bool = False, axis: int | None = None,
        perm: list[int] | None = None, like: onnx.NodeProto | None = None,
    ) -> str:  # fmt: skip
        """Add a node with attributes, also those of the node `like`.

        Returns:
            Its output: `base` if it is the last one, else a new name.
        """
        from onnx import helper

        output = base if last else self.name(base, operator.lower())
        node = helper.make_node(operator, list(inputs), [output], name=self.name(base, "op"))
        given = {"axis": axis, "perm": perm}
        node.attribute.extend(helper.make_attribute(name, value) for name, value in given.items() if value is not None)
        node.attribute.extend([] if like is None else like.attribute)
        self.nodes.append(node)
        return output

    def replace(self, operators: Mapping[int, tuple[str, Sequence[str], onnx.NodeProto | None]]) -> onnx.ModelProto:
        """Return the copy with other operators in place of some nodes.

        Args:
            operators: Operator, inputs, and a node with its attributes, by the index of the node.
        """
        for index, node in enumerate(self.graph.node):
            if index in operators:
                operator, inputs, like = operators[index]
                self.node(operator, inputs, node.output[0], last=True, like=like)
            else:
                self.nodes.append(node)
        return self.finished()

    def finished(self) -> onnx.ModelProto:
        """Return the copy with `nodes` instead of the nodes of the model, without what no output depends on."""
        self.graph.ClearField("node")
        self.graph.node.extend(self.nodes)
        keep_needed(self.graph)
        return self.model
