"""Expand nested NIR graphs."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError, UsageError
from spikelet.nodes import Shape
from spikelet_converters.exports.nir import NirNode


def flat(network: NirNode, prefix: str = "") -> tuple[dict[str, NirNode], list[tuple[str, str]]]:
    """Return the nodes and edges with nested graphs expanded; their Input and Output nodes become `Pass`."""
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    entry: dict[str, str] = {}
    exit_: dict[str, str] = {}
    _check_edges(network, prefix)
    for name, node in network.nodes.items():
        full = f"{prefix}{name}"
        if type(node).__name__ != "NIRGraph":
            nodes[full] = node
            entry[name] = exit_[name] = full
            continue
        inner, inner_edges = flat(node, f"{full}.")
        kinds = {key: type(child).__name__ for key, child in inner.items()}
        ends = {kind: key for key, kind in kinds.items() if kind in ("Input", "Output")}
        for kind in ("Input", "Output"):
            if kind not in ends:
                raise ConversionError(f"node {full} (NIRGraph): the nested graph has no {kind} node")
        nodes.update({key: Pass() if key in ends.values() else child for key, child in inner.items()})
        edges += inner_edges
        entry[name], exit_[name] = ends["Input"], ends["Output"]
    return nodes, edges + [(exit_[a], entry[b]) for a, b in network.edges]


def _check_edges(network: NirNode, prefix: str) -> None:
    """Raise ConversionError if an edge begins or ends at a node that does not exist."""
    for a, b in network.edges:
        for name in (a, b):
            if name not in network.nodes:
                raise ConversionError(
                    f"edge {prefix}{a} -> {prefix}{b}: there is no node {prefix}{name}; expected one of "
                    f"{', '.join(list(network.nodes)[:8])}; the file is incomplete, write it again"
                )


def leading_to(
    nodes: dict[str, NirNode], edges: list[tuple[str, str]], output: str | None
) -> tuple[dict[str, NirNode], list[tuple[str, str]]]:
    """Return the nodes and edges that lead to the output that is converted.

    Args:
        nodes: The nodes, by name.
        edges: The edges.
        output: Name of an Output node; None for the only one.

    Raises:
        UsageError: The network has several outputs and none is named, or none of that name.
    """
    outputs = [name for name, node in nodes.items() if type(node).__name__ == "Output"]
    if output is None and len(outputs) > 1:
        raise UsageError(f"the network has {len(outputs)} outputs, {', '.join(outputs)}; choose one with --output-name")
    if output is not None and output not in outputs:
        raise UsageError(f"--output-name {output}: the network has the outputs {', '.join(outputs) or 'none'}")
    if len(outputs) < 2:
        return nodes, edges
    kept, pending = set(), [output]
    while pending:
        name = pending.pop()
        if name is not None and name not in kept:
            kept.add(name)
            pending += [a for a, b in edges if b == name]
    return (
        {name: node for name, node in nodes.items() if name in kept},
        [(a, b) for a, b in edges if a in kept and b in kept],
    )


class Pass:
    """A node that returns its input: the Input or Output of a nested graph."""


def input_shape(network: NirNode) -> Shape:
    """Return the shape of the network's one input, (C, H, W) or (F,); (C, 1, L) for a line (C, L).

    Raises:
        ConversionError: The network has several inputs, or one without a shape or of another number of axes.
    """
    nodes, edges = flat(network)
    inputs = [node for node in nodes.values() if type(node).__name__ == "Input"]
    if len(inputs) != 1:
        raise ConversionError(f"the network has {len(inputs)} inputs; a bundle has one")
    try:
        shape = tuple(int(size) for size in np.ravel(inputs[0].input_type["input"]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConversionError(f"the Input node has no shape ({error})") from None
    if len(shape) == 2:
        shape = _of_two_axes(shape, nodes, edges)
    while len(shape) in (2, 4) and shape[0] == 1:
        shape = shape[1:]  # some exporters add a batch axis of 1
    if len(shape) not in (1, 3):
        raise ConversionError(f"the network takes inputs of shape {shape}; expected (C, H, W) or (F,)")
    return shape


def _of_two_axes(shape: Shape, nodes: dict[str, NirNode], edges: list[tuple[str, str]]) -> Shape:
    """Return the shape of an input of two axes: (C, 1, L) for a Conv1d, (F,) for weights of F features."""
    first = [nodes[b] for a, b in edges if type(nodes[a]).__name__ == "Input"]
    if any(type(node).__name__ == "Conv1d" for node in nodes.values()):
        return shape[0], 1, shape[1]
    matrices = [node.weight for node in first if type(node).__name__ in ("Affine", "Linear")]
    if matrices and all(np.shape(matrix)[-1] == shape[1] for matrix in matrices):
        return shape[1:]
    return shape
