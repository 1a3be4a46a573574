"""Fold chains of linear layers that have no neurons between them into one layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.bounds.products import product
from spikelet.graph import Graph
from spikelet.nodes import Conv2d, Linear, Node, Scale

GROWTH = 4  # largest ratio of the number of weights after folding to that before


def folded(graph: Graph) -> Graph:
    """Return a float32 graph without chains of linear layers.

    The sums of two successive linear layers of integers soon leave the exact range. These pairs are folded: a Linear
    after a Linear, a Scale after a Linear or Conv2d, and a pointwise convolution after a Conv2d, if nothing else reads
    the first layer and the number of weights does not grow much.

    Args:
        graph: float32 graph.
    """
    pair = next((pair for pair in graph.edges if _folds(graph, *pair)), None)
    while pair is not None:
        graph = _joined(graph, *pair)
        pair = next((pair for pair in graph.edges if _folds(graph, *pair)), None)
    return graph


def _folds(graph: Graph, first: str, second: str) -> bool:
    a, b = graph.nodes[first], graph.nodes[second]
    alone = len(graph.successors[first]) == 1 and len(graph.predecessors[second]) == 1
    fits = (isinstance(a, Linear) and isinstance(b, Linear | Scale)) or (isinstance(a, Conv2d) and isinstance(b, Scale))
    return alone and (fits or (isinstance(a, Conv2d) and isinstance(b, Conv2d) and _is_pointwise(a, b)))


def _is_pointwise(a: Conv2d, b: Conv2d) -> bool:
    """Return whether b is a pointwise convolution, so that a and b are one convolution with about as many weights."""
    if b.weight.shape[2:] != (1, 1) or b.padding != (0, 0):
        return False
    by_channel = b.groups == len(b.weight) and b.weight.shape[1] == 1
    weights = len(b.weight) * a.weight[0].size
    return by_channel or (a.groups == b.groups == 1 and weights <= GROWTH * (a.weight.size + b.weight.size))


def _joined(graph: Graph, first: str, second: str) -> Graph:
    """Return the graph with `first` and `second` as one layer, which has the name of `second`."""
    layer: Node = _product(graph.nodes[first], graph.nodes[second])
    nodes = {name: layer if name == second else node for name, node in graph.nodes.items() if name != first}
    (source,) = graph.predecessors[first]
    edges = tuple((source, second) if edge == (first, second) else edge for edge in graph.edges if edge[1] != first)
    return Graph(nodes, edges)


def _product(a: Node, b: Node) -> Node:
    assert isinstance(a, Linear | Conv2d)
    weight, bias = np.asarray(a.weight, np.float64), np.asarray(a.bias, np.float64)
    if isinstance(b, Scale):
        scale = np.asarray(b.scale, np.float64)
        weight, bias = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)), bias * scale
    else:
        assert isinstance(b, Linear | Conv2d)
        if isinstance(a, Conv2d) and isinstance(b, Conv2d):
            return _convolution(a, b)
        outer = np.asarray(b.weight, np.float64)
        weight, bias = product(outer, weight), product(outer, bias[:, None])[:, 0] + b.bias
    return replace(a, weight=weight.astype(np.float32), bias=bias.astype(np.float32))


def _convolution(a: Conv2d, b: Conv2d) -> Conv2d:
    """Return the convolution a followed by the pointwise convolution b, as one."""
    weight, bias, outer = (np.asarray(x, np.float64) for x in (a.weight, a.bias, b.weight[:, :, 0, 0]))
    if b.groups > 1:
        weight, bias = weight * outer[:, :, None, None], bias * outer[:, 0] + b.bias
    else:
        weight = product(outer, weight.reshape(len(weight), -1)).reshape(len(outer), *weight.shape[1:])
        bias = product(outer, bias[:, None])[:, 0] + b.bias
    stride = a.stride[0] * b.stride[0], a.stride[1] * b.stride[1]
    return replace(a, weight=weight.astype(np.float32), bias=bias.astype(np.float32), stride=stride)
