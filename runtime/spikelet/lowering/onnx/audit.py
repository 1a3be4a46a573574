"""Read an ONNX model of somebody else as bytes, and accept only what `spikelet.lowering.onnx.step` writes.

A step model that another version of spikelet wrote cannot be compared byte for byte. It must still hold nothing
but the plain operators below, attributes without graphs, constants inside the file, and weights in the bundle's
own member at places where a tensor lies: no external path, no custom operator, no loop, no function.
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
    """Refuse a model that holds anything else.

    places: where each tensor of the weights lies.

    Raises:
        BundleError: not an ONNX model, or it holds what spikelet never writes; says what.
    """
    found = _Audit(member, set(places.values()))
    found.message(content, _MODEL, "model")


class _Audit:
    """Walks one model. places: what an external tensor may refer to."""

    def __init__(self, member: str, places: set[External]) -> None:
        self.member, self.places, self.left = member, places, MAX_FIELDS

    def refuse(self, what: str) -> BundleError:
        return BundleError(f"{self.member}: {what}; spikelet writes no such thing")

    def message(self, content: Value, known: Mapping[int, Reader], what: str) -> None:
        """Every field of a message, each read by what `known` has for its number."""
        for number, value in self.fields(content, what):
            if number not in known:
                raise self.refuse(f"field {number} in a {what}")
            known[number](self, value)

    def fields(self, content: Value, what: str) -> Iterator[tuple[int, Value]]:
        if isinstance(content, int):
            raise self.refuse(f"a number in place of a {what}")
        place = 0
        while place < len(content):
            self.left -= 1
            if self.left < 0:
                raise self.refuse(f"more than {MAX_FIELDS} fields")
            tag, place = self.varint(content, place)
            number, wire = tag >> 3, tag & 7
            if wire == 0:
                value, place = self.varint(content, place)
                yield number, value
                continue
            length, place = (4, place) if wire == 5 else self.varint(content, place)
            if wire not in (2, 5) or length > len(content) - place:
                raise BundleError(f"{self.member}: not an ONNX model (a {what} is cut off or damaged)")
            yield number, content[place : place + length]
            place += length

    def varint(self, content: memoryview, place: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if place >= len(content):
                break
            byte = content[place]
            value |= (byte & 0x7F) << shift
            place += 1
            if byte < 0x80:
                return value, place
        raise BundleError(f"{self.member}: not an ONNX model (a number is cut off)")

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
        place = External(entries.get("location", ""), int(numbers[0]), int(numbers[1]))
        if place not in self.places:
            raise self.refuse(
                f"external data in {place.location!r} at {place.offset}, where no tensor of the bundle lies"
            )

    def entry(self, content: Value) -> tuple[str, str]:
        parts = {number: self.text(value) for number, value in self.fields(content, "entry")}
        return parts.get(1, ""), parts.get(2, "")


def _any(_: _Audit, __: Value) -> None:
    """Anything: numbers, raw bytes."""


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
