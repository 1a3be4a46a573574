"""Scales of a quantised network: the value of one unit of each channel of each node.

Layers whose currents meet in an Add, and layers that reach the logits, share scales; the formula is in `quantise`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, SumPool2d, Weighted

# largest ratio of threshold to weight scale; rounding errors of smaller weights cannot cause a spike alone
NEGLIGIBLE = 2**11
FINE = 2**10  # smallest threshold, in units of a sum of other weights, for which this unit is kept
LARGEST_THRESHOLD = 2**22  # of a layer whose inputs are sums, not spikes: its weights are small relative to theta
WHOLE = 1e-5  # largest difference of a multiple from an integer
PROBE = 16  # weights of each channel that are compared first
Factor = npt.NDArray[np.float64]


def _weights(node: Weighted) -> Factor:
    """Return the weights of a layer as (C_out, …), of at least two axes."""
    weights = node.weights[:, None] if isinstance(node, Scale) else node.weights
    return np.asarray(weights, np.float64)


class Scales:
    """Scales of the nodes of a graph, chosen layer by layer.

    Attributes:
        weights: Weights of the layers, (C_out, …).
        scales: Per node, the value of one unit of each channel, (C,).
        coarser: Factors on the scales of layers, (C,) or (1,).
    """

    def __init__(self, graph: Graph, bits: int, coarser: Mapping[str, Factor]) -> None:
        self.graph = graph
        self.coarser = coarser
        self.most = 2 ** (bits - 1) - 1
        self.weights = {name: _weights(node) for name, node in graph.nodes.items() if isinstance(node, Weighted)}
        self.scales: dict[str, Factor] = {}

    def unit(self, name: str, pending: tuple[str, ...] = ()) -> Factor:
        """Return the value of one unit of each output channel of a node, (C,); 1 for spikes and pixels.

        Args:
            name: The node.
            pending: Layers whose scales depend on this one.

        Raises:
            ConversionError: The scale of a layer depends on itself.
        """
        if name in self.scales:
            return self.scales[name]
        if name in pending:
            raise ConversionError(
                f"{name}: its current reaches the same Add directly and through other weights; put neurons between them"
            )
        node = self.graph.nodes[name]
        if name in self.weights:
            self._choose(name, pending)
            return self.scales[name]
        if isinstance(node, IF):
            return np.ones(len(node.theta))
        source = self.graph.predecessors[name][0]
        unit = self.unit(source, pending)
        return np.repeat(unit, int(np.prod(self.graph.shapes[source][1:]))) if isinstance(node, Flatten) else unit

    def _choose(self, name: str, pending: tuple[str, ...]) -> None:
        """Set s_c for a layer and for all layers whose currents meet its current in an Add."""
        group, uniform, theta = _group(self.graph, name)
        pending = (*pending, *group)
        absolute = []
        for member in group:
            unit = self.unit(self.graph.predecessors[member][0], pending)
            weight = np.abs(absorbed(self.weights[member], unit, self.graph.nodes[member]))
            absolute.append(weight.reshape(len(weight), -1))
        scale = None
        chained = any(_sums(self.graph, self.graph.predecessors[member][0]) for member in group)
        plain = theta is None and not any(_has_bias(self.graph.nodes[member]) for member in group)
        if not uniform and (plain or (chained and theta is not None)):
            scale = _common_divisor(np.concatenate(absolute, axis=1), self.most)
        if scale is not None and theta is not None and (theta < FINE * scale).any():
            scale = None  # a threshold of few units would be rounded too much
        if scale is None:
            scale = (
                _largest(absolute, uniform, theta, LARGEST_THRESHOLD / self.most if chained else NEGLIGIBLE) / self.most
            )
        coarser = [self.coarser[member] for member in group if member in self.coarser]
        if coarser:
            factor = np.max([np.broadcast_to(factor, len(scale)) for factor in coarser], axis=0)
            scale = scale * (factor.max() if uniform else factor)
        for member in group:
            self.scales[member] = scale


def _sums(graph: Graph, name: str) -> bool:
    """Return whether a value is a sum of other weights, which is larger than a spike or a pixel."""
    while isinstance(graph.nodes[name], SumPool2d | Flatten):
        (name,) = graph.predecessors[name]
    return not isinstance(graph.nodes[name], IF | Input)


def _largest(weights: list[Factor], uniform: bool, theta: Factor | None, most: float) -> Factor:
    """Return the value that is represented by the largest integer of each channel, (C,).

    Args:
        weights: Absolute weights of layers whose currents meet, (C, …).
        uniform: Whether all channels share one scale.
        theta: Threshold of the neurons that the currents feed.
        most: Largest ratio of the threshold to the weights.
    """
    largest = np.max([weight.max(1) for weight in weights], axis=0)
    if uniform:
        largest[:] = largest.max()
    # A channel with zero weights still has a bias and a threshold; its scale must resolve both.
    silent = largest == 0
    largest[silent] = theta[silent] if theta is not None else 1.0
    if theta is not None and not uniform:
        # With the scale of vanishing weights, the threshold would leave the exact range.
        largest = np.maximum(largest, theta / most)
    return largest


def _has_bias(node: Node) -> bool:
    return isinstance(node, Conv2d | Linear) and bool(node.bias.any())


def _common_divisor(weights: Factor, most: int) -> Factor | None:
    """Return a divisor per channel, (C,), of weights (C, …) with quotients of 0…most, or None if a channel has none.

    Multiples are compared up to the rounding of float32 weights.
    """
    largest = weights.max(1)
    if not (largest > 0).all():
        return None
    first = weights[:, :PROBE]  # most weights have no divisor, and few of them show that
    for count in range(1, most + 1):
        factor = (count / largest)[:, None]
        if _are_whole(first * factor) and _are_whole(weights * factor):
            return largest / count
    return None


def _are_whole(values: Factor) -> bool:
    return bool(np.abs(values - np.rint(values)).max() <= WHOLE)


def _group(graph: Graph, name: str) -> tuple[list[str], bool, Factor | None]:
    """Return (layers that meet `name` in Adds, whether they reach the logits, threshold of the neurons they feed)."""
    group, theta = [], None
    seen = {name}
    pending = [name]
    while pending:
        member = pending.pop()
        if isinstance(graph.nodes[member], Add):
            neighbours = list(graph.predecessors[member])
        else:
            group.append(member)
            neighbours = []
        for target in graph.successors[member]:
            node = graph.nodes[target]
            if isinstance(node, IF):
                theta = np.asarray(node.theta, np.float64)
            elif isinstance(node, Add):
                neighbours.append(target)
        for neighbour in neighbours:
            if not isinstance(graph.nodes[neighbour], Add | Weighted):
                raise ConversionError(
                    f"{neighbour} ({graph.nodes[neighbour].kind}) feeds an Add: put a Scale between them"
                )
            if neighbour not in seen:
                seen.add(neighbour)
                pending.append(neighbour)
    return group, _reaches_logits(graph, name), theta


def _reaches_logits(graph: Graph, name: str) -> bool:
    """Return whether a current reaches the logits without passing through neurons or other weights."""
    return any(
        isinstance(graph.nodes[target], Output)
        or (isinstance(graph.nodes[target], Add | Flatten | SumPool2d) and _reaches_logits(graph, target))
        for target in graph.successors[name]
    )


def absorbed(weight: Factor, factor: Factor, node: Node) -> Factor:
    """Scale the weights so that their inputs are whole units."""
    if isinstance(node, Scale):
        return weight * factor[:, None]
    if isinstance(node, Conv2d):
        per_output = np.repeat(factor.reshape(node.groups, -1), len(weight) // node.groups, axis=0)
        return weight * per_output[:, :, None, None]
    return weight * factor
