"""Check the structure of a NIR file, and build its nodes one by one: errors of the package nir do not name the node."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet.files.hdf5 import Tree
from spikelet_converters.exports.nir import NirNode, load_nir

ROOT = "node"
MOST_GRAPHS = 32
"""Levels of nested graphs."""
_ABSENT = {"Conv1d": ("input_shape", "bias"), "Conv2d": ("input_shape", "bias")}  # entries that may be absent, by type
_STORED = {"Input": ("shape",), "Output": ("shape",)}  # entries of types whose parameters have other names


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
    node_class = getattr(load_nir(), kind or "", None)
    if not isinstance(node_class, type) or not issubclass(node_class, load_nir().NIRNode):
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
    elif kind != "NIRGraph":
        _check_entries(name, str(kind), node, node_class)


def _check_entries(name: str, kind: str, node: Tree, node_class: type) -> None:
    """Raise ConversionError if a parameter is missing, or unknown to NIR."""
    parameters = [field for field in fields(node_class) if field.init and field.name != "metadata"]
    defaults = [f.name for f in parameters if f.default is not MISSING] + ["input_type", *_ABSENT.get(kind, ())]
    expected = _STORED.get(kind) or [field.name for field in parameters]
    missing = [key for key in expected if key not in node and key not in defaults]
    unknown = [key for key in node if key not in (*expected, "type", "metadata")]
    if missing or unknown:
        problem = f"no {missing[0]}" if missing else f"an entry {unknown[0]!r}, which NIR does not define"
        raise ConversionError(
            f"node {name} ({kind}): has {problem}; expected {', '.join(expected)}; write the file again"
        )


def built(name: str, node: Tree, level: int = 0) -> NirNode:
    """Return a node of the package nir for the values of its entries, without a comparison of shapes.

    Args:
        name: Name of the node.
        node: Its entries, a nested graph with nodes of this form.
        level: Number of graphs around it.

    Raises:
        ConversionError: The package refuses the node, or graphs are nested too deeply.
    """
    nir, kind = load_nir(), node["type"]
    if level > MOST_GRAPHS:
        raise ConversionError(f"node {name}: has graphs more than {MOST_GRAPHS} levels deep")
    if kind == "NIRGraph":
        nodes = {key: built(key, child, level + 1) for key, child in node["nodes"].items()}
        edges = [(_decoded(a), _decoded(b)) for a, b in node["edges"]]
        return nir.NIRGraph(nodes, edges, node.get("metadata", {}), type_check=False)
    try:
        return nir.dict2NIRNode(dict.fromkeys(_ABSENT.get(kind, ())) | node)
    except Exception as error:  # the package raises many types of errors
        pass_out_of_memory(error, f"node {name}")
        shapes = ", ".join(f"{key} {value.shape}" for key, value in node.items() if hasattr(value, "shape"))
        raise ConversionError(
            f"node {name} ({kind}): is not a node that NIR accepts ({one_line(error)}); found {shapes or 'no arrays'}; "
            "write the file again"
        ) from None


def _decoded(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


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
