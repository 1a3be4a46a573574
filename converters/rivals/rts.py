"""RTS: threshold shift (Deng & Gu, ICLR 2021).

A neuron that starts at v(0) = 0 floors where its source rounds. For T time-steps the bias of each layer is raised by
theta/2T, so that after T of them half a threshold has been added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from spikelet.converters.rivals.base import Images, Recalibration
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Linear


def synapse_before(graph: Graph, layer: str) -> str:
    """The convolution or linear node that feeds a spiking layer; of several that meet in an Add, the first."""
    waiting = list(graph.predecessors[layer])
    while waiting:
        name = waiting.pop(0)
        if isinstance(graph.nodes[name], Conv2d | Linear):
            return name
        if isinstance(graph.nodes[name], Add):
            waiting.extend(graph.predecessors[name])
    raise AssertionError(f"{layer}: no synapse feeds it")  # a graph is validated: currents come from synapses


def with_bias(graph: Graph, layer: str, more: np.ndarray) -> Graph:
    """The graph with `more`, (C,), added to the current of a spiking layer at each time-step."""
    name = synapse_before(graph, layer)
    node = graph.nodes[name]
    assert isinstance(node, Conv2d | Linear)
    return Graph({**graph.nodes, name: replace(node, bias=(node.bias + more).astype(np.float32))}, graph.edges)


def with_potential(graph: Graph, layer: str, v_init: np.ndarray) -> Graph:
    """The graph with another v(0), (C,), in a spiking layer."""
    node = graph.nodes[layer]
    assert isinstance(node, IF)
    return Graph({**graph.nodes, layer: replace(node, v_init=v_init.astype(np.float32))}, graph.edges)


@dataclass(frozen=True)
class RTS(Recalibration):
    """Nothing to choose."""

    name = "rts"
    about = "v(0) = 0 and biases raised by theta/2T (Deng & Gu, ICLR 2021)"

    def recalibrate(self, source: Graph, network: nn.Module, images: Images, steps: int) -> Graph:
        graph = source
        for layer in source.spiking:
            node = source.nodes[layer]
            assert isinstance(node, IF)
            graph = with_bias(with_potential(graph, layer, 0 * node.theta), layer, node.theta / (2 * steps))
        return graph
