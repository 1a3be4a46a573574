"""Convert a graph to JSON and tensors, and back.

The JSON is {"nodes": [{"name", "kind", attributes…}], "edges": [[from, to]…]}. The arrays of a node are stored in
`weights.safetensors` as NODE.FIELD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from spikelet.bundle.fields import Fields
from spikelet.errors import BundleError, GraphError
from spikelet.graph import IR_VERSION, Graph
from spikelet.nodes import KINDS, Array, Node

WEIGHTS = "weights.safetensors"
OPTIONAL = {"copies": 1}  # attributes added in IR version 2, with the default that is not written to a file


def encode(graph: Graph) -> tuple[dict[str, object], dict[str, Array]]:
    """Convert a graph to (JSON, tensors)."""
    nodes = []
    tensors: dict[str, Array] = {}
    for name in graph.order:
        node = graph.nodes[name]
        entry: dict[str, object] = {"name": name, "kind": node.kind}
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, np.ndarray):
                tensors[f"{name}.{field.name}"] = value
            elif value != OPTIONAL.get(field.name):
                entry[field.name] = list(value) if isinstance(value, tuple) else value
        nodes.append(entry)
    return {"nodes": nodes, "edges": [list(edge) for edge in graph.edges]}, tensors


def decode(source: Fields, tensors: Mapping[str, Array], ir_version: int = IR_VERSION) -> Graph:
    """Read the graph written by `encode`.

    Args:
        source: The JSON object.
        tensors: Content of weights.safetensors.
        ir_version: Version of the IR that the file states: 1 has no copies.

    Raises:
        BundleError: A node or attribute is unknown, a tensor is missing or superfluous, or the network is invalid.
    """
    source.only("nodes", "edges")
    nodes: dict[str, Node] = {}
    used: set[str] = set()
    for entry in source.objects("nodes"):
        name, kind = entry.text("name"), entry.text("kind")
        if kind not in KINDS:
            kinds = ", ".join(KINDS)
            reason = f"unknown kind {kind!r}; this version reads {kinds}"
            raise BundleError.at(f"node {name!r}", reason, expected=f"one of {kinds}", found=kind)
        if name in nodes:
            raise BundleError.at(f"node {name!r}", "the name is not unique")
        nodes[name] = _node(name, KINDS[kind], entry, tensors, used, ir_version)
    extra = sorted(set(tensors) - used)
    if extra:
        raise BundleError.at(WEIGHTS, f"tensor {extra[0]} belongs to no node").within(WEIGHTS)
    try:
        return Graph(nodes, tuple(_edge(source, i, edge) for i, edge in enumerate(source.items("edges"))))
    except GraphError as error:
        raise BundleError(str(error)) from None


def _node(
    name: str, kind: type[Node], entry: Fields, tensors: Mapping[str, Array], used: set[str], ir_version: int
) -> Node:
    values: dict[str, Any] = {}
    attributes = [field.name for field in fields(kind) if field.name not in kind.tensors]
    if ir_version == 1:
        attributes = [attribute for attribute in attributes if attribute not in OPTIONAL]
    entry.only("name", "kind", *attributes)
    for attribute in attributes:
        if attribute in OPTIONAL and attribute not in entry:
            continue
        values[attribute] = _ATTRIBUTES[attribute](entry, attribute)
    for field in kind.tensors:
        key = f"{name}.{field}"
        if key not in tensors:
            raise BundleError.at(WEIGHTS, f"tensor {key} is missing").within(WEIGHTS)
        used.add(key)
        values[field] = tensors[key]
    try:
        return kind(**values)
    except GraphError as error:
        raise BundleError.at(f"node {name!r}", str(error)) from None


# Reader of every attribute that is not a tensor. The nodes validate the values.
_ATTRIBUTES: dict[str, Callable[[Fields, str], object]] = {
    "shape": Fields.wholes,
    "low": Fields.whole,
    "high": Fields.whole,
    "stride": Fields.wholes,
    "padding": Fields.wholes,
    "kernel": Fields.wholes,
    "groups": Fields.whole,
    "copies": Fields.whole,
    "reset": Fields.text,
    "tie": Fields.text,
    "scale": Fields.number,
}


def _edge(source: Fields, index: int, value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(end, str) for end in value):
        raise BundleError.at(f"{source.path}.edges[{index}]", "expected [from, to]", expected="[from, to]")
    return value[0], value[1]
