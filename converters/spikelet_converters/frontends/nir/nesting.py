"""Expand nested NIR graphs."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.exports.nir import NirNode


def flat(network: NirNode, prefix: str = "") -> tuple[dict[str, NirNode], list[tuple[str, str]]]:
    """Nodes and edges with nested graphs expanded; their Input and Output nodes return their input."""
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    _check_edges(network, prefix)
    for name, node in network.nodes.items():
        full = f"{prefix}{name}"
        if type(node).__name__ != "NIRGraph":
            nodes[full] = node
            entry[name] = leave[name] = full
            continue
        inner, between = flat(node, f"{full}.")
        kinds = {key: type(child).__name__ for key, child in inner.items()}
        ends = {kind: key for key, kind in kinds.items() if kind in ("Input", "Output")}
        for kind in ("Input", "Output"):
            if kind not in ends:
                raise ConversionError(f"node {full} (NIRGraph): the nested graph has no {kind} node")
        nodes.update({key: Pass() if key in ends.values() else child for key, child in inner.items()})
        edges += between
        entry[name], leave[name] = ends["Input"], ends["Output"]
    return nodes, edges + [(leave[a], entry[b]) for a, b in network.edges]


def _check_edges(network: NirNode, prefix: str) -> None:
    """Raise ConversionError if an edge begins or ends at a node that does not exist."""
    for a, b in network.edges:
        for name in (a, b):
            if name not in network.nodes:
                raise ConversionError(
                    f"edge {prefix}{a} -> {prefix}{b}: there is no node {prefix}{name}; expected one of "
                    f"{', '.join(list(network.nodes)[:8])}; the file is incomplete, write it again"
                )


class Pass:
    """The input or output of a nested graph."""


def input_shape(network: NirNode) -> Shape:
    """The shape of the network's one input, (C, H, W) or (F,).

    Raises:
        ConversionError: The network has several inputs, or one without a shape or of another number of axes.
    """
    inputs = [node for node in flat(network)[0].values() if type(node).__name__ == "Input"]
    if len(inputs) != 1:
        raise ConversionError(f"the network has {len(inputs)} inputs; a bundle has one")
    try:
        shape = tuple(int(size) for size in np.ravel(inputs[0].input_type["input"]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConversionError(f"the Input node has no shape ({error})") from None
    while len(shape) in (2, 4) and shape[0] == 1:
        shape = shape[1:]  # some exporters add a batch axis of 1
    if len(shape) not in (1, 3):
        raise ConversionError(f"the network takes inputs of shape {shape}; expected (C, H, W) or (F,)")
    return shape
