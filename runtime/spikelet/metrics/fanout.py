"""Fan-out: for every neuron, the number of synaptic operations that one of its spikes causes.

The fan-out through a convolution is not constant: near a border some kernel taps have no output, and zero weights
cause no operation. Both are separable, so the map of a layer is one product:

    reach[c, h, w] = sum over taps (i, j) of nonzero[c, i, j] A[i, h] B[j, w]

with A[i, h] = 1 if some output row takes input row h through tap i, and B likewise for columns. A spike that
passes a sum pool, a flattening or a sum of spikes becomes one event per window or sum that contains it, so the map
of the subsequent node is propagated back through these nodes by their transpose.

The copies of a neuron share the current of their channel, which is summed once, but each copy fires by itself. Maps
therefore have one entry per copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet.array_fields import ArrayFields
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Linear, Node, Output, Scale, Shape, SumPool2d, Weighted

Map = npt.NDArray[np.int64]

# spikes: 0 or 1. counts: sums of spikes, from a pool or a sum. analog: a value that depends on the image only and
# is constant over the time-steps. current: any other value.
Kind = Literal["spikes", "counts", "analog", "current"]


@dataclass(frozen=True, eq=False, repr=False)
class Site(ArrayFields):
    """A node that performs operations.

    Attributes:
        node: Name of the node.
        kind: Type of the input; for a sum of spikes and currents, the type of the spikes.
        operation: "ac", one addition per event (spikes, counts); "mac" (analog, current); or "add", a sum of analog
            values or currents.
        reach: By spiking layer, (C·copies, …): operations that one spike of each neuron causes here; only for "ac".
        dense: Operations of one evaluation if every input were non-zero, including zero weights.
        nonzero: As `dense`, without zero weights.
        weights: Number of weights of the node.
        copies: Number of neurons from which one connection receives spikes.
    """

    node: str
    kind: Kind
    operation: Literal["ac", "mac", "add"]
    reach: Mapping[str, Map]
    dense: int
    nonzero: int
    weights: int = 0
    copies: int = 1

    @property
    def static(self) -> bool:
        """Whether the operations depend on the image only, so that one evaluation per image is sufficient."""
        return self.kind == "analog"

    @property
    def possible(self) -> int:
        """Operations of a time-step in which every neuron fires."""
        return sum(int(reach.sum()) for reach in self.reach.values())


def sites(graph: Graph) -> tuple[Site, ...]:
    """List every node that adds or multiplies, in topological order.

    A spike that reaches a neuron, the output or a sum of currents without a weight in between is one addition
    there. A constant current that is added at every time-step is part of the neuron update, like a bias.
    """
    kind, copies = kinds(graph), _copies(graph)
    nodes: list[Site] = []
    for name in graph.order:
        node, sources = graph.nodes[name], graph.predecessors[name]
        events = [source for source in sources if kind[source] in ("spikes", "counts")]
        if isinstance(node, Weighted):
            shape, (source,) = graph.shapes[sources[0]], sources
            nonzero, dense = reach(node, shape), int(reach(node, shape, dense=True).sum())
            back = carried_back(graph, source, nonzero) if events else {}
            operation: Literal["ac", "mac"] = "ac" if events else "mac"
            total = int(nonzero.sum())
            nodes.append(Site(name, kind[source], operation, back, dense, total, node.weights.size, copies[source]))
        elif isinstance(node, SumPool2d) and not events:
            count = graph.neurons(name) * node.kernel[0] * node.kernel[1]
            nodes.append(Site(name, kind[sources[0]], "add", {}, count, count))
        elif events and (isinstance(node, IF | Output) or (isinstance(node, Add) and kind[name] == "current")):
            back = {}
            for source in events:
                _merge(back, carried_back(graph, source, np.ones(graph.shapes[source], np.int64)))
            count, most = len(events) * graph.size(events[0]), max(copies[source] for source in events)
            nodes.append(Site(name, kind[events[0]], "ac", back, count, count, copies=most))
    return tuple(nodes)


def _copies(graph: Graph) -> dict[str, int]:
    """Return, by node, the number of copies whose spikes are added to one value; 1 for currents."""
    copies: dict[str, int] = {}
    for name in graph.order:
        node = graph.nodes[name]
        if isinstance(node, SumPool2d | Flatten | Add):
            copies[name] = max(copies[source] for source in graph.predecessors[name])
        else:
            copies[name] = node.copies if isinstance(node, IF) else 1
    return copies


def kinds(graph: Graph) -> dict[str, Kind]:
    """Determine the type of the output of each node."""
    kind: dict[str, Kind] = {}
    for name in graph.order:
        node, inputs = graph.nodes[name], {kind[source] for source in graph.predecessors[name]}
        if isinstance(node, IF):
            kind[name] = "spikes"
        elif name in graph.static:
            kind[name] = "analog"
        elif isinstance(node, Flatten):
            (kind[name],) = inputs
        elif isinstance(node, SumPool2d | Add) and inputs <= {"spikes", "counts"}:
            kind[name] = "counts"
        else:
            kind[name] = "current"
    return kind


def reach(node: Node, shape: Shape, dense: bool = False) -> Map:
    """Count the operations that a 1 at each input of a Conv2d, Linear or Scale causes, (*shape).

    Args:
        node: The layer.
        shape: Shape of the input.
        dense: Whether to count zero weights as well.
    """
    if isinstance(node, Conv2d):
        taps = np.ones(node.weight.shape, np.bool_) if dense else node.weight != 0
        groups, (height, width) = node.groups, node.weight.shape[2:]
        per_tap = taps.reshape(groups, -1, *taps.shape[1:]).sum(1, dtype=np.int64).reshape(-1, height, width)
        rows = _tap_positions(shape[1], height, node.stride[0], node.padding[0])
        columns = _tap_positions(shape[2], width, node.stride[1], node.padding[1])
        fan_out: Map = np.einsum("cij,ih,jw->chw", per_tap, rows, columns, optimize=True)
        return fan_out
    if isinstance(node, Linear):
        return np.full(shape, len(node.weight)) if dense else np.count_nonzero(node.weight, axis=0).astype(np.int64)
    assert isinstance(node, Scale)
    per_channel = np.ones(shape[0], np.int64) if dense else (node.scale != 0).astype(np.int64)
    return np.broadcast_to(per_channel.reshape(-1, *(1,) * (len(shape) - 1)), shape).copy()


def carried_back(graph: Graph, name: str, cost: Map) -> dict[str, Map]:
    """Propagate the cost of a unit at a node back to the spikes that cause it.

    Only pools, sums and flattenings may lie between the spiking layers and the node.

    Args:
        graph: The network.
        name: Name of the node.
        cost: Operations per unit of each of its values, (*shape of the node).

    Returns:
        By spiking layer, (C·copies, …): the cost of one spike of each neuron.
    """
    waiting: dict[str, Map] = {name: cost}
    costs: dict[str, Map] = {}
    for current in reversed(graph.order[: graph.order.index(name) + 1]):
        if current not in waiting:
            continue
        node, cost = graph.nodes[current], waiting.pop(current)
        if isinstance(node, IF):
            costs[current] = np.repeat(cost, node.copies, axis=0)
            continue
        for source in graph.predecessors[current]:
            _merge(waiting, {source: _transposed(node, cost, graph.shapes[source])})
    return costs


def _transposed(node: Node, cost: Map, shape: Shape) -> Map:
    if not isinstance(node, SumPool2d):  # Add, Flatten
        return cost.reshape(shape)
    rows = _windows(shape[1], node.kernel[0], node.stride[0])
    columns = _windows(shape[2], node.kernel[1], node.stride[1])
    spread: Map = np.einsum("cop,oh,pw->chw", cost, rows, columns, optimize=True)
    return spread


def _tap_positions(size: int, kernel: int, stride: int, padding: int) -> Map:
    """Return (kernel, size), 1 where an output uses the input through the tap."""
    outputs = (size + 2 * padding - kernel) // stride + 1
    used = np.zeros((kernel, size), np.int64)
    for tap in range(kernel):
        positions = np.arange(outputs) * stride + tap - padding
        used[tap, positions[(positions >= 0) & (positions < size)]] = 1
    return used


def _windows(size: int, kernel: int, stride: int) -> Map:
    """Return (outputs, size), 1 where an input lies in the window of an output."""
    starts = np.arange((size - kernel) // stride + 1)[:, None] * stride
    positions = np.arange(size)[None]
    return ((positions >= starts) & (positions < starts + kernel)).astype(np.int64)


def _merge(total: dict[str, Map], addend: Mapping[str, Map]) -> None:
    for name, cost in addend.items():
        total[name] = total[name] + cost if name in total else cost
