"""Expand copies of neurons into channels.

A layer `IF(copies=k)` stands for k plain neurons per channel and pixel, with the same current, threshold and reset and
different initial potentials. `expand` returns the network in which each copy is a channel, copy i of channel c at
c·k + i, as Brian2, NIR and chips require. Layers keep their names; the order and the spikes of their neurons do not
change.

The expansion follows three rules. None of them changes a sum:

    the weights of a layer that reads copies are repeated for each copy; pools, scales and flattenings pass copies on
    the outputs of a convolution or linear layer that feeds only a layer with copies are repeated
    elsewhere (sums, residual branches) a 1x1 convolution with weights of 1 adds the copies of a channel, or repeats a
    current
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import GraphError
from spikelet.graph import MAX_NAME, Edge, Graph, once_per_graph
from spikelet.limits import Limits
from spikelet.nodes import IF, LIF, MAX_ELEMENTS, Add, Conv2d, Flatten, Linear, Node, Scale, Shape, SumPool2d
from spikelet.options import instance, names


def expand(graph: Graph, kept: frozenset[str] = frozenset()) -> Graph:
    """Return the network in which each copy of a neuron is a separate channel.

    Args:
        graph: The network. One without copies is returned as it is.
        kept: Spiking layers whose copies are not expanded.

    Raises:
        UsageError: An argument is of a wrong type.
        GraphError: The expanded network exceeds a limit on sizes.
        CostError: It needs more memory than the limits of the environment permit, see `spikelet.limits`.

    Examples:
        >>> import numpy as np
        >>> from spikelet.nodes import Input, Output
        >>> one = np.ones(1, np.int32)
        >>> neurons = IF(4 * one, np.array([1, 3], np.int32), copies=2)
        >>> nodes = {"x": Input((1,), one), "fc": Linear(one[:, None], one), "if": neurons}
        >>> nodes |= {"last": Linear(one[:, None], one), "y": Output()}
        >>> graph = expand(Graph(nodes, (("x", "fc"), ("fc", "if"), ("if", "last"), ("last", "y"))))
        >>> graph.shapes["if"], graph.synapse("fc").weight.tolist(), graph.synapse("last").weight.tolist()
        ((2,), [[1], [1]], [[1, 1]])
    """
    instance("graph", graph, Graph)
    kept = frozenset(names("kept", kept))
    if all(graph.neuron(name).copies == 1 or name in kept for name in graph.spiking):
        return graph
    return _expanded(graph, kept)


@once_per_graph
def _expanded(graph: Graph, kept: frozenset[str]) -> Graph:
    return expand_layers(graph, set(graph.spiking) - kept, set())


def expand_layers(graph: Graph, layers: Set[str], passing: Set[str]) -> Graph:
    """Return the network with the copies of some layers as channels of their own.

    Args:
        graph: The network.
        layers: Layers whose copies become channels.
        passing: Layers without copies that get a neuron for each copy of the layer before, as the neurons of a max
            pool. A pool, or a convolution of each channel on its own, lies between.

    Raises:
        GraphError: The network exceeds a limit on sizes.
        CostError: It needs more memory than the limits of the environment permit, see `spikelet.limits`.
    """
    Limits().check("the expanded network", 4 * expanded_weights(graph))
    return _Expansion(graph, layers, passing).graph()


def expanded_weights(graph: Graph) -> int:
    """Return an upper bound of the number of weights of the expanded network, without building it."""
    copies: dict[str, int] = {}  # by node: largest number of copies of its value
    total = 0
    for name in graph.order:
        node, shape = graph.nodes[name], graph.shapes[name]
        input_copies = max([1, *(copies[source] for source in graph.predecessors[name])])
        copies[name] = node.copies if isinstance(node, IF) else 1
        if isinstance(node, Conv2d | Linear):
            repeats = max(_copies(graph, target) for target in graph.successors[name])
            total += int(node.weight.size) * input_copies * repeats
        elif isinstance(node, SumPool2d | Flatten | Scale | Add):
            copies[name] = input_copies
        if not isinstance(node, SumPool2d | Flatten | Scale):
            # copies are repeated or added by a convolution for images, and by a matrix for vectors
            most = max(copies[name], input_copies)
            total += 0 if most == 1 else 2 * most * shape[0] * (shape[0] if len(shape) == 1 else 1)
    return total


def free_name(name: str, taken: Set[str], stem: str) -> str:
    """Return a name of a node that is not taken: `name`, shortened to the limit, or the stem with a number."""
    candidate, number = name[-MAX_NAME:].lstrip("0123456789."), 1
    while candidate in taken or not candidate:
        number += 1
        candidate = f"{stem}{number}"
    return candidate


def _copies(graph: Graph, name: str) -> int:
    node = graph.nodes[name]
    return node.copies if isinstance(node, IF) else 1


@dataclass(frozen=True)
class _Value:
    """A value of the expanded network.

    Attributes:
        name: Name of its node.
        shape: Its shape without copies, (C, H, W) or (F,).
        copies: Number of channels for each channel without copies.
        pixels: Distance between the copies of a channel: the pixels per channel of a flattened image, else 1.
    """

    name: str
    shape: Shape
    copies: int = 1
    pixels: int = 1

    @property
    def origins(self) -> npt.NDArray[np.intp]:
        """Channel without copies of each channel, (C·copies,)."""
        channels = np.arange(self.shape[0]).reshape(-1, self.pixels)
        return np.repeat(channels, self.copies, axis=0).reshape(-1)


class _Expansion:
    """The expanded network under construction, see `expand_layers`."""

    def __init__(self, source: Graph, layers: Set[str], passing: Set[str]) -> None:
        self.source, self.layers, self.passing = source, layers, passing
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.sums: dict[str, _Value] = {}

    def graph(self) -> Graph:
        """Return the expanded network."""
        values: dict[str, _Value] = {}
        for name in self.source.order:
            inputs = [values[source] for source in self.source.predecessors[name]]
            values[name] = self._lower(name, self.source.nodes[name], inputs)
        return Graph(self.nodes, tuple(self.edges))

    def _lower(self, name: str, node: Node, inputs: list[_Value]) -> _Value:
        shape = self.source.shapes[name]
        match node:
            case Conv2d() | Linear():
                return self._synapse(name, node, inputs[0])
            case IF():
                return self._neurons(name, node, inputs[0])
            case SumPool2d():
                return self._append(_Value(name, shape, inputs[0].copies), node, inputs)
            case Flatten():
                _, height, width = inputs[0].shape
                return self._append(_Value(name, shape, inputs[0].copies, height * width), node, inputs)
            case Scale():
                node = Scale(node.scale[inputs[0].origins])
                return self._append(replace(inputs[0], name=name), node, inputs)
            case Add() if len({(value.copies, value.copies == 1 or value.pixels) for value in inputs}) == 1:
                return self._append(replace(inputs[0], name=name), node, inputs)
        return self._append(_Value(name, shape), node, [self._summed(value) for value in inputs])

    def _synapse(self, name: str, node: Conv2d | Linear, value: _Value) -> _Value:
        weight, bias, copies = node.weight, node.bias, self._repeats(name)
        if isinstance(node, Conv2d) and any(target in self.passing for target in self.source.successors[name]):
            wide = replace(node, weight=np.repeat(weight, value.copies, axis=0), bias=np.repeat(bias, value.copies))
            wide = replace(wide, groups=node.groups * value.copies)
            return self._append(_Value(name, self.source.shapes[name], value.copies), wide, [value])
        if value.copies > 1:
            weight = weight[:, value.origins] if isinstance(node, Linear) else np.repeat(weight, value.copies, axis=1)
        if copies > 1:
            weight, bias = np.repeat(weight, copies, axis=0), np.repeat(bias, copies)
        node = replace(node, weight=np.ascontiguousarray(weight), bias=bias)
        return self._append(_Value(name, self.source.shapes[name], copies), node, [value])

    def _repeats(self, name: str) -> int:
        """Return how often a layer's outputs are repeated: the copies of the only layer that reads it, or 1."""
        targets = self.source.successors[name]
        return _copies(self.source, targets[0]) if len(targets) == 1 and targets[0] in self.layers else 1

    def _neurons(self, name: str, node: IF, current: _Value) -> _Value:
        source = self.source.predecessors[name][0]
        if name in self.passing:
            theta, v_init = (np.repeat(values, current.copies) for values in (node.theta, node.v_init))
            return self._append(replace(current, name=name), replace(node, theta=theta, v_init=v_init), [current])
        if not isinstance(self.source.nodes[source], Conv2d | Linear) or self._repeats(source) == 1:
            current = self._summed(current)
            if node.copies > 1 and name in self.layers:
                by_copy = replace(current, copies=node.copies, pixels=1)
                current = self._appended_ones(f"{name}.current", by_copy, current)
        if name not in self.layers:
            return self._append(_Value(name, self.source.shapes[name]), node, [current])
        theta = node.by_copy(node.theta)
        if isinstance(node, LIF):
            plain: IF = replace(node, theta=theta, copies=1, decay=node.by_copy(node.decay))
        else:
            plain = replace(node, theta=theta, copies=1)
        return self._append(_Value(name, self.source.shapes[name], node.copies), plain, [current])

    def _summed(self, value: _Value) -> _Value:
        """Return the sum over the copies of each channel, appended on first use."""
        if value.copies == 1:
            return value
        if value.name not in self.sums:
            total = replace(value, copies=1)
            self.sums[value.name] = self._appended_ones(f"{value.name}.sum", total, value)
        return self.sums[value.name]

    def _appended_ones(self, name: str, out: _Value, value: _Value) -> _Value:
        """Append a layer with weights of 1, from a channel to its copies or from copies to their channel."""
        rows, columns = out.shape[0] * out.copies, value.shape[0] * value.copies
        exact = self.source.exact
        bias = np.zeros(rows, np.int32 if exact else np.float32)
        if len(value.shape) == 3:
            weight = np.ones((rows, value.copies, 1, 1), np.int8 if exact else np.float32)
            node: Node = Conv2d(weight, bias, groups=value.shape[0])
        elif rows * columns > MAX_ELEMENTS:
            raise GraphError(
                f"node {value.name}: copies of {value.shape[0]} values cannot be expanded, since that takes "
                f"{rows * columns} weights; use fewer copies"
            )
        else:
            same = out.origins[:, None] == value.origins
            node = Linear(same.astype(np.int8 if exact else np.float32), bias)
        return self._append(
            replace(out, name=free_name(name, self.source.nodes.keys() | self.nodes.keys(), "copies")), node, [value]
        )

    def _append(self, value: _Value, node: Node, inputs: list[_Value]) -> _Value:
        self.nodes[value.name] = node
        self.edges += [(source.name, value.name) for source in inputs]
        return value
