"""Write ONNX models in the protobuf wire format.

Field numbers are those of `onnx.proto` (ONNX IR). Writing the model here, instead of with the `onnx`
package, lets a board build the graph it needs with nothing but ONNX Runtime, and makes the bytes a pure
function of the network: a bundle's `step.onnx` can be checked by writing it again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

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
    """Two values of an ONNX graph have one name, which is the argument."""


@dataclass
class OnnxGraph:
    """An ONNX graph under construction: encoded nodes, initializers, inputs and outputs.

    Every name is defined once. A constant may be added again with the same value.

    Attributes:
        name: name of the graph.
        external: locations of constants that are stored in another file, by name.
        rename: the name in the encoded model of every name that is passed in.
    """

    name: str
    external: dict[str, External] = field(default_factory=dict)
    rename: Callable[[str], str] = str
    _domains: set[str] = field(default_factory=set)
    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[str, Array] = field(default_factory=dict)
    _initializers: list[bytes] = field(default_factory=list)
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
            op: operator of ONNX, or `domain:op`.
            inputs: names of its inputs; "" for an optional input that is absent.
            outputs: names of its outputs, one or more.
            attributes: its attributes.

        Raises:
            NameCollision: an output has a name that is already defined.
        """
        for output in outputs:
            self._define(output)
        content = b"".join(self._name(1, name) for name in inputs) + b"".join(self._name(2, name) for name in outputs)
        domain, _, op = op.rpartition(":")
        self._domains.add(domain)
        content += self._name(3, outputs[0]) + _text(4, op) + (_text(7, domain) if domain else b"")
        content += b"".join(_message(5, _attribute(key, value)) for key, value in sorted(attributes.items()))
        self._nodes.append(_message(1, content))
        return outputs[0]

    def constant(self, name: str, value: Array) -> str:
        """Append an initializer and return its name. It is stored outside the model if `external` has its name.

        Raises:
            NameCollision: something else has this name.
        """
        if name in self._constants and _same(self._constants[name], value):
            return name
        self._define(name)
        self._constants[name] = value
        content = b"".join(_integer(1, size) for size in value.shape)
        content += _integer(2, ELEMENT_TYPES[value.dtype.name]) + self._name(8, name)
        if name in self.external:
            location = self.external[name]
            entries = {
                "location": location.location,
                "offset": str(location.offset),
                "length": str(location.length),
            }
            content += b"".join(_message(13, _text(1, key) + _text(2, text)) for key, text in entries.items())
            content += _integer(14, 1)
        else:
            content += _message(9, np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"))).tobytes())
        self._initializers.append(_message(5, content))
        return name

    def input(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Declare a graph input and return its name.

        Raises:
            NameCollision: something else has this name.
        """
        self._define(name)
        self._inputs.append(_message(11, _value_info(self.rename(name), shape, dtype)))
        return name

    def output(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Declare a graph output and return its name."""
        self._outputs.append(_message(12, _value_info(self.rename(name), shape, dtype)))
        return name

    def encode(self) -> bytes:
        """Return the encoded ModelProto."""
        graph = b"".join([*self._nodes, _text(2, self.name), *self._initializers, *self._inputs, *self._outputs])
        opsets = [("", OPSET), *((domain, 1) for domain in sorted(self._domains) if domain)]
        imports = b"".join(_message(8, _text(1, domain) + _integer(2, version)) for domain, version in opsets)
        return _integer(1, IR_VERSION) + _text(2, "spikelet") + _message(7, graph) + imports

    def _name(self, number: int, name: str) -> bytes:
        return _text(number, self.rename(name))

    def _define(self, name: str) -> None:
        encoded = self.rename(name)
        if encoded in self._encoded:
            raise NameCollision(encoded)
        self._defined.add(name)
        self._encoded.add(encoded)


_ONE_BYTE = tuple(bytes([value]) for value in range(128))


def _same(a: Array, b: Array) -> bool:
    return a is b or (a.dtype == b.dtype and np.array_equal(a, b))


def _value_info(name: str, shape: Sequence[Dimension], dtype: str) -> bytes:
    dims = b"".join(_message(1, _integer(1, d) if isinstance(d, int) else _text(2, d)) for d in shape)
    tensor = _integer(1, ELEMENT_TYPES[dtype]) + _message(2, dims)
    return _text(1, name) + _message(2, _message(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    head = _text(1, name)
    match value:
        case tuple():
            return head + b"".join(_integer(8, item) for item in value) + _integer(20, 7)
        case float():
            return head + _tag(2, 5) + struct.pack("<f", value) + _integer(20, 1)
        case _:
            return head + _integer(3, value) + _integer(20, 2)


def _varint(value: int) -> bytes:
    if 0 <= value < 128:  # most tags, lengths and numbers
        return _ONE_BYTE[value]
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _integer(number: int, value: int) -> bytes:
    return _tag(number, 0) + _varint(value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode())
