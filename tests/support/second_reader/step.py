"""Section "step.onnx": a parser for the ONNX models that docs/bundle.md permits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from second_reader.document import parse
from second_reader.operators import OPERATORS, Value
from second_reader.refused import Refused, require

# element types of ONNX: those that the table of tensors lists, and BOOL
TYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 9: "?"}
ATTRIBUTES = ("axis", "group", "kernel_shape", "pads", "strides", "to", "transB")
Attributes = dict[str, int | list[int]]
Fields = Mapping[int, Sequence[int | memoryview]]


@dataclass
class Model:
    """A parsed model.

    Attributes:
        nodes: (operator, names of inputs, names of outputs, attributes), in order.
        constants: Names and values of initializers.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
    """

    nodes: list[tuple[str, list[str], list[str], Attributes]] = field(default_factory=list)
    constants: list[tuple[str, Value]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def parse_model(content: memoryview, weights: memoryview) -> Model:
    """Parse a model that is not empty; refuse anything that docs/bundle.md does not permit. weights: weights.safetensors."""
    return _Parser(weights).model(content)


class _Parser:
    """Parses one model; `left` is the remaining number of fields and packed numbers that it may have."""

    def __init__(self, weights: memoryview) -> None:
        self.left = 2**18
        start = 8 + int.from_bytes(weights[:8], "little")
        header = parse(weights[8:start], "weights.safetensors")
        spans = [tensor["data_offsets"] for name, tensor in header.items() if name != "__metadata__"]  # type: ignore[index,call-overload]
        self.tensors = {(start + begin, end - begin): weights[start + begin : start + end] for begin, end in spans}

    def model(self, content: memoryview) -> Model:
        message = self.message(content, 1, 2, 7, 8)
        require(text(message[2]) in ("", "spikelet"), "step", "producer")
        opset = None
        for imported in message[8]:
            entry = self.message(imported, 1, 2)
            require(text(entry[1]) == "", "step", "domain")
            opset = number(entry[2])
        require(opset == 13, "step", f"opset {opset}")
        require(3 <= number(message[1]) <= 8, "step", "IR version")
        graph = self.message(joined(message[7]), 1, 2, 5, 11, 12)
        text(graph[2])
        model = Model()
        model.constants = [self.tensor(value) for value in graph[5]]
        model.nodes = [self.node(value) for value in graph[1]]
        model.inputs, model.outputs = ([self.border(value) for value in graph[key]] for key in (11, 12))
        return model

    def border(self, content: int | memoryview) -> str:
        """Return the name of an input or output, whose type is a float32 tensor with a shape of numbers and names."""
        message = self.message(content, 1, 2)
        tensor = self.message(joined(self.message(joined(message[2]), 1)[1]), 1, 2)
        require(number(tensor[1]) == 1, "step", "type of an input or output")
        for axis in self.message(joined(tensor[2]), 1)[1]:
            size = self.message(axis, 1, 2)
            number(size[1])
            text(size[2])
            require(bool(size[1] or size[2]), "step", "an axis without a size or a name")
        require(len(message[1]) == 1, "step", "an input or output that has not one name")
        return text(message[1])

    def node(self, content: int | memoryview) -> tuple[str, list[str], list[str], Attributes]:
        message = self.message(content, 1, 2, 3, 4, 5)
        text(message[3])
        operator = text(message[4])
        require(operator in OPERATORS, "step", f"operator {operator!r}")
        inputs, outputs = ([text([name]) for name in message[key]] for key in (1, 2))
        return operator, inputs, outputs, dict(self.attribute(value) for value in message[5])

    def attribute(self, content: int | memoryview) -> tuple[str, int | list[int]]:
        message = self.message(content, 1, 3, 8, 20)
        name = text(message[1])
        require(name in ATTRIBUTES, "step", f"attribute {name!r}")
        single, several = number(message[3]), self.packed(message[8])
        require(number(message[20]) in (2, 7), "step", "type of an attribute")
        present, absent = (message[3], several) if number(message[20]) == 2 else (several, message[3])
        require(bool(present) and not absent, "step", "value of an attribute")
        return name, several or single

    def tensor(self, content: int | memoryview) -> tuple[str, Value]:
        message = self.message(content, 1, 2, 8, 9, 13, 14)
        raw = message[9]
        require(all(isinstance(value, memoryview) for value in raw), "step", "a number in place of raw_data")
        data = raw[-1] if raw else memoryview(b"")
        if number(message[14]) or message[13]:
            data = self.outside(message[13])
        assert isinstance(data, memoryview)
        kind, shape = number(message[2]), self.packed(message[1])
        require(kind in TYPES, "step", f"element type {kind}")
        require(bool(message[8]), "step", "a tensor without a name")
        require(len(shape) <= 8 and all(size >= 1 for size in shape), "step", f"shape {shape}")
        require(len(data) == math.prod(shape) * np.dtype(TYPES[kind]).itemsize, "step", "bytes of a tensor")
        return text(message[8]), np.frombuffer(data, TYPES[kind]).reshape(shape)

    def outside(self, entries: Sequence[int | memoryview]) -> memoryview:
        """Return external data, which is exactly one tensor of weights.safetensors."""
        entry = {}
        for content in entries:
            message = self.message(content, 1, 2)
            entry[text(message[1])] = text(message[2])
        require(len(entries) == 3 and set(entry) == {"location", "offset", "length"}, "step", "external data")
        require(entry["location"] == "weights.safetensors", "step", f"location {entry['location']!r}")
        digits = (entry["offset"], entry["length"])
        require(all(value.isdecimal() and len(value) <= 11 for value in digits), "step", "offset or length")
        data = self.tensors.get((int(digits[0]), int(digits[1])))
        require(data is not None, "step", "external data is no tensor")
        assert data is not None
        return data

    def message(self, content: int | memoryview, *known: int) -> Fields:
        """Return the values of the fields of a message in order, by field number."""
        require(isinstance(content, memoryview), "step", "a number in place of a message")
        assert isinstance(content, memoryview)
        values: dict[int, list[int | memoryview]] = {key: [] for key in known}
        position = 0
        while position < len(content):
            self.spend()
            tag, position = varint(content, position)
            require(tag & 7 in (0, 2), "step", f"wire type {tag & 7}")
            value: int | memoryview
            value, position = varint(content, position)
            if tag & 7 == 2:
                start, position = position, position + value
                require(position <= len(content), "step", "no ONNX model")
                value = content[start:position]
            require(tag >> 3 in known, "step", f"field {tag >> 3}")
            values[tag >> 3].append(value)
        return values

    def packed(self, values: Sequence[int | memoryview]) -> list[int]:
        """Return the numbers of a field, packed or not."""
        numbers = []
        for value in values:
            if isinstance(value, int):
                numbers.append(signed(value))
                continue
            position = 0
            while position < len(value):
                self.spend()
                item, position = varint(value, position)
                numbers.append(signed(item))
        return numbers

    def spend(self) -> None:
        self.left -= 1
        require(self.left >= 0, "step", "too many fields")


def joined(parts: Sequence[int | memoryview]) -> memoryview:
    """Join the parts of a message that is not repeated."""
    if not all(isinstance(part, memoryview) for part in parts):
        raise Refused("step", "a number in place of a message")
    return memoryview(b"".join(part for part in parts if isinstance(part, memoryview)))


def number(values: Sequence[int | memoryview]) -> int:
    """Return the last number of a field, or 0."""
    require(all(isinstance(value, int) for value in values), "step", "bytes in place of a number")
    return signed(values[-1]) if values else 0  # type: ignore[arg-type]


def text(values: Sequence[int | memoryview]) -> str:
    """Return the last text of a field, or ""; every one is ASCII, at most 256 characters."""
    last = ""
    for value in values:
        if not isinstance(value, memoryview):
            raise Refused("step", "a number in place of a name")
        require(len(value) <= 256 and all(byte < 128 for byte in value), "step", "characters of a name")
        last = bytes(value).decode("ascii")
    return last


def varint(content: memoryview, position: int) -> tuple[int, int]:
    """Return a varint of at most 10 bytes, of which 64 bits are used, and the position after it."""
    value = 0
    for index in range(10):
        require(position < len(content), "step", "no ONNX model")
        byte = content[position]
        value |= (byte & 127) << 7 * index
        position += 1
        if byte < 128:
            return value % 2**64, position
    raise Refused("step", "no ONNX model")


def signed(value: int) -> int:
    """Return an unsigned number of 64 bits as a signed one."""
    return value - 2**64 if value >= 2**63 else value
