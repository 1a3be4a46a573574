"""Quantise a float32 graph to an exact graph of integers.

Each output channel of a layer has one scale s_c. Weights, bias, threshold and initial potential are whole multiples
of it:

    w = round(W_c / s_c),  b = round(b_c / s_c),  theta = round(theta_c / s_c),  v_init = theta // 2
    s_c = max(max |W_c|, theta_c / 2^11) / (2^(bits-1) - 1)

Weights that are whole multiples of one number, such as the windows of a padded average pool, keep these small integers
if the layer has no bias and its currents reach neither neurons nor logits directly.

A neuron only compares its potential with its threshold, so dividing both by s_c does not change its spikes; only
rounding does. Currents that meet in an Add share s_c, and all logits share one scale, so that they can be compared. The
result is proven to stay within ±2^24 (`spikelet.bounds.ranges`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import EXACT_LIMIT, exact_steps
from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, SumPool2d

BITS = range(4, 13)
# largest ratio of threshold to weight scale; rounding errors of smaller weights cannot cause a spike alone
NEGLIGIBLE = 2**11
FINE = 2**10  # smallest threshold, in units of a sum of other weights, for which this unit is kept
LARGEST_THRESHOLD = 2**22  # of a layer whose inputs are sums, not spikes: its weights are small relative to theta
WHOLE = 1e-5  # largest difference of a multiple from an integer
PROBE = 16  # weights of each channel that are compared first
SYNAPSES = (Conv2d, Linear, Scale)
Factor = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantised:
    """A quantised network.

    Attributes:
        graph: The exact graph.
        scales: Per node, the value of one unit of each channel in the source network, (C,).
        weight_error: Per layer, root mean square rounding error relative to the root mean square of the weights.
        bits: Bits of the weights of layers with fewer than the requested bits.
        limit: Magnitude within which the accumulators are proven, see `spikelet_converters.conversion.fitting`.
    """

    graph: Graph
    scales: dict[str, Factor]
    weight_error: dict[str, float]
    bits: dict[str, int] = field(default_factory=dict)
    limit: int = EXACT_LIMIT


def quantise(graph: Graph, bits: int = 8, coarser: Mapping[str, Factor] | None = None) -> Quantised:
    """Quantise a float32 graph.

    Args:
        graph: float32 graph.
        bits: Bits of the weights, 4…12.
        coarser: Factors of 1 or more on the scales of layers, (C,) or (1,). Ranges are not checked then.

    Raises:
        ConversionError: Bits out of range, a LIF neuron, or a layer whose sums leave the exact range within one
            time-step. The message names the layer.
    """
    if bits not in BITS:
        raise ConversionError(f"bits: expected {BITS.start}…{BITS.stop - 1}, found {bits}")
    chooser = _Scales(graph, bits, coarser or {})
    nodes: dict[str, Node] = {}
    errors: dict[str, float] = {}
    scales = chooser.scales
    for name in graph.order:
        inputs = [scales[source] for source in graph.predecessors[name]]
        if name in chooser.weights:
            scale = chooser.unit(name)
            nodes[name], errors[name] = _synapse(graph.nodes[name], chooser.weights[name], inputs[0], scale, bits)
        else:
            nodes[name], scales[name] = _without_weights(graph, name, inputs)
    exact = Graph(nodes, graph.edges)
    if coarser is not None:
        return Quantised(exact, scales, errors)
    try:
        exact_steps(exact)
    except GraphError as error:
        raise ConversionError(f"the quantised network is not exact: {error}") from None
    return Quantised(exact, scales, errors)


def _weights(graph: Graph, name: str) -> Factor:
    """Return the weights of a layer as (C_out, …)."""
    node = graph.nodes[name]
    value = node.scale[:, None] if isinstance(node, Scale) else node.weight  # type: ignore[attr-defined]
    return np.asarray(value, np.float64)


class _Scales:
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
        self.weights = {name: _weights(graph, name) for name in graph.order if isinstance(graph.nodes[name], SYNAPSES)}
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
            weight = np.abs(_absorb(self.weights[member], unit, self.graph.nodes[member]))
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
            if not isinstance(graph.nodes[neighbour], Add | Conv2d | Linear | Scale):
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


def _absorb(weight: Factor, factor: Factor, node: Node) -> Factor:
    """Scale the weights so that their inputs are whole units."""
    if isinstance(node, Scale):
        return weight * factor[:, None]
    if isinstance(node, Conv2d):
        per_output = np.repeat(factor.reshape(node.groups, -1), len(weight) // node.groups, axis=0)
        return weight * per_output[:, :, None, None]
    return weight * factor


def _synapse(node: Node, weight: Factor, factor: Factor, scale: Factor, bits: int) -> tuple[Node, float]:
    real = _absorb(weight, factor, node) / scale.reshape(-1, *(1,) * (weight.ndim - 1))
    whole = np.rint(real)
    error = float(np.sqrt(np.square(whole - real).mean() / max(np.square(real).mean(), np.finfo(float).tiny)))
    stored = whole.astype(np.int8 if bits <= 8 else np.int16)
    if isinstance(node, Scale):
        return Scale(stored[:, 0]), error
    assert isinstance(node, Conv2d | Linear)
    bias = _int32(np.rint(node.bias / scale))
    if isinstance(node, Conv2d):
        return Conv2d(stored, bias, node.stride, node.padding, node.groups), error
    return Linear(stored, bias), error


def _without_weights(graph: Graph, name: str, inputs: list[Factor]) -> tuple[Node, Factor]:
    node = graph.nodes[name]
    match node:
        case Input():
            return Input(node.shape, np.rint(node.mean).astype(np.int16), node.low, node.high), np.ones(len(node.mean))
        case LIF():
            raise ConversionError(f"neuron {name}: an exact LIF leaks by a shift; convert with --float32")
        case IF():
            theta = np.maximum(np.rint(node.theta / inputs[0]), 1)
            v_init = np.where(2 * node.v_init == node.theta, theta // 2, np.rint(node.v_init / inputs[0]))
            return IF(_int32(theta), _int32(v_init), node.reset, node.tie), np.ones(len(theta))
        case Flatten():
            _, height, width = graph.shapes[graph.predecessors[name][0]]
            return node, np.repeat(inputs[0], height * width)
        case Output():
            return Output(float(inputs[0][0])), inputs[0]
        case _:
            return node, inputs[0]


def _int32(value: Factor) -> npt.NDArray[np.int32]:
    # Clipping keeps the cast defined; the range proof refuses values beyond 2^24.
    return np.clip(value, -(2**31), 2**31 - 1).astype(np.int32)
