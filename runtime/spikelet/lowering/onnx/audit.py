"""Decode an untrusted ONNX model, and accept only what `spikelet.lowering.onnx.step` writes.

A step model of another version or program cannot be compared byte for byte. It may contain only the operators below,
attributes without graphs, constants inside the file, and weights at the offsets of tensors in the bundle: no external
path, no custom operator, no loop, no function.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from spikelet.errors import BundleError
from spikelet.lowering.onnx.model import Attribute, Constant, Dimension, Model, Operation, Port
from spikelet.lowering.onnx.protobuf import ELEMENT_TYPES, OPSET, External

OPERATORS = frozenset(
    {"Add", "AveragePool", "Cast", "Conv", "Flatten", "Floor", "Gemm"}
    | {"Greater", "GreaterOrEqual", "Identity", "Mul", "Sub", "Where"}
)
ATTRIBUTES = frozenset(["axis", "group", "kernel_shape", "pads", "strides", "to", "transB"])
MAX_FIELDS = 2**18
MAX_AXES = 8
IR_VERSIONS = (3, 8)  # least and greatest
# of the tensors of a bundle, and what a comparison gives
DTYPES = {ELEMENT_TYPES[name]: name for name in ("float32", "uint8", "int8", "int16", "int32", "bool")}

Value = int | memoryview


def audit(member: str, content: memoryview, locations: Mapping[str, External]) -> Model:
    """Decode and check a model.

    Args:
        member: name of the member, for errors.
        content: the encoded model.
        locations: location of every tensor of the weights.

    Raises:
        BundleError: the content is not an ONNX model, or contains something that spikelet does not write.
    """
    return _Audit(member, set(locations.values())).model(content)


class _Audit:
    """Decodes one model. Field numbers are those of onnx.proto; fields that are not listed are refused."""

    def __init__(self, member: str, locations: set[External]) -> None:
        self.member, self.locations, self.left = member, locations, MAX_FIELDS

    def refuse(self, problem: str) -> BundleError:
        return BundleError.at(self.member, f"{problem}; spikelet writes no such thing")

    def model(self, content: memoryview) -> Model:
        fields = self.fields(content, "model", (1, 2, 7, 8))
        for producer in fields[2]:
            self.one_of(producer, {"", "spikelet"}, "producer")
        opset = 0
        for imported in fields[8]:
            entry = self.fields(imported, "operator set", (1, 2))
            for domain in entry[1]:
                self.one_of(domain, {""}, "operator domain")
            opset = self.number(entry[2], 0)
        version = self.number(fields[1], 0)
        graph = self.fields(self.joined(fields[7], "graph"), "graph", (1, 2, 5, 11, 12))
        if opset != OPSET or not IR_VERSIONS[0] <= version <= IR_VERSIONS[1]:
            expected = f"{OPSET} and {IR_VERSIONS[0]} to {IR_VERSIONS[1]}"
            found = f"operator set {opset} and IR version {version}"
            raise BundleError.at(self.member, f"{found}; expected {expected}", expected=expected, found=found)
        for name in graph[2]:
            self.text(name)
        return Model(
            tuple(self.constant(value) for value in graph[5]),
            tuple(self.operation(value) for value in graph[1]),
            tuple(self.port(value, "input") for value in graph[11]),
            tuple(self.port(value, "output") for value in graph[12]),
        )

    def operation(self, content: Value) -> Operation:
        fields = self.fields(content, "node", (1, 2, 3, 4, 5))
        for name in fields[3]:
            self.text(name)
        operators = [self.one_of(value, OPERATORS, "operator") for value in fields[4]]
        return Operation(
            self.last(operators, "a node without an operator"),
            tuple(self.text(value) for value in fields[1]),
            tuple(self.text(value) for value in fields[2]),
            dict(self.attribute(value) for value in fields[5]),
        )

    def attribute(self, content: Value) -> tuple[str, Attribute]:
        fields = self.fields(content, "attribute", (1, 3, 8, 20))
        names = [self.one_of(value, ATTRIBUTES, "attribute") for value in fields[1]]
        self.number(fields[20], 0)
        single, several = self.number(fields[3], 0), tuple(self.numbers(fields[8]))
        return self.last(names, "an attribute without a name"), several or single

    def constant(self, content: Value) -> Constant:
        fields = self.fields(content, "tensor", (1, 2, 8, 9, 13, 14))
        if fields[13] or self.number(fields[14], 0):
            position = self.location(fields[13])
            stored: memoryview | External = position
            size = position.length
        else:
            content = self.joined(fields[9][-1:], "content of a tensor")
            stored, size = content, len(content)
        dtype = self.last([self.dtype(value) for value in fields[2]], "a tensor without an element type")
        name = self.last([self.text(value) for value in fields[8]], "a tensor without a name")
        shape = tuple(self.numbers(fields[1]))
        if len(shape) > MAX_AXES or min(shape, default=0) < 0:
            raise self.refuse(f"a tensor {name!r} of shape {shape}")
        if math.prod(shape) * np.dtype(dtype).itemsize != size:
            raise self.refuse(f"{size} bytes for a tensor {name!r}, {dtype} of shape {shape}")
        return Constant(name, dtype, shape, stored)

    def location(self, contents: list[Value]) -> External:
        entries: dict[str, str] = {}
        for content in contents:
            fields = self.fields(content, "entry", (1, 2))
            key, value = ("".join(self.text(text) for text in fields[number][-1:]) for number in (1, 2))
            entries[key] = value
        numbers = [entries.get(key, "") for key in ("offset", "length")]
        plain = all(text.isdecimal() and len(text) < 12 for text in numbers)
        if len(contents) != 3 or len(entries) != 3 or not plain:
            raise self.refuse("external data without a plain location, offset and length")
        position = External(entries.get("location", ""), int(numbers[0]), int(numbers[1]))
        if position not in self.locations:
            raise self.refuse(
                f"external data in {position.location!r} at {position.offset}, where no tensor of the bundle lies"
            )
        return position

    def port(self, content: Value, role: str) -> Port:
        fields = self.fields(content, role, (1, 2))
        types = self.fields(self.joined(fields[2], "type"), "type", (1,))
        tensor = self.fields(self.joined(types[1], "tensor type"), "tensor type", (1, 2))
        dtype = self.last([self.dtype(value) for value in tensor[1]], f"an {role} without an element type")
        shape = self.fields(self.joined(tensor[2], "shape"), "shape", (1,))
        if len(fields[1]) != 1:
            raise self.refuse(f"an {role} with {len(fields[1])} names")
        return Port(self.text(fields[1][0]), dtype, tuple(self.dimension(value) for value in shape[1]))

    def dimension(self, content: Value) -> Dimension:
        fields = self.fields(content, "dimension", (1, 2))
        names = [self.text(value) for value in fields[2]]
        return names[-1] if names else self.number(fields[1], -1)

    def dtype(self, value: Value) -> str:
        if not isinstance(value, int) or value not in DTYPES:
            raise self.refuse(
                "an element type that is none" if isinstance(value, memoryview) else f"element type {value}"
            )
        return DTYPES[value]

    def last(self, texts: list[str], problem: str) -> str:
        """The last of the values of a field, which must be there."""
        if not texts:
            raise self.refuse(problem)
        return texts[-1]

    def one_of(self, value: Value, allowed: set[str] | frozenset[str], subject: str) -> str:
        text = self.text(value)
        if text not in allowed:
            raise self.refuse(f"{subject} {text!r}")
        return text

    def text(self, value: Value) -> str:
        if isinstance(value, int) or len(value) > 256:
            raise self.refuse("a name that is none, or longer than 256 bytes")
        try:
            return bytes(value).decode("ascii")
        except UnicodeDecodeError:
            raise self.refuse("a name that is not ASCII") from None

    def number(self, values: list[Value], default: int) -> int:
        """The last of the values of a field, signed."""
        for value in values:
            if not isinstance(value, int):
                raise self.refuse("bytes in place of a number")
        return self.numbers(values)[-1] if values else default

    def numbers(self, values: list[Value]) -> list[int]:
        """All values of a field of whole numbers, signed; several may be packed into one."""
        numbers: list[int] = []
        for value in values:
            if isinstance(value, int):
                numbers.append(value)
                continue
            position = 0
            while position < len(value):
                self.count()
                number, position = self.varint(value, position)
                numbers.append(number)
        return [number - 2**64 if number >= 2**63 else number for number in numbers]

    def joined(self, values: list[Value], subject: str) -> memoryview:
        """A message that is not repeated: the parts of it, which protobuf merges."""
        parts = [value for value in values if isinstance(value, memoryview)]
        if len(parts) < len(values):
            raise self.refuse(f"a number in place of a {subject}")
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def fields(self, content: Value, subject: str, known: tuple[int, ...]) -> defaultdict[int, list[Value]]:
        """The values of every field of a message, by number."""
        if isinstance(content, int):
            raise self.refuse(f"a number in place of a {subject}")
        values: defaultdict[int, list[Value]] = defaultdict(list)
        position = 0
        while position < len(content):
            self.count()
            tag, position = self.varint(content, position)
            number, wire = tag >> 3, tag & 7
            value: Value
            if wire == 0:
                value, position = self.varint(content, position)
            else:
                length, position = (4, position) if wire == 5 else self.varint(content, position)
                if wire not in (2, 5) or length > len(content) - position:
                    raise BundleError.at(self.member, f"not an ONNX model (a {subject} is cut off or damaged)")
                value = content[position : position + length]
                position += length
            if number not in known:
                raise self.refuse(f"field {number} in a {subject}")
            values[number].append(value)
        return values

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.refuse(f"more than {MAX_FIELDS} fields")

    def varint(self, content: memoryview, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(content):
                break
            byte = content[position]
            value |= (byte & 0x7F) << shift
            position += 1
            if byte < 0x80:
                return value & (2**64 - 1), position
        raise BundleError.at(self.member, "not an ONNX model (a number is cut off)")
