"""Copies of neurons instead of time-steps: k neurons per channel fire as often in T time-steps as one neuron in k T.

The copies i = 0…k-1 of a neuron with threshold theta and initial potential v0 start at

    v_i = floor((i theta + v0) / k)

and share its current. For a constant current x of 0…theta, reset by subtraction and 0 <= v0 < theta, copy i has fired
floor((v_i + T x) / theta) times after T time-steps. The sum over the copies is, with y = T x / theta + v0 / (k theta),

    sum over i of floor(y + i / k) = floor(k y) = floor((k T x + v0) / theta)

by Hermite's identity; that is the spike count of the one neuron after k T time-steps. The floor in v_i changes nothing,
since theta and x are integers: floor((floor(a) + n) / m) = floor((a + n) / m). With currents below 0 neither
fires, and with currents of theta or more both fire at every time-step. With v0 = theta / 2 and T = 1 the layer is the
quantiser clip(floor(k x / theta + 1/2), 0, k), so that the network is the one with k levels that was trained.

A spike of a copy counts 1/k of a spike. The weights are unchanged, so currents are k times as large, and biases,
thresholds and initial potentials are multiplied by k. The scale of the logits is divided by k.

    node                        factor of its value
    Input                       1
    IF                          k, its own number of copies
    Conv2d, Linear, SumPool2d, Scale, Flatten, LI    that of their input
    Add                         that of its inputs; the least common multiple where they differ, by a Scale

The identity requires reset by subtraction and no leak. Other neurons are refused, except those of a max pool.

A max pool of copies takes the maximum copy by copy. The copies of the layer before become channels of their own, since
the neurons of the pool must distinguish them; the number of spikes of its channels is then the largest number of copies
in the window that fire, for T = 1: a copy fires whenever a copy with a lower initial potential fires.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.bounds.ranges import exact_steps
from spikelet.copies import expand_layers, free_name
from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Edge, Graph
from spikelet.nodes import IF, MAX_COPIES, Add, Array, Conv2d, Linear, Node, Output, Scale
from spikelet_converters.maxima import maxima

Start = Literal["trained", "half"]
STARTS: tuple[Start, ...] = ("trained", "half")
INT32 = 2**31 - 1
Values = npt.NDArray[np.float64]


def with_copies(graph: Graph, copies: int | Mapping[str, int], start: Start = "half") -> Graph:
    """Return the network with copies of its neurons.

    Args:
        graph: The network, exact or float32, of IF neurons with reset by subtraction.
        copies: Number of copies of every neuron, 1…255; or by layer, where layers that are not named keep one.
        start: "half" takes v0 = theta / 2, the rounding of the quantisers that were trained; "trained" takes the
            initial potentials of the network, which compensate errors of small T.

    Raises:
        UsageError: `graph` or `start` is of a wrong type.
        ConversionError: A layer is unknown, leaks, resets to zero or has copies already; a number is out of range; or
            the result leaves the range in which integers are exact.

    Examples:
        >>> import numpy as np
        >>> from spikelet.nodes import Input
        >>> one = np.ones(1, np.int32)
        >>> nodes = {"x": Input((1,), one), "if": IF(8 * one, 4 * one), "fc": Linear(one[:, None], one), "y": Output()}
        >>> graph = with_copies(Graph(nodes, (("x", "if"), ("if", "fc"), ("fc", "y"))), 2)
        >>> graph.neuron("if").v_init.tolist(), graph.synapse("fc").bias.tolist(), graph.output.scale
        ([2, 6], [2], 0.5)
    """
    options.instance("graph", graph, Graph)
    options.choice("start", start, STARTS)
    pools = maxima(graph)
    numbers = _numbers(graph, copies, pools)
    for name in graph.spiking:
        if name not in pools:
            _check(name, graph.neuron(name), numbers[name])
    copied = _Copies(graph, numbers, start, pools).graph()
    expanded = {source for pool in pools.values() for source in graph.predecessors[pool] if numbers[source] > 1}
    if expanded:
        try:
            copied = expand_layers(copied, expanded, set(pools))
        except GraphError as error:
            raise ConversionError(f"copies: {error}") from None
    if copied.exact:
        try:
            exact_steps(copied)
        except GraphError as error:
            raise ConversionError(f"copies: the result is not exact: {error}; use fewer copies or fewer bits") from None
    return copied


def _numbers(graph: Graph, copies: int | Mapping[str, int], pools: Mapping[str, str]) -> dict[str, int]:
    """Return the number of copies by layer; a max pool has those of the layer before."""
    if isinstance(copies, Mapping):
        for name in copies:
            if copies[name] != 1 and name in pools:
                raise ConversionError(f"copies: {name} takes maxima, and has as many copies as the layer before it")
            if name not in graph.spiking:
                layers = ", ".join(graph.spiking)
                raise ConversionError(
                    f"copies: {options.shown(name)} is not a spiking layer of this network; its layers: {layers}"
                )
        stated = {name: copies.get(name, 1) for name in graph.spiking}
    else:
        stated = dict.fromkeys(graph.spiking, copies)
    by_layer = {name: options.integer(number) or 0 for name, number in stated.items()}
    for name, number in by_layer.items():
        if not 1 <= number <= MAX_COPIES:
            found = options.shown(stated[name])
            raise ConversionError(f"copies of {name}: expected a whole number of 1…{MAX_COPIES}, found {found}")
    for name in graph.spiking:
        if name in pools:
            (source,) = graph.predecessors[pools[name]]
            by_layer[name] = by_layer[source]
    return by_layer


def _check(name: str, node: IF, copies: int) -> None:
    """Raise ConversionError if copies are not equivalent to one neuron with more time-steps."""
    if node.copies > 1:
        raise ConversionError(
            f"{name}: has {node.copies} copies of each neuron already; start from the network without copies"
        )
    if copies == 1:
        return
    if node.kind != "IF":
        raise ConversionError(
            f"{name}: {node.kind} neurons leak, so their spike count depends on when a current arrives; copies replace "
            "time-steps of IF neurons only"
        )
    if node.reset != "subtract":
        raise ConversionError(
            f"{name}: neurons reset to {node.reset} lose what exceeds the threshold, so copies send other counts than "
            "time-steps; copies need reset by subtraction"
        )


@dataclass(frozen=True)
class _Value:
    """A value of the new network, and its factor relative to the network without copies."""

    name: str
    factor: int


class _Copies:
    """Builder of the network with copies."""

    def __init__(self, source: Graph, copies: Mapping[str, int], start: Start, pools: Mapping[str, str]) -> None:
        self.source, self.copies, self.start, self.pools = source, copies, start, pools
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def graph(self) -> Graph:
        """Return the network."""
        values: dict[str, _Value] = {}
        for name in self.source.order:
            inputs = [values[source] for source in self.source.predecessors[name]]
            node = self.source.nodes[name]
            if isinstance(node, Add):
                factor = math.lcm(*(value.factor for value in inputs))
                inputs = [self._scaled(value, factor) for value in inputs]
            factor = inputs[0].factor if inputs else 1
            self.nodes[name] = node if name in self.pools else self._node(name, node, factor)
            self.edges += [(value.name, name) for value in inputs]
            values[name] = _Value(name, self.copies[name] if isinstance(node, IF) else factor)
        try:
            return Graph(self.nodes, tuple(self.edges))
        except GraphError as error:
            raise ConversionError(f"copies: {error}") from None

    def _node(self, name: str, node: Node, factor: int) -> Node:
        match node:
            case Conv2d() | Linear():
                return replace(node, bias=_times(f"{name}.bias", node.bias, factor))
            case IF():
                return self._neuron(name, node, factor)
            case Output():
                return Output(node.scale / factor)
        return node

    def _neuron(self, name: str, node: IF, factor: int) -> IF:
        theta, v_init, copies = _times(f"{name}.theta", node.theta, factor), node.v_init, self.copies[name]
        if copies == 1 and self.start == "trained":
            return replace(node, theta=theta, v_init=_times(f"{name}.v_init", v_init, factor))
        return replace(node, theta=theta, v_init=self._staggered(node, theta, factor, copies), copies=copies)

    def _staggered(self, node: IF, theta: Array, factor: int, copies: int) -> Array:
        """Return the initial potentials of all copies, (C·copies,)."""
        # twice the potentials, so that half an odd threshold is a whole number
        doubled, threshold = 2.0 * factor * node.v_init.astype(np.float64), theta.astype(np.float64)
        exact = theta.dtype != np.float32
        halved = node.v_init == (node.theta // 2 if exact else node.theta / 2)
        doubled = np.where(halved | (self.start == "half"), threshold, doubled)
        potentials: Values = (2 * np.arange(copies) * threshold[:, None] + doubled[:, None]) / (2 * copies)
        if exact:
            potentials = np.floor(potentials) if node.tie == ">=" else np.ceil(potentials)
        return potentials.reshape(-1).astype(theta.dtype)

    def _scaled(self, value: _Value, factor: int) -> _Value:
        """Return the value multiplied by a whole number, so that its factor is `factor`."""
        if value.factor == factor:
            return value
        number = factor // value.factor
        name = free_name(f"{value.name}.times{number}", self.source.nodes.keys() | self.nodes.keys(), "times")
        channels = self.source.shapes[value.name][0]
        kind = np.int8 if number < 2**7 else np.int16
        self.nodes[name] = Scale(np.full(channels, number, kind if self.source.exact else np.float32))
        self.edges.append((value.name, name))
        return _Value(name, factor)


def _times(parameter: str, values: Array, factor: int) -> Array:
    """Multiply a parameter; integers become int32 where they are multiplied."""
    if factor == 1:
        return values
    if values.dtype == np.float32:
        return values * np.float32(factor)
    product = values.astype(np.int64) * factor
    if np.abs(product).max() > INT32:
        raise ConversionError(f"{parameter}: {factor} times its values exceeds 32 bits; use fewer copies or fewer bits")
    return product.astype(np.int32)
