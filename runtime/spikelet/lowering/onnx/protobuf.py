"""Write ONNX models in the protobuf wire format.

Field numbers are those of `onnx.proto` (ONNX IR). Writing the model here, instead of with the `onnx`
package, lets a board build the graph it needs with nothing but ONNX Runtime, and makes the bytes a pure
function of the network: a bundle's `step.onnx` can be checked by writing it again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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


@dataclass
class OnnxGraph:
    """An ONNX graph under construction: encoded nodes, initializers, inputs and outputs.

    Attributes:
        made: names of the outputs of its nodes.
    """

    name: str
    external: dict[str, External] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    _domains: set[str] = field(default_factory=set)
    _nodes: list[bytes] = field(default_factory=list)
    _initializers: dict[str, bytes] = field(default_factory=dict)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)

    def node(self, op: str, inputs: Sequence[str], output: str, *more: str, **attributes: Attribute) -> str:
        """Append a node and return the name of its first output.

        Args:
            op: operator of ONNX, or `domain:op`.
        """
        outputs = (output, *more)
        self.made.update(outputs)
        content = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
        domain, _, op = op.rpartition(":")
        self._domains.add(domain)
        content += _text(3, output) + _text(4, op) + (_text(7, domain) if domain else b"")
        content += b"".join(_message(5, _attribute(key, value)) for key, value in sorted(attributes.items()))
        self._nodes.append(_message(1, content))
        return output

    def constant(self, name: str, value: Array) -> str:
        """Append an initializer and return its name. It is stored outside the model if `external` has its name."""
        if name not in self._initializers:
            head = b"".join(_integer(1, size) for size in value.shape)
            head += _integer(2, ELEMENT_TYPES[value.dtype.name]) + _text(8, name)
            if name in self.external:
                place = self.external[name]
                entries = {
                    "location": place.location,
                    "offset": str(place.offset),
                    "length": str(place.length),
                }
                body = b"".join(_message(13, _text(1, key) + _text(2, text)) for key, text in entries.items())
                body += _integer(14, 1)
            else:
                body = _message(9, np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"))).tobytes())
            self._initializers[name] = _message(5, head + body)
        return name

    def input(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Declare a graph input and return its name."""
        self._inputs.append(_message(11, _value_info(name, shape, dtype)))
        return name

    def output(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Declare a graph output and return its name."""
        self._outputs.append(_message(12, _value_info(name, shape, dtype)))
        return name

    def encode(self) -> bytes:
        """Return the encoded ModelProto."""
        graph = b"".join(
            [*self._nodes, _text(2, self.name), *self._initializers.values(), *self._inputs, *self._outputs]
        )
        opsets = [("", OPSET), *((domain, 1) for domain in sorted(self._domains) if domain)]
        imports = b"".join(_message(8, _text(1, domain) + _integer(2, version)) for domain, version in opsets)
        return _integer(1, IR_VERSION) + _text(2, "spikelet") + _message(7, graph) + imports


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
    return _tag(number, 2) + _varint(len(content)) + content


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode())
