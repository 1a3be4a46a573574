"""Write ONNX models in the protobuf wire format.

Field numbers are those of `onnx.proto` (ONNX IR). The package `onnx` is not used, so that a board can build the models
with ONNX Runtime alone, and so that the bytes are a pure function of the network: a bundle's `step.onnx` is checked by
writing it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from spikelet.files.protobuf import float32, header, integer, message, text
from spikelet.nodes import Array

IR_VERSION = 8
OPSET = 13
ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9}
Attribute = int | float | tuple[int, ...]
Dimension = int | str


@dataclass(frozen=True)
class External:
    """A tensor that is stored in another file."""

    location: str
    offset: int
    length: int


class NameCollision(Exception):
    """Two values of an ONNX graph have the same name, which is the argument."""


@dataclass
class OnnxGraph:
    """An ONNX graph under construction: encoded nodes, initializers, inputs and outputs.

    Every name is defined once. A constant may be added again with the same value.

    Attributes:
        name: Name of the graph.
        external: Locations of constants that are stored in another file, by name.
        rename: Returns the name in the encoded model for a name that is passed in.
    """

    name: str
    external: dict[str, External] = field(default_factory=dict)
    rename: Callable[[str], str] = str
    _domains: set[str] = field(default_factory=set)
    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[str, Array] = field(default_factory=dict)
    _initializers: list[bytes | memoryview] = field(default_factory=list)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)
    _defined: set[str] = field(default_factory=set)
    _encoded: set[str] = field(default_factory=set)  # the same names in the encoded model

    def __contains__(self, name: str) -> bool:
        """Whether an input, constant or output of a node has this name."""
        return name in self._defined

    def node(self, op: str, inputs: Sequence[str], *outputs: str, **attributes: Attribute) -> str:
        """Append a node and return the name of its first output.

        Args:
            op: ONNX operator, or `domain:op`.
            inputs: Names of the inputs; "" for an optional input that is absent.
            outputs: Names of the outputs, one or more.
            attributes: Values of the attributes by name.

        Raises:
            NameCollision: An output has a name that is already defined.
        """
        for output in outputs:
            self._define(output)
        content = b"".join(self._name(1, name) for name in inputs) + b"".join(self._name(2, name) for name in outputs)
        domain, _, op = op.rpartition(":")
        self._domains.add(domain)
        content += self._name(3, outputs[0]) + text(4, op) + (text(7, domain) if domain else b"")
        content += b"".join(message(5, _attribute(key, value)) for key, value in sorted(attributes.items()))
        self._nodes.append(message(1, content))
        return outputs[0]

    def constant(self, name: str, value: Array) -> str:
        """Append an initializer and return its name. It is stored outside the model if its name is in `external`.

        Raises:
            NameCollision: Another value has this name.
        """
        if name in self._constants and _same(self._constants[name], value):
            return name
        self._define(name)
        self._constants[name] = value
        content = b"".join(integer(1, size) for size in value.shape)
        content += integer(2, ELEMENT_TYPES[value.dtype.name]) + self._name(8, name)
        if name in self.external:
            location = self.external[name]
            entries = {
                "location": location.location,
                "offset": str(location.offset),
                "length": str(location.length),
            }
            content += b"".join(message(13, text(1, key) + text(2, entry)) for key, entry in entries.items())
            self._initializers.append(message(5, content + integer(14, 1)))
        else:
            # the elements are copied once, in `encode`: they may be hundreds of megabytes
            elements = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            content += header(9, elements.nbytes)
            start = header(5, len(content) + elements.nbytes) + content
            self._initializers += [start, elements.reshape(-1).view(np.uint8).data]
        return name

    def input(self, name: str, shape: Sequence[Dimension]) -> str:
        """Declare a graph input of float32 and return its name.

        Raises:
            NameCollision: Another value has this name.
        """
        self._define(name)
        self._inputs.append(message(11, _value_info(self.rename(name), shape, "float32")))
        return name

    def output(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Declare a graph output and return its name."""
        self._outputs.append(message(12, _value_info(self.rename(name), shape, dtype)))
        return name

    def encode(self) -> bytes:
        """Return the encoded ModelProto."""
        graph = [*self._nodes, text(2, self.name), *self._initializers, *self._inputs, *self._outputs]
        length = sum(map(len, graph))
        opsets = [("", OPSET), *((domain, 1) for domain in sorted(self._domains) if domain)]
        imports = b"".join(message(8, text(1, domain) + integer(2, version)) for domain, version in opsets)
        return b"".join([integer(1, IR_VERSION), text(2, "spikelet"), header(7, length), *graph, imports])

    def _name(self, number: int, name: str) -> bytes:
        return text(number, self.rename(name))

    def _define(self, name: str) -> None:
        encoded = self.rename(name)
        if encoded in self._encoded:
            raise NameCollision(encoded)
        self._defined.add(name)
        self._encoded.add(encoded)


def _same(a: Array, b: Array) -> bool:
    return a is b or (a.dtype == b.dtype and np.array_equal(a, b))


def _value_info(name: str, shape: Sequence[Dimension], dtype: str) -> bytes:
    dims = b"".join(message(1, integer(1, d) if isinstance(d, int) else text(2, d)) for d in shape)
    tensor = integer(1, ELEMENT_TYPES[dtype]) + message(2, dims)
    return text(1, name) + message(2, message(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    head = text(1, name)
    match value:
        case tuple():
            return head + b"".join(integer(8, item) for item in value) + integer(20, 7)
        case float():
            return head + float32(2, value) + integer(20, 1)
        case _:
            return head + integer(3, value) + integer(20, 2)
