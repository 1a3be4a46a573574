"""Section "step.onnx": an ONNX model as the page permits it, read without a library and run node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from second_reader.execute import Run
from second_reader.network import Network
from second_reader.operators import OPERATORS, Value
from second_reader.refused import Refused, require

Field = tuple[int, int | memoryview]
# element types of ONNX: those that the table of tensors lists, and BOOL
TYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 9: "?"}
ATTRIBUTES = ("axis", "group", "kernel_shape", "pads", "strides", "to", "transB")


@dataclass
class Model:
    """Nodes in order, values of initializers, and the names at the border."""

    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = field(default_factory=list)
    constants: dict[str, Value] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def parse_model(content: memoryview, weights: memoryview) -> Model:
    """Read a model that is not empty; refuse what the page does not list. weights: the member weights.safetensors."""
    model = Model()
    opset = None
    for number, value in fields(content):
        match number, value:
            case 1, int():
                require(value <= 8, "step", f"IR version {value}")
            case 2, memoryview():
                require(text(value) in ("", "spikelet"), "step", "producer")
            case 8, memoryview():
                entries = dict(fields(value))
                require(set(entries) <= {1, 2} and text(entries.get(1, memoryview(b""))) == "", "step", "domain")
                opset = entries.get(2)
            case 7, memoryview():
                _graph(model, value, weights)
            case _:
                raise Refused("step", f"field {number} of a model")
    require(opset == 13, "step", f"opset {opset}")
    return model


def _graph(model: Model, content: memoryview, weights: memoryview) -> None:
    for number, value in fields(content):
        require(isinstance(value, memoryview), "step", "graph")
        assert isinstance(value, memoryview)
        match number:
            case 1:
                model.nodes.append(_node(value))
            case 2:
                text(value)
            case 5:
                name, tensor = _tensor(value, weights)
                require(name not in model.constants, "step", f"{name} twice")
                model.constants[name] = tensor
            case 11 | 12:
                (model.inputs if number == 11 else model.outputs).append(_border(value))
            case _:
                raise Refused("step", f"field {number} of a graph")


def _border(content: memoryview) -> str:
    """Name of an input or output; its type is a tensor of float32 with a shape of numbers and names."""
    names = []
    for number, value in fields(content):
        require(number in (1, 2), "step", f"field {number} of an input or output")
        if number == 1:
            names.append(text(value))
            continue
        for tensor in _only(value, 1):
            for key, item in fields(tensor):
                require(key in (1, 2) and (key == 2 or item == 1), "step", "type of an input or output")
                for size in _only(item, 1) if key == 2 else ():
                    for kind, length in fields(size):
                        require(kind in (1, 2) and (kind == 2) == isinstance(length, memoryview), "step", "an axis")
    require(len(names) == 1, "step", "a value without a name")
    return names[0]


def _only(content: int | memoryview, number: int) -> list[int | memoryview]:
    """Fields of a message that may have this one alone."""
    found = list(fields(content))
    require(all(key == number for key, _ in found), "step", "a field that the page does not list")
    return [value for _, value in found]


def _node(content: memoryview) -> tuple[str, list[str], list[str], dict[str, Any]]:
    inputs, outputs, operator = [], [], ""
    attributes: dict[str, Any] = {}
    for number, value in fields(content):
        match number:
            case 1:
                inputs.append(text(value))
            case 2:
                outputs.append(text(value))
            case 3:
                text(value)
            case 4:
                operator = text(value)
            case 5:
                name, attribute = _attribute(value)
                attributes[name] = attribute
            case _:
                raise Refused("step", f"field {number} of a node")
    require(operator in OPERATORS, "step", f"operator {operator!r}")
    return operator, inputs, outputs, attributes


def _attribute(content: int | memoryview) -> tuple[str, int | list[int]]:
    name, single, several = "", 0, []
    for number, value in fields(content):
        match number, value:
            case 1, _:
                name = text(value)
            case 3, int():
                single = _signed(value)
            case 8, int():
                several.append(_signed(value))
            case 8, memoryview():
                several += [_signed(item) for item in _packed(value)]
            case 20, int():
                pass
            case _:
                raise Refused("step", f"field {number} of an attribute")
    require(name in ATTRIBUTES, "step", f"attribute {name!r}")
    return name, several or single


def _tensor(content: memoryview, weights: memoryview) -> tuple[str, Value]:
    name, dims, kind, raw, external = "", [], 0, memoryview(b""), {}
    for number, value in fields(content):
        match number, value:
            case 1, int():
                dims.append(value)
            case 1, memoryview():
                dims += _packed(value)
            case 2, int():
                kind = value
            case 8, _:
                name = text(value)
            case 9, memoryview():
                raw = value
            case 13, _:
                entry = {key: text(item) for key, item in fields(value)}
                external[entry.get(1, "")] = entry.get(2, "")
            case 14, int():
                pass
            case _:
                raise Refused("step", f"field {number} of a tensor")
    require(kind in TYPES, "step", f"element type {kind}")
    if external:
        raw = _outside(external, weights)
    require(len(raw) == int(np.prod(dims, dtype=object)) * np.dtype(TYPES[kind]).itemsize, "step", f"{name}: size")
    return name, np.frombuffer(raw, TYPES[kind]).reshape(dims)


def _outside(entry: Mapping[str, str], weights: memoryview) -> memoryview:
    """External data: exactly one tensor of weights.safetensors."""
    from second_reader.document import parse

    require(set(entry) == {"location", "offset", "length"}, "step", "external data")
    require(entry["location"] == "weights.safetensors", "step", f"location {entry['location']!r}")
    require(all(entry[key].isdecimal() and len(entry[key]) < 12 for key in ("offset", "length")), "step", "offset")
    start = 8 + int.from_bytes(weights[:8], "little")
    spans = [tensor["data_offsets"] for tensor in parse(weights[8:start], "weights.safetensors").values()]  # type: ignore[index]
    offset, length = int(entry["offset"]), int(entry["length"])
    require([offset - start, offset - start + length] in spans, "step", "external data is no tensor")
    return weights[offset : offset + length]


def replay(model: Model, network: Network, inputs: npt.NDArray[np.generic], steps: int) -> Run:
    """Run the model for a constant input (N, *shape)."""
    mark = "." if any(name.startswith("v.") for name in model.inputs) else ":"
    stateful = [name for name, node in network.nodes.items() if node.kind in ("IF", "LIF", "LI")]
    border = {"logits", *(f"v_next{mark}{name}" for name in stateful), *(f"s{mark}{name}" for name in network.spiking)}
    require(set(model.inputs) == {"input", *(f"v{mark}{name}" for name in stateful)}, "step", "inputs")
    require(set(model.outputs) == border, "step", "outputs")
    states = {}
    for name in stateful:
        states[name] = np.zeros((len(inputs), *network.shapes[name]), np.float32)
        if network.nodes[name].kind != "LI":
            start = network.nodes[name].arrays["v_init"].astype(np.float32)
            states[name] += start.reshape(-1, *(1,) * (states[name].ndim - 2))
    record: dict[str, list[Value]] = {}
    for _ in range(steps):
        values = dict(model.constants) | {"input": inputs.astype(np.float32)}
        values |= {f"v{mark}{name}": value for name, value in states.items()}
        for operator, sources, targets, attributes in model.nodes:
            require(len(targets) == 1 and targets[0] not in values, "step", f"{targets} is computed twice")
            values[targets[0]] = OPERATORS[operator](*(values[source] for source in sources), **attributes)
        states = {name: values[f"v_next{mark}{name}"] for name in stateful}
        for output in model.outputs:
            record.setdefault(output, []).append(values[output].reshape(len(inputs), -1))
    stacked = {name: np.stack(parts) for name, parts in record.items()}
    spikes = {name: stacked[f"s{mark}{name}"] for name in network.spiking}
    for name, value in spikes.items():
        require(bool(np.isin(value, (0, 1)).all()), "step", f"spikes of {name} are not 0 or 1")
    return Run(
        stacked["logits"],
        {name: value.astype(bool) for name, value in spikes.items()},
        {name: stacked[f"v_next{mark}{name}"] for name in stateful},
        {},
    )


def fields(content: int | memoryview) -> Iterator[Field]:
    """Fields of a message of Protocol Buffers: numbers, and bytes."""
    require(isinstance(content, memoryview), "step", "a number in place of a message")
    assert isinstance(content, memoryview)
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        if tag & 7 == 0:
            value, position = _varint(content, position)
            yield tag >> 3, value
            continue
        length, position = (4, position) if tag & 7 == 5 else _varint(content, position)
        require(tag & 7 in (2, 5) and position + length <= len(content), "step", "no ONNX model")
        yield tag >> 3, content[position : position + length]
        position += length


def text(value: int | memoryview) -> str:
    """A name: ASCII, at most 256 characters."""
    require(isinstance(value, memoryview), "step", "a number in place of a name")
    assert isinstance(value, memoryview)
    require(
        len(value) <= 256 and all(byte < 128 for byte in value), "step", "a name of other characters, or a long one"
    )
    return bytes(value).decode("ascii")


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        require(position < len(content) and shift < 70, "step", "no ONNX model")
        byte = content[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position


def _packed(content: memoryview) -> list[int]:
    numbers, position = [], 0
    while position < len(content):
        number, position = _varint(content, position)
        numbers.append(number)
    return numbers


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
