"""Section "The graph": one node, its attributes and its arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from second_reader.refused import Refused, require
from second_reader.tensors import Tensor

Shape = tuple[int, ...]
LARGEST = 2**28
# kind -> (attributes, arrays with their number of axes)
KINDS: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "Input": (("shape", "low", "high"), {"mean": 1}),
    "Conv2d": (("stride", "padding", "groups"), {"weight": 4, "bias": 1}),
    "Linear": ((), {"weight": 2, "bias": 1}),
    "SumPool2d": (("kernel", "stride"), {}),
    "Scale": ((), {"scale": 1}),
    "Add": ((), {}),
    "Flatten": ((), {}),
    "IF": (("reset", "tie"), {"theta": 1, "v_init": 1}),
    "LIF": (("reset", "tie"), {"theta": 1, "v_init": 1, "decay": 1}),
    "LI": ((), {"decay": 1}),
    "Output": (("scale",), {}),
}
NEURONS = ("IF", "LIF")
MOST_COPIES = 255


@dataclass(frozen=True)
class Node:
    """A node: its kind, its attributes (pairs as tuples) and its arrays."""

    kind: str
    attributes: dict[str, object]
    arrays: dict[str, Tensor]


def parse_node(entry: object, tensors: Mapping[str, Tensor], version: int = 2) -> tuple[str, Node]:
    """Return the name and the node of an entry. version: `ir_version`; nodes have copies from 2 on."""
    if not isinstance(entry, dict):
        raise Refused("graph", "a node is no object")
    name, kind = entry.get("name"), entry.get("kind")
    require(
        isinstance(name, str) and re.fullmatch("[A-Za-z_][A-Za-z0-9_.]{0,63}", name) is not None, "names", f"{name!r}"
    )
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused("graph", f"{name}: kind {kind!r}")
    attributes, fields = KINDS[kind]
    if kind in NEURONS and version >= 2:
        entry = {"copies": 1} | entry
        attributes = (*attributes, "copies")
    require(set(entry) == {"name", "kind", *attributes}, "graph", f"{name}: keys")
    arrays = {}
    for field, axes in fields.items():
        require(f"{name}.{field}" in tensors, "weights", f"{name}.{field} is missing")
        arrays[field] = tensors[f"{name}.{field}"]
        require(arrays[field].ndim == axes, "weights", f"{name}.{field}: axes")
    values = {key: tuple(entry[key]) if isinstance(entry[key], list) else entry[key] for key in attributes}
    node = Node(kind, values, arrays)
    _check_attributes(name, node)
    return str(name), node


def _check_attributes(name: str, node: Node) -> None:
    for key, value in node.attributes.items():
        require(_fits(node.kind, key, value), _SECTIONS.get(key, "graph"), f"{name}.{key} is {value!r:.40}")
        if key == "scale":
            assert isinstance(value, int | float)
            node.attributes[key] = float(value)
    if node.kind == "Input":
        low, high = node.attributes["low"], node.attributes["high"]
        assert isinstance(low, int)
        assert isinstance(high, int)
        require(low < high, "numbers", f"{name}: low {low}, high {high}")
    if node.kind == "Conv2d":
        groups, outputs = node.attributes["groups"], len(node.arrays["weight"])
        assert isinstance(groups, int)
        require(outputs % groups == 0, "graph", f"{name}.groups")


_SECTIONS = {"scale": "numbers", "low": "numbers", "high": "numbers"}


def _fits(kind: str, key: str, value: object) -> bool:
    """Return whether the value of an attribute has the right type and range."""
    match key:
        case "shape":
            return _wholes(value, (1, 3), 1)
        case "stride" | "kernel":
            return _wholes(value, (2,), 1)
        case "padding":
            return _wholes(value, (2,), 0)
        case "groups":
            return _whole(value, 1)
        case "copies":
            return _whole(value, 1, MOST_COPIES)
        case "low" | "high":
            return _whole(value, -(2**15), 2**15 - 1)
        case "reset":
            return value in ("subtract", "zero") or (kind == "LIF" and value == "subtract-late")
        case "tie":
            return value in (">=", ">")
    return isinstance(value, int | float) and not isinstance(value, bool) and _scale(value)


def _wholes(value: object, lengths: tuple[int, ...], least: int) -> bool:
    return isinstance(value, tuple) and len(value) in lengths and all(_whole(item, least) for item in value)


def _scale(value: float) -> bool:
    try:
        return 2.0**-64 <= float(value) <= 2.0**64  # rounded to float64 first
    except OverflowError:
        return False


def _whole(value: object, least: int, most: int = LARGEST) -> bool:
    return type(value) is int and least <= value <= most


def copies(node: Node) -> int:
    """Return the number of neurons per channel and pixel of an IF or LIF; 1 for every other node."""
    number = node.attributes.get("copies", 1)
    assert isinstance(number, int)
    return number


def check_ranges(name: str, node: Node, exact: bool) -> None:
    """Check the ranges of arrays, and kinds and resets that are permitted in float32 networks only."""
    arrays = node.arrays
    for field in ("theta", "decay", "mean"):
        if field not in arrays:
            continue
        # as Python numbers: int8 cannot be compared with 2^15
        least, most = arrays[field].min().item(), arrays[field].max().item()
        good = {
            "theta": least > 0,
            "decay": (1 if exact else 2.0**-149) <= least <= most <= (24 if exact else 1),
            "mean": -(2**15) <= least <= most <= 2**15,
        }[field]
        require(good, "numbers", f"{name}.{field}: {least} … {most}")
    if exact:
        require(node.kind != "LI", "weights", f"{name}: LI is for float32")
        require(node.attributes.get("reset") != "subtract-late", "graph", f"{name}: subtract-late is for float32")
