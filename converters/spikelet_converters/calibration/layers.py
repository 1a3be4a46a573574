"""Changes that calibration makes to a spiking layer: bias of its current, and initial potential."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spikelet.graph import Graph
from spikelet.nodes import Add, Conv2d, Linear
from spikelet_converters.frontends.values import f32


def channel_means(values: Tensor) -> npt.NDArray[np.float32]:
    """Return the mean of each channel, (C,), of values (N, C, …)."""
    mean: npt.NDArray[np.float32] = values.mean([i for i in range(values.ndim) if i != 1]).numpy()
    return mean


def synapse_of(graph: Graph, layer: str) -> str | None:
    """Return the synapse node that feeds only `layer`, the first one if several meet in an Add, or None."""
    for name in graph.predecessors[layer]:
        node = graph.nodes[name]
        if isinstance(node, Conv2d | Linear) and len(graph.successors[name]) == 1:
            return name
        synapse = synapse_of(graph, name) if isinstance(node, Add) else None
        if synapse is not None:
            return synapse
    return None


def with_bias(graph: Graph, layer: str, change: npt.ArrayLike) -> Graph:
    """Return the graph with a change of the bias of a layer. A layer without a synapse node is unchanged.

    Args:
        graph: float32 graph.
        layer: Layer of neurons, or the output.
        change: Added to the current at each time-step, (C,).
    """
    name = synapse_of(graph, layer)
    if name is None:
        return graph
    node = graph.synapse(name)
    return Graph({**graph.nodes, name: replace(node, bias=f32(node.bias + np.asarray(change)))}, graph.edges)


def with_potential(graph: Graph, layer: str, v_init: npt.ArrayLike) -> Graph:
    """Return the graph with another initial potential, (C,), in a layer of neurons."""
    return Graph({**graph.nodes, layer: replace(graph.neuron(layer), v_init=f32(v_init))}, graph.edges)
