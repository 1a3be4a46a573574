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
        for kind, end in (("Input", entry), ("Output", exit_)):
            ends_of_kind = [key for key, child in inner.items() if type(child).__name__ == kind]
            if len(ends_of_kind) != 1:
                number = f"no {kind} node"
                if ends_of_kind:
                    number = f"{len(ends_of_kind)} {kind} nodes, {', '.join(ends_of_kind)}; expected one"
                raise ConversionError(f"node {full} (NIRGraph): the nested graph has {number}")
            end[name] = ends_of_kind[0]
        ends = entry[name], exit_[name]
        for key, child in inner.items():
            if key in nodes or key in network.nodes:
                raise ConversionError(
                    f"node {prefix}{key}: has the name of a node of the nested graph {full}; expected different names; "
                    "rename one of them"
                )
            nodes[key] = Pass() if key in ends else child
        edges += inner_edges
    return nodes, edges + [(exit_[a], entry[b]) for a, b in network.edges]


def _check_edges(network: NirNode, prefix: str) -> None:
    """Raise ConversionError if an edge is listed twice, or begins or ends at a node that cannot have it."""
    known: set[tuple[str, str]] = set()
    for a, b in network.edges:
        edge = f"edge {prefix}{a} -> {prefix}{b}"
        if (a, b) in known:
            raise ConversionError(f"{edge}: is listed twice; expected once; to add a value twice, scale it by 2")
        known.add((a, b))
        for name in (a, b):
            if name not in network.nodes:
                raise ConversionError(
                    f"{edge}: there is no node {prefix}{name}; expected one of "
                    f"{', '.join(list(network.nodes)[:8])}; the file is incomplete, write it again"
                )
        for name, kind, end in ((b, "Input", "ends"), (a, "Output", "begins")):
            if type(network.nodes[name]).__name__ == kind:
                raise ConversionError(
                    f"{edge}: {end} at node {prefix}{name} ({kind}); expected another node there; connect the nodes "
                    "of the network themselves"
                )


def leading_to(
    nodes: dict[str, NirNode], edges: list[tuple[str, str]], output: str | None
) -> tuple[dict[str, NirNode], list[tuple[str, str]]]:
    """Return the nodes and edges that lead to the output that is converted; of a network with one output, all.

    Args:
        nodes: The nodes, by name.
        edges: The edges.
        output: Name of an Output node; None for the only one.

    Raises:
        ConversionError: The network has no output.
        UsageError: The network has several outputs and none is named, or none of that name.
    """
    outputs = [name for name, node in nodes.items() if type(node).__name__ == "Output"]
    if not outputs:
        raise ConversionError("the network has no Output node; expected one; write it again with an Output node")
    if output is None and len(outputs) > 1:
        raise UsageError(f"the network has {len(outputs)} outputs, {', '.join(outputs)}; choose one with --output-name")
    if output is not None and output not in outputs:
        raise UsageError(f"--output-name {output}: the network has the outputs {', '.join(outputs)}")
    if len(outputs) == 1:
        return nodes, edges
    return used_by(output or outputs[0], nodes, edges)


def used_by(
    name: str, nodes: dict[str, NirNode], edges: list[tuple[str, str]]
) -> tuple[dict[str, NirNode], list[tuple[str, str]]]:
    """Return the nodes and edges that lead to a node, and the node."""
    kept, pending = set(), [name]
    while pending:
        name = pending.pop()
        if name not in kept:
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
        raise ConversionError(
            f"the network has {len(inputs)} inputs; expected one Input node, as a bundle has one input"
        )
    try:
        shape = tuple(int(size) for size in np.ravel(inputs[0].input_type["input"]))
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ConversionError(f"the Input node has no shape ({error})") from None
    if len(shape) == 2:
        shape = _of_two_axes(shape, nodes, edges)
    elif len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]  # some exporters add a batch axis of 1
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise ConversionError(
            f"the network takes inputs of shape {shape}; expected (C, H, W), (C, L) or (F,), sizes of at least 1; "
            "write the shape of one input into the Input node"
        )
    return shape


def _of_two_axes(shape: Shape, nodes: dict[str, NirNode], edges: list[tuple[str, str]]) -> Shape:
    """Return the shape of an input of two axes: (F,) for weights of F features, (1, H, W) for images, or (C, 1, L)."""
    first = [nodes[b] for a, b in edges if type(nodes[a]).__name__ == "Input"]
    kinds = {type(node).__name__ for node in nodes.values()}
    matrices = [node.weight for node in first if type(node).__name__ in ("Affine", "Linear")]
    if "Conv1d" not in kinds and matrices and all(np.shape(matrix)[-1] == shape[1] for matrix in matrices):
        return shape[1:]
    if kinds & {"Conv2d", "SumPool2d", "AvgPool2d"}:
        return 1, *shape
    if "Conv1d" not in kinds and shape[0] == 1:
        return shape[1:]  # some exporters add a batch axis of 1
    return shape[0], 1, shape[1]
