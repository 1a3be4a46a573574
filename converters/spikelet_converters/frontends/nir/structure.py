"""Check the structure of a NIR file before the package nir reads it, whose errors do not name the node."""

from __future__ import annotations

from typing import Any

from spikelet.errors import ConversionError
from spikelet.files.hdf5 import Tree
from spikelet_converters.exports.nir import package

ROOT = "node"
MOST_GRAPHS = 32
"""Levels of nested graphs."""


def check_structure(contents: Tree) -> None:
    """Check the nodes of a NIR file: their types, the edges of graphs, and that parameters are numbers or text.

    Args:
        contents: The datasets of the file.

    Raises:
        ConversionError: A node has no type or an unknown one, or a parameter has another type.
    """
    root = contents.get(ROOT)
    if not isinstance(root, dict):
        raise ConversionError(f"expected a group {ROOT!r}, found {', '.join(map(repr, contents)) or 'nothing'}")
    _check_node(ROOT, root, 0)


def _check_node(name: str, node: Tree, level: int) -> None:
    if "type" not in node or isinstance(node["type"], dict):
        inner = [f"{name}/{key}" for key, value in node.items() if isinstance(value, dict) and "type" in value]
        reason = f"; a name must not contain '/', as in {inner[0]}" if inner else "; write the file again"
        raise ConversionError(f"node {name}: has no type{reason}")
    kind = _text(node["type"])
    node_class = getattr(package(), kind or "", None)
    if not isinstance(node_class, type) or not issubclass(node_class, package().NIRNode):
        raise ConversionError(f"node {name}: has the type {kind or 'of a number'}, which NIR does not define")
    for key, dataset in node.items():
        if isinstance(dataset, dict):
            continue
        if dataset.dtype.kind not in "biufSOU":
            raise ConversionError(f"node {name}: {key} has values of type {dataset.dtype}; expected real numbers")
        if key in ("weight", "bias", "scale") and dataset.dtype.kind not in "biuf":
            raise ConversionError(f"node {name}: {key} is text; expected numbers")
    if kind == "NIRGraph" and level < MOST_GRAPHS:
        _check_graph(name, node, level)


def _check_graph(name: str, graph: Tree, level: int) -> None:
    where = "the network" if name == ROOT else f"node {name}"
    nodes, edges = graph.get("nodes"), graph.get("edges")
    if not isinstance(nodes, dict) or edges is None or isinstance(edges, dict):
        missing = "edges" if isinstance(nodes, dict) else "nodes"
        raise ConversionError(f"{where}: has no {missing}; write the file again")
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "SOU"):
        raise ConversionError(
            f"{where}: edges have the shape {edges.shape} and type {edges.dtype}; expected (E, 2), names of two nodes"
        )
    for key, node in nodes.items():
        if isinstance(node, dict):
            _check_node(key, node, level + 1)


def _text(dataset: Any) -> str | None:
    """Return a text, or None for another value."""
    value = dataset[()] if dataset.shape == () else None
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else None
