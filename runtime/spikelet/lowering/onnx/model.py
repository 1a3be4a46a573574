"""A decoded ONNX model: constants, operations, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikelet.lowering.onnx.protobuf import External

Attribute = int | tuple[int, ...]
Dimension = int | str


@dataclass(frozen=True)
class Constant:
    """An initializer.

    Attributes:
        name: Name of the value.
        dtype: Name of a NumPy data type.
        shape: Sizes of the axes.
        content: The elements, row-major and little-endian, or their location in another file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: memoryview | External


@dataclass(frozen=True, slots=True)  # a model may have many
class Operation:
    """A node of an ONNX graph.

    Attributes:
        operator: Name of the operator, of the default domain.
        inputs: Names of the inputs; "" for an optional input that is absent.
        outputs: Names of the outputs.
        attributes: Values of the attributes by name.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Attributes:
        name: Name of the value.
        dtype: Name of a NumPy data type.
        shape: Sizes of the axes, or names of sizes.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...]


@dataclass(frozen=True)
class Model:
    """A decoded model.

    Attributes:
        constants: The initializers.
        operations: The nodes in order of evaluation.
        inputs: The inputs.
        outputs: The outputs.
    """

    constants: tuple[Constant, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
