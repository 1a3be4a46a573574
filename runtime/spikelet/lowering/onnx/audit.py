"""Audit an untrusted ONNX model: accept only what `spikelet.lowering.onnx.step` writes.

A step model of another version of spikelet cannot be compared byte for byte. It may contain only the operators below,
attributes without graphs, constants inside the file, and weights at the offsets of tensors in the bundle: no external
path, no custom operator, no loop, no function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from spikelet.errors import BundleError
from spikelet.lowering.onnx.protobuf import ELEMENT_TYPES, External

OPERATORS = frozenset(
    {"Add", "AveragePool", "Cast", "Conv", "Flatten", "Floor", "Gemm"}
    | {"Greater", "GreaterOrEqual", "Identity", "Mul", "Sub", "Where"}
)
ATTRIBUTES = frozenset(["axis", "group", "kernel_shape", "pads", "strides", "to", "transB"])
MAX_FIELDS = 2**18

Value = int | memoryview
Reader = Callable[["_Audit", Value], None]


def audit(member: str, content: memoryview, places: Mapping[str, External]) -> None:
    """Check a model.

    Args:
        member: name of the member, for errors.
        content: the encoded model.
        places: location of every tensor of the weights.

    Raises:
        BundleError: the content is not an ONNX model, or contains something that spikelet does not write.
    """
    model = _Audit(member, set(places.values()))
    model.message(content, _MODEL, "model")


class _Audit:
    """Traverses one model. places: allowed locations of external tensors."""

    def __init__(self, member: str, places: set[External]) -> None:
        self.member, self.places, self.left = member, places, MAX_FIELDS

    def refuse(self, what: str) -> BundleError:
        return BundleError.at(self.member, f"{what}; spikelet writes no such thing")

    def message(self, content: Value, known: Mapping[int, Reader], what: str) -> None:
        """Read every field of a message with the reader that `known` has for its number."""
        for number, value in self.fields(content, what):
            if number not in known:
                raise self.refuse(f"field {number} in a {what}")
            known[number](self, value)

    def fields(self, content: Value, what: str) -> Iterator[tuple[int, Value]]:
        if isinstance(content, int):
            raise self.refuse(f"a number in place of a {what}")
        position = 0
        while position < len(content):
            self.left -= 1
            if self.left < 0:
                raise self.refuse(f"more than {MAX_FIELDS} fields")
            tag, position = self.varint(content, position)
            number, wire = tag >> 3, tag & 7
            if wire == 0:
                value, position = self.varint(content, position)
                yield number, value
                continue
            length, position = (4, position) if wire == 5 else self.varint(content, position)
            if wire not in (2, 5) or length > len(content) - position:
                raise BundleError.at(self.member, f"not an ONNX model (a {what} is cut off or damaged)")
            yield number, content[position : position + length]
            position += length

    def varint(self, content: memoryview, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(content):
                break
            byte = content[position]
            value |= (byte & 0x7F) << shift
            position += 1
            if byte < 0x80:
                return value, position
        raise BundleError.at(self.member, "not an ONNX model (a number is cut off)")

    def text(self, value: Value) -> str:
        if isinstance(value, int) or len(value) > 256:
            raise self.refuse("a name that is none, or longer than 256 bytes")
        try:
            return bytes(value).decode("ascii")
        except UnicodeDecodeError:
            raise self.refuse("a name that is not ASCII") from None

    def tensor(self, content: Value) -> None:
        self.message(content, _TENSOR, "tensor")
        external = [self.entry(value) for number, value in self.fields(content, "tensor") if number == 13]
        if not external:
            return
        entries = dict(external)
        numbers = [entries.get(key, "") for key in ("offset", "length")]
        if len(external) != 3 or not all(text.isdecimal() and len(text) < 12 for text in numbers):
            raise self.refuse("external data without a plain location, offset and length")
        position = External(entries.get("location", ""), int(numbers[0]), int(numbers[1]))
        if position not in self.places:
            raise self.refuse(
                f"external data in {position.location!r} at {position.offset}, where no tensor of the bundle lies"
            )

    def entry(self, content: Value) -> tuple[str, str]:
        parts = {number: self.text(value) for number, value in self.fields(content, "entry")}
        return parts.get(1, ""), parts.get(2, "")


def _any(_: _Audit, __: Value) -> None:
    """Accept any value."""


def _name(audit: _Audit, value: Value) -> None:
    audit.text(value)


def _one_of(allowed: frozenset[str], what: str) -> Reader:
    def check(audit: _Audit, value: Value) -> None:
        text = audit.text(value)
        if text not in allowed:
            raise audit.refuse(f"{what} {text!r}")

    return check


def _type(audit: _Audit, value: Value) -> None:
    if value not in ELEMENT_TYPES.values():
        raise audit.refuse(f"an element type {value!r}")


def _inside(known: Mapping[int, Reader], what: str) -> Reader:
    return lambda audit, value: audit.message(value, known, what)


# Field numbers of onnx.proto; what is not here (functions, subgraphs, metadata, training, domains) is refused.
_TENSOR: dict[int, Reader] = {1: _any, 2: _type, 8: _name, 9: _any, 13: _any, 14: _any}
_ATTRIBUTE: dict[int, Reader] = {1: _one_of(ATTRIBUTES, "attribute"), 2: _any, 3: _any, 8: _any, 20: _any}
_NODE: dict[int, Reader] = {
    1: _name,
    2: _name,
    3: _name,
    4: _one_of(OPERATORS, "operator"),
    5: _inside(_ATTRIBUTE, "attribute"),
}
_DIMENSION: dict[int, Reader] = {1: _any, 2: _name}
_SHAPE: dict[int, Reader] = {1: _inside(_DIMENSION, "dimension")}
_TENSOR_TYPE: dict[int, Reader] = {1: _type, 2: _inside(_SHAPE, "shape")}
_VALUE: dict[int, Reader] = {1: _name, 2: _inside({1: _inside(_TENSOR_TYPE, "tensor type")}, "type")}
_GRAPH: dict[int, Reader] = {
    1: _inside(_NODE, "node"),
    2: _name,
    5: lambda audit, value: audit.tensor(value),
    11: _inside(_VALUE, "input"),
    12: _inside(_VALUE, "output"),
}
_OPSET: dict[int, Reader] = {1: _one_of(frozenset({""}), "operator domain"), 2: _any}
_MODEL: dict[int, Reader] = {
    1: _any,
    2: _one_of(frozenset({"spikelet"}), "producer"),
    7: _inside(_GRAPH, "graph"),
    8: _inside(_OPSET, "operator set"),
}
