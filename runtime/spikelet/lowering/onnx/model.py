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
        name: Its name.
        dtype: Name of a NumPy data type.
        shape: Its shape.
        content: Its elements, row-major and little-endian, or where they are stored.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: memoryview | External


@dataclass(frozen=True)
class Operation:
    """A node of an ONNX graph.

    Attributes:
        operator: Its operator, of the default domain.
        inputs: Names of its inputs.
        outputs: Names of its outputs.
        attributes: Its attributes.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Port:
    """An input or output of a model. shape: sizes, or names of sizes."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...]


@dataclass(frozen=True)
class Model:
    """A model.

    Attributes:
        constants: The initializers.
        operations: The nodes in their order.
        inputs: The inputs.
        outputs: The outputs.
    """

    constants: tuple[Constant, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
