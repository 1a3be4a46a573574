"""Neurons of a layer with all their synapses; the layers between two spiking layers are unrolled.

The current of a neuron is a weighted sum over spikes (and pixels) plus a bias. Walking back from the neuron through
Conv2d, Linear, SumPool2d, Scale, Add and Flatten to the spiking layers, the leaky integrators and the input gives that
sum, one synapse per term. Weights are float64 here: exact for every network that is exact in float32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.errors import GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, Add, Conv2d, Flatten, Input, Linear, Output, Scale, Shape, SumPool2d

Index = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Synapses:
    """Synapses, one per row.

    Attributes:
        pre: Indices in the source layer.
        post: Indices in the population.
        weight: Change of the current by a spike.
    """

    pre: Index
    post: Index
    weight: Values

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class Population:
    """Neurons of one layer and their inputs.

    Attributes:
        name: Name of an IF, LIF, LI or Output node.
        neurons: Flat indices in the layer, (n,), ascending.
        bias: Current at every time-step, (n,).
        inputs: Synapses by source: a spiking layer, an LI node or the input.
    """

    name: str
    neurons: Index
    bias: Values
    inputs: Mapping[str, Synapses]

    def __len__(self) -> int:
        return len(self.neurons)


def populate(graph: Graph, name: str, neurons: Index | None = None) -> Population:
    """Return the population of neurons of a layer.

    Args:
        graph: The network.
        name: Name of an IF, LIF, LI or Output node.
        neurons: Flat indices of the neurons; by default all.
    """
    chosen = np.arange(graph.neurons(name)) if neurons is None else neurons
    bias = np.zeros(len(chosen))
    pending: dict[str, list[Synapses]] = defaultdict(list)
    before = graph.predecessors[name][0]
    pending[before].append(Synapses(chosen, np.arange(len(chosen)), np.ones(len(chosen))))
    inputs: dict[str, Synapses] = {}
    for node_name in reversed(graph.order):
        if node_name not in pending:
            continue
        terms = _merged(pending.pop(node_name), graph.neurons(node_name))
        node = graph.nodes[node_name]
        if isinstance(node, IF | LI | Input):
            inputs[node_name] = terms
            continue
        if isinstance(node, Conv2d | Linear):
            channels = terms.pre // (graph.neurons(node_name) // len(node.bias))
            bias += np.bincount(terms.post, terms.weight * node.bias[channels], len(bias))
        for source in graph.predecessors[node_name]:
            pending[source].append(_through(graph, node_name, graph.shapes[source], terms))
    return Population(name, chosen, bias, inputs)


def integrators(graph: Graph, populations: list[Population]) -> list[Population]:
    """Return the leaky integrators that feed populations, with the elements in use, in topological order."""
    needed: dict[str, set[int]] = defaultdict(set)
    result: list[Population] = []

    def require(population: Population) -> None:
        for source, synapses in population.inputs.items():
            if isinstance(graph.nodes[source], LI):
                needed[source].update(synapses.pre.tolist())

    for population in populations:
        require(population)
    for name in reversed(graph.order):
        if needed.get(name):
            result.append(populate(graph, name, np.array(sorted(needed[name]))))
            require(result[-1])
    return result[::-1]


def fan_in(graph: Graph, name: str) -> int:
    """Return the number of synapses of the neuron in the middle of a layer, which is typical of the layer."""
    _, *pixels = graph.shapes[name]
    middle = np.ravel_multi_index((0, *(size // 2 for size in pixels)), graph.shapes[name])
    return sum(len(synapses) for synapses in populate(graph, name, np.array([middle])).inputs.values())


def _through(graph: Graph, name: str, input_shape: Shape, terms: Synapses) -> Synapses:
    """Convert terms over a node's output to terms over its input, which has the shape `input_shape`."""
    shape = graph.shapes[name]
    match graph.nodes[name]:
        case Conv2d() as node:
            c, y, x = np.unravel_index(terms.pre, shape)
            per_group = node.weight.shape[1]
            first = c // (len(node.weight) // node.groups) * per_group
            taps = np.indices(node.weight.shape[1:]).reshape(3, -1)
            rows = y[:, None] * node.stride[0] + taps[1] - node.padding[0]
            columns = x[:, None] * node.stride[1] + taps[2] - node.padding[1]
            weights = terms.weight[:, None] * node.weight.reshape(len(node.weight), -1)[c]
            return _within_image(terms.post, first[:, None] + taps[0], rows, columns, weights, input_shape)
        case SumPool2d() as node:
            c, y, x = np.unravel_index(terms.pre, shape)
            taps = np.indices(node.kernel).reshape(2, -1)
            rows, columns = y[:, None] * node.stride[0] + taps[0], x[:, None] * node.stride[1] + taps[1]
            weights = np.broadcast_to(terms.weight[:, None], rows.shape)
            return _within_image(
                terms.post, np.broadcast_to(c[:, None], rows.shape), rows, columns, weights, input_shape
            )
        case Linear() as node:
            weights = terms.weight[:, None] * node.weight[terms.pre]
            term, pre = np.nonzero(weights)
            return Synapses(pre, terms.post[term], weights[term, pre])
        case Scale() as node:
            channel = terms.pre // (graph.neurons(name) // len(node.scale))
            return Synapses(terms.pre, terms.post, terms.weight * node.scale[channel])
        case Add() | Flatten() | Output():
            return terms
        case node:
            raise GraphError(f"node {name}: {node.kind} has no synapses")


def _within_image(post: Index, channels: Index, rows: Index, columns: Index, weights: Values, shape: Shape) -> Synapses:
    """Return the synapses of taps, (terms, taps), inside the image and with a weight other than 0."""
    kept = (rows >= 0) & (rows < shape[1]) & (columns >= 0) & (columns < shape[2]) & (weights != 0)
    pre = np.ravel_multi_index((channels[kept], rows[kept], columns[kept]), shape)
    return Synapses(pre, np.broadcast_to(post[:, None], kept.shape)[kept], weights[kept])


def _merged(parts: list[Synapses], size: int) -> Synapses:
    """Merge parallel synapses and drop those whose weights sum to 0. size: elements of the source."""
    pre, post, weight = (np.concatenate([getattr(p, field) for p in parts]) for field in ("pre", "post", "weight"))
    keys, row = np.unique(post * size + pre, return_inverse=True)
    total = np.bincount(row, weight, len(keys)) if len(keys) else np.zeros(0)
    kept = total != 0
    return Synapses(keys[kept] % size, keys[kept] // size, total[kept])
