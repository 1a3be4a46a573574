"""From a float32 graph to an exact one: integers that no engine can round.

Each output channel of a layer has one scale s_c, and its weights, bias, threshold and initial potential are
whole multiples of it:

    w = round(W_c / s_c),  b = round(b_c / s_c),  theta = round(theta_c / s_c),  v_init = theta // 2
    s_c = max(max |W_c|, theta_c / 2^11) / (2^(bits-1) - 1)

Since a neuron only compares its potential with its threshold, dividing both by s_c changes nothing; what is
lost is the rounding. Where currents meet in an Add they share s_c; all logits share one scale, so that they can
be compared. The result is proven not to leave ±2^24 (`spikelet.ranges`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, SumPool2d
from spikelet.ranges import exact_steps

BITS = range(4, 13)
NEGLIGIBLE = 2**11  # a weight of so many to a threshold: what rounding it takes away never makes a spike alone
Factor = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantised:
    """graph: the exact network. scales: by node, what one unit of a channel is worth in the float network, (C,).

    weight_error: by layer, root mean square of what rounding changed, relative to that of the weights.
    """

    graph: Graph
    scales: dict[str, Factor]
    weight_error: dict[str, float]


def quantise(graph: Graph, bits: int = 8) -> Quantised:
    """The exact form of a float32 graph.

    Raises:
        ConversionError: bits out of 4…12, a neuron whose leak is no shift, or a layer whose sums leave the
            exact range within one time-step; names the layer.
    """
    if bits not in BITS:
        raise ConversionError(f"bits: expected {BITS.start}…{BITS.stop - 1}, got {bits}")
    weights = {name: _weights(graph, name) for name in graph.order if isinstance(graph.nodes[name], _SYNAPSES)}
    scales: dict[str, Factor] = {}
    nodes: dict[str, Node] = {}
    errors: dict[str, float] = {}
    for name in graph.order:
        inputs = [scales[source] for source in graph.predecessors[name]]
        if name in weights:
            if name not in scales:
                _choose_scales(graph, name, weights, scales, bits)
            nodes[name], errors[name] = _synapse(graph.nodes[name], weights[name], inputs[0], scales[name], bits)
        else:
            nodes[name], scales[name] = _other(graph, name, inputs)
    exact = Graph(nodes, graph.edges)
    try:
        exact_steps(exact)
    except GraphError as error:
        raise ConversionError(f"the quantised network is not exact: {error}") from None
    return Quantised(exact, scales, errors)


_SYNAPSES = (Conv2d, Linear, Scale)


def _weights(graph: Graph, name: str) -> Factor:
    """A layer's weights as (C_out, …)."""
    node = graph.nodes[name]
    value = node.scale[:, None] if isinstance(node, Scale) else node.weight  # type: ignore[attr-defined]
    return np.asarray(value, np.float64)


def _choose_scales(graph: Graph, name: str, weights: dict[str, Factor], scales: dict[str, Factor], bits: int) -> None:
    """Set s_c for a layer and for all whose currents meet its own in an Add."""
    group, uniform, theta = _group(graph, name)
    largest = np.zeros(len(weights[name]))
    for member in group:
        unit = _unit(graph, graph.predecessors[member][0], scales)
        weight = np.abs(_absorb(weights[member], unit, graph.nodes[member]))
        largest = np.maximum(largest, weight.reshape(len(largest), -1).max(1))
    if uniform:
        largest[:] = largest.max()
    # a channel without weights still has a bias and a threshold: give it a unit fine enough for both
    silent = largest == 0
    largest[silent] = theta[silent] if theta is not None else 1.0
    if theta is not None and not uniform:
        # one that batch norm shrank to nothing: in units as fine as its weights, its threshold leaves the exact range
        largest = np.maximum(largest, theta / NEGLIGIBLE)
    scale = largest / (2 ** (bits - 1) - 1)
    for member in group:
        scales[member] = scale


def _group(graph: Graph, name: str) -> tuple[list[str], bool, Factor | None]:
    """(layers that meet `name` in Adds, whether they reach the logits, the threshold of the neurons they feed)."""
    group, theta = [], None
    seen = {name}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if isinstance(graph.nodes[each], Add):
            met = list(graph.predecessors[each])
        else:
            group.append(each)
            met = []
        for target in graph.successors[each]:
            node = graph.nodes[target]
            if isinstance(node, IF):
                theta = np.asarray(node.theta, np.float64)
            elif isinstance(node, Add):
                met.append(target)
        for other in met:
            if not isinstance(graph.nodes[other], Add | Conv2d | Linear | Scale):
                raise ConversionError(f"{other} ({graph.nodes[other].kind}) feeds an Add: put a Scale between them")
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return group, _reaches_logits(graph, name), theta


def _reaches_logits(graph: Graph, name: str) -> bool:
    """Whether a current gets to the logits without passing a neuron or other weights."""
    return any(
        isinstance(graph.nodes[target], Output)
        or (isinstance(graph.nodes[target], Add | Flatten | SumPool2d) and _reaches_logits(graph, target))
        for target in graph.successors[name]
    )


def _unit(graph: Graph, name: str, scales: dict[str, Factor]) -> Factor:
    """What one unit of each channel that a node sends on is worth; a spike and a pixel are worth 1."""
    if name in scales:
        return scales[name]
    match graph.nodes[name]:
        case IF() as node:
            return np.ones(len(node.theta))
        case SumPool2d():
            return _unit(graph, graph.predecessors[name][0], scales)
        case Flatten():
            source = graph.predecessors[name][0]
            return np.repeat(_unit(graph, source, scales), int(np.prod(graph.shapes[source][1:])))
    raise ConversionError(
        f"{name}: its current goes through other weights to an Add that it also reaches sooner; put a neuron between"
    )


def _absorb(weight: Factor, factor: Factor, node: Node) -> Factor:
    """Weights that take whole units instead of real values."""
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


def _other(graph: Graph, name: str, inputs: list[Factor]) -> tuple[Node, Factor]:
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
    # the proof refuses whatever is beyond 2^24; clipping only keeps the cast defined until then
    return np.clip(value, -(2**31), 2**31 - 1).astype(np.int32)
