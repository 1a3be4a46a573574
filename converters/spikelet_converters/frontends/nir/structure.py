"""Check the structure of a NIR file before the package nir reads it, whose errors do not name the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikelet.errors import ConversionError
from spikelet.files.hdf5 import members
from spikelet_converters.exports.nir import package

ROOT = "node"
MOST_GRAPHS = 32
"""Levels of nested graphs."""


def check_structure(path: Path) -> None:
    """Check the nodes of a NIR file: their types, the edges of graphs, and that parameters are numbers or text.

    Raises:
        ConversionError: A node has no type or an unknown one, or a parameter has another type.
    """
    import h5py

    with h5py.File(path) as file:
        root = members(file)[1].get(ROOT)
        if root is None:
            raise ConversionError(f"expected a group {ROOT!r}, found {', '.join(map(repr, file)) or 'nothing'}")
        _check_node(ROOT, root, 0)


def _check_node(name: str, group: Any, level: int) -> None:
    datasets, groups = members(group)
    if "type" not in datasets:
        inner = [f"{name}/{key}" for key, value in groups.items() if "type" in value]
        reason = f"; a name must not contain '/', as in {inner[0]}" if inner else "; write the file again"
        raise ConversionError(f"node {name}: has no type{reason}")
    kind = _text(datasets["type"])
    node_class = getattr(package(), kind or "", None)
    if not isinstance(node_class, type) or not issubclass(node_class, package().NIRNode):
        raise ConversionError(f"node {name}: has the type {kind or 'of a number'}, which NIR does not define")
    for key, dataset in datasets.items():
        if dataset.dtype.kind not in "biufSOU":
            raise ConversionError(f"node {name}: {key} has values of type {dataset.dtype}; expected real numbers")
        if key in ("weight", "bias", "scale") and dataset.dtype.kind not in "biuf":
            raise ConversionError(f"node {name}: {key} is text; expected numbers")
    if kind == "NIRGraph" and level < MOST_GRAPHS:
        _check_graph(name, datasets, groups, level)


def _check_graph(name: str, datasets: Any, groups: Any, level: int) -> None:
    where = "the network" if name == ROOT else f"node {name}"
    edges = datasets.get("edges")
    if "nodes" not in groups or edges is None:
        raise ConversionError(f"{where}: has no {'nodes' if 'nodes' not in groups else 'edges'}; write the file again")
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "SOU"):
        raise ConversionError(
            f"{where}: edges have the shape {edges.shape} and type {edges.dtype}; expected (E, 2), names of two nodes"
        )
    for key, group in members(groups["nodes"])[1].items():
        _check_node(key, group, level + 1)


def _text(dataset: Any) -> str | None:
    """Return a text, or None for another value."""
    value = dataset[()] if dataset.shape == () else None
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else None
