"""What calibration may change of a spiking layer, whoever calibrates: the bias of its current, and v(0)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Linear
from spikelet_converters.frontends.values import f32


def by_channel(values: Tensor) -> npt.NDArray[np.float32]:
    """The mean of each channel: (N, C, …) to (C,)."""
    mean: npt.NDArray[np.float32] = values.mean([i for i in range(values.ndim) if i != 1]).numpy()
    return mean


def synapse_of(graph: Graph, layer: str) -> str | None:
    """The weights that make the current of `layer` and nothing else; of several that meet in an Add, the first."""
    for name in graph.predecessors[layer]:
        node = graph.nodes[name]
        if isinstance(node, Conv2d | Linear) and len(graph.successors[name]) == 1:
            return name
        found = synapse_of(graph, name) if isinstance(node, Add) else None
        if found is not None:
            return found
    return None


def with_bias(graph: Graph, layer: str, more: npt.ArrayLike) -> Graph:
    """The graph with `more`, (C,), added to a layer's current at each time-step; without weights of its own, as it was.

    layer: neurons or the output.
    """
    name = synapse_of(graph, layer)
    if name is None:
        return graph
    node = graph.nodes[name]
    assert isinstance(node, Conv2d | Linear)
    return Graph({**graph.nodes, name: replace(node, bias=f32(node.bias + np.asarray(more)))}, graph.edges)


def with_potential(graph: Graph, layer: str, v_init: npt.ArrayLike) -> Graph:
    """The graph with another v(0), (C,), in a layer of neurons."""
    node = graph.nodes[layer]
    assert isinstance(node, IF)
    return Graph({**graph.nodes, layer: replace(node, v_init=f32(v_init))}, graph.edges)
