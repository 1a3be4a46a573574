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
        name: its name.
        dtype: name of a NumPy data type.
        shape: its shape.
        content: its elements, row-major and little-endian, or where they are stored.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: memoryview | External


@dataclass(frozen=True)
class Operation:
    """A node of an ONNX graph.

    Attributes:
        operator: its operator, of the default domain.
        inputs: names of its inputs.
        outputs: names of its outputs.
        attributes: its attributes.
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
        constants: the initializers.
        operations: the nodes in their order.
        inputs: the inputs.
        outputs: the outputs.
    """

    constants: tuple[Constant, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
