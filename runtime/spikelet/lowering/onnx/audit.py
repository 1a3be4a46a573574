"""Decode an untrusted ONNX model, and reject everything that `spikelet.lowering.onnx.step` does not write.

A step model of another version or program cannot be compared byte for byte. It may contain only the operators below,
attributes without graphs, constants inside the file, and weights at the offsets of tensors in the bundle; no external
path, custom operator, loop or function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from spikelet.errors import BundleError
from spikelet.lowering.onnx.model import Attribute, Constant, Dimension, Model, Operation, Port
from spikelet.lowering.onnx.protobuf import ELEMENT_TYPES, OPSET, External
from spikelet.lowering.onnx.untrusted import UntrustedMessages, Value

OPERATORS = frozenset(
    {"Add", "AveragePool", "Cast", "Conv", "Flatten", "Floor", "Gemm"}
    | {"Greater", "GreaterOrEqual", "Identity", "Mul", "Sub", "Where"}
)
ATTRIBUTES = frozenset(["axis", "group", "kernel_shape", "pads", "strides", "to", "transB"])
# Permitted fields by message: number and name in onnx.proto.
FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {1: "ir_version", 2: "producer_name", 7: "graph", 8: "opset_import"},
    "operator set": {1: "domain", 2: "version"},
    "graph": {1: "node", 2: "name", 5: "initializer", 11: "input", 12: "output"},
    "node": {1: "input", 2: "output", 3: "name", 4: "op_type", 5: "attribute"},
    "attribute": {1: "name", 3: "i", 8: "ints", 20: "type"},
    "tensor": {1: "dims", 2: "data_type", 8: "name", 9: "raw_data", 13: "external_data", 14: "data_location"},
    "entry": {1: "key", 2: "value"},
    "input": {1: "name", 2: "type"},
    "output": {1: "name", 2: "type"},
    "type": {1: "tensor_type"},
    "tensor type": {1: "elem_type", 2: "shape"},
    "shape": {1: "dim"},
    "dimension": {1: "dim_value", 2: "dim_param"},
}
MAX_AXES = 8
IR_VERSIONS = (3, 8)  # least and greatest
# element types of the tensors of a bundle, and of the results of comparisons
INT, INTS = 2, 7  # types of attributes
DTYPES = {ELEMENT_TYPES[name]: name for name in ("float32", "uint8", "int8", "int16", "int32", "bool")}


def audit(member: str, content: memoryview, locations: Mapping[str, External]) -> Model:
    """Decode and check a model.

    Args:
        member: Name of the member, for errors.
        content: The encoded model.
        locations: Location of every tensor of the weights.

    Raises:
        BundleError: The content is not an ONNX model, or contains something that spikelet does not write.
    """
    return _Audit(member, set(locations.values())).model(content)


class _Audit(UntrustedMessages):
    """Decodes one model. Fields that are not listed are refused."""

    def __init__(self, member: str, locations: set[External]) -> None:
        super().__init__(member, FIELDS)
        self.locations = locations

    def model(self, content: memoryview) -> Model:
        fields = self.fields(content, "model")
        self.one_of(fields[2], {"", "spikelet"}, "producer")
        opset = 0
        for imported in fields[8]:
            entry = self.fields(imported, "operator set")
            self.one_of(entry[1], {""}, "operator domain")
            opset = self.number(entry[2], 0)
        version = self.number(fields[1], 0)
        graph = self.fields(self.joined(fields[7], "graph"), "graph")
        if opset != OPSET or not IR_VERSIONS[0] <= version <= IR_VERSIONS[1]:
            expected = f"{OPSET} and {IR_VERSIONS[0]} to {IR_VERSIONS[1]}"
            found = f"operator set {opset} and IR version {version}"
            raise BundleError.at(self.member, f"{found}; expected {expected}", expected=expected, found=found)
        self.text(graph[2])
        return Model(
            tuple(self.constant(value) for value in graph[5]),
            tuple(self.operation(value) for value in graph[1]),
            tuple(self.port(value, "input") for value in graph[11]),
            tuple(self.port(value, "output") for value in graph[12]),
        )

    def operation(self, content: Value) -> Operation:
        fields = self.fields(content, "node")
        self.text(fields[3])
        return Operation(
            self.one_of(self.present(fields[4], "a node without an operator"), OPERATORS, "operator"),
            tuple(self.texts(fields[1])),
            tuple(self.texts(fields[2])),
            dict(self.attribute(value) for value in fields[5]),
        )

    def attribute(self, content: Value) -> tuple[str, Attribute]:
        fields = self.fields(content, "attribute")
        name = self.one_of(self.present(fields[1], "an attribute without a name"), ATTRIBUTES, "attribute")
        single, several = self.number(fields[3], 0), tuple(self.numbers(fields[8]))
        kind = self.number(fields[20], 0)
        # ONNX Runtime refuses a value of another type than the stated one
        if kind != (INTS if several else INT) or bool(several) == bool(fields[3]):
            raise self.refuse(f"an attribute {name!r} whose type {kind} is not that of its value")
        return name, several or single

    def constant(self, content: Value) -> Constant:
        fields = self.fields(content, "tensor")
        outside, content = self.number(fields[14], 0) != 0, self.joined(fields[9], "content of a tensor", last=True)
        if fields[13] or outside:
            position = self.location(fields[13])
            stored: memoryview | External = position
            size = position.length
        else:
            stored, size = content, len(content)
        dtype = self.dtype(self.present(fields[2], "a tensor without an element type"))
        name = self.text(self.present(fields[8], "a tensor without a name"))
        shape = tuple(self.numbers(fields[1]))
        if len(shape) > MAX_AXES or min(shape, default=1) < 1:
            raise self.refuse(f"a tensor {name!r} of shape {shape}")
        if math.prod(shape) * np.dtype(dtype).itemsize != size:
            raise self.refuse(f"{size} bytes for a tensor {name!r}, {dtype} of shape {shape}")
        return Constant(name, dtype, shape, stored)

    def location(self, contents: list[Value]) -> External:
        entries: dict[str, str] = {}
        for content in contents:
            fields = self.fields(content, "entry")
            entries[self.text(fields[1])] = self.text(fields[2])
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
        fields = self.fields(content, role)
        types = self.fields(self.joined(fields[2], "type"), "type")
        tensor = self.fields(self.joined(types[1], "tensor type"), "tensor type")
        dtype = self.dtype(self.present(tensor[1], f"an {role} without an element type"))
        if dtype != "float32":
            raise self.refuse(f"an {role} of {dtype}")
        shape = self.fields(self.joined(tensor[2], "shape"), "shape")
        if len(fields[1]) != 1:
            raise self.refuse(f"an {role} with {len(fields[1])} names")
        return Port(self.text(fields[1]), dtype, tuple(self.dimension(value) for value in shape[1]))

    def dimension(self, content: Value) -> Dimension:
        fields = self.fields(content, "dimension")
        name = self.text(fields[2])
        size = self.number(fields[1], 0)
        self.present(fields[1] or fields[2], "an axis without a size or a name")
        return name if fields[2] else size

    def dtype(self, values: list[Value]) -> str:
        number = self.number(values, 0)
        if number not in DTYPES:
            raise self.refuse(f"element type {number}")
        return DTYPES[number]
