"""One operator during the import of an ONNX file, with its inputs, and the state of the import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.onnx.attributes import Attributes
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.values import Value

if TYPE_CHECKING:
    import onnx


@dataclass
class Import:
    """State of an import.

    Attributes:
        builder: The graph under construction.
        opset: Version of the operators.
        output: Name of the network's output.
        batch: Fixed size of the batch, or None.
        constants: Tensors that do not depend on the input, by name.
        values: Tensors that depend on the input, by name.
        quantisers: (scale, zero point) of quantised values, by name.
        clips: Clip nodes of quantised values, by the name of the value.
        uses: Number of uses of each tensor.
        of_one_sample: Names of the constants that were computed with 1 as the size of the batch.
        logits: Name of the tensor of the logits, if a function of the logits follows.
    """

    builder: Builder
    opset: int
    output: str
    batch: int | None
    constants: dict[str, Constant] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    quantisers: dict[str, tuple[Constant, Constant | None]] = field(default_factory=dict)
    clips: dict[str, onnx.NodeProto] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    of_one_sample: set[str] = field(default_factory=set)
    logits: str | None = None


@dataclass(frozen=True)
class Step:
    """One operator.

    Attributes:
        state: State of the import.
        node: The onnx.NodeProto.
        name: Name of the layer that is added for the operator.
        where: The operator in error messages.
        attributes: Attributes, all of which are supported.
    """

    state: Import
    node: onnx.NodeProto
    name: str
    where: str
    attributes: Attributes

    @property
    def builder(self) -> Builder:
        """The graph under construction."""
        return self.state.builder

    def input(self, index: int) -> str:
        """Return the name of an input, "" if it is omitted."""
        return str(self.node.input[index]) if len(self.node.input) > index else ""

    def depends(self, index: int) -> bool:
        """Return whether an input depends on the network's input."""
        return self.input(index) in self.state.values

    @property
    def live(self) -> list[int]:
        """Indices of the inputs that depend on the network's input."""
        return [index for index in range(len(self.node.input)) if self.depends(index)]

    def value(self, index: int = 0, *, padded: bool = True) -> Value:
        """Return an input that depends on the network's input.

        Args:
            index: Index of the input.
            padded: Add a layer for zeros around the value, if there are any; otherwise they are in `Value.pads`.

        Raises:
            ConversionError: The input is a constant.
        """
        name = self.input(index)
        if name not in self.state.values:
            raise ConversionError(f"{self.where}: expected its input {index} to be a value of the network")
        x = self.state.values[name]
        return self.builder.padded(self.name, self.where, x) if padded else x

    def constant(self, index: int) -> Constant:
        """Return a constant input.

        Raises:
            ConversionError: The input is not constant, or left out.
        """
        name = self.input(index)
        if name not in self.state.constants:
            raise ConversionError(f"{self.where}: expected its input {index} to be constant weights")
        return self.state.constants[name]

    def optional(self, index: int) -> Constant | None:
        """Return a constant input, or None if it is left out."""
        return self.constant(index) if self.input(index) else None

    def alone(self, index: int = 0) -> bool:
        """Return whether no other operator uses an input, including before operators that return it unchanged."""
        node = self.state.values[self.input(index)].node
        if not node:
            return False  # channels of several nodes
        return all(self.state.uses[name] == 1 for name, value in self.state.values.items() if value.node == node)


Handler = Callable[[Step], Value | list[Value]]
"""Adds an operator to the graph; returns its output, or the outputs of one with several."""
