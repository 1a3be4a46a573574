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
from spikelet.bundle import manifest
from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Conv2d, Flatten, Input, Linear, Node, Output, Scale, Weighted
from spikelet_converters.conversion.scales import Factor, Scales, absorbed

BITS = range(4, 13)


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
    chooser = Scales(graph, bits, coarser or {})
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


def least_bits(graph: Graph) -> int:
    """Return the smallest number of bits, 2 or more, that represents every weight of an exact graph."""
    arrays = [node.weights for node in graph.nodes.values() if isinstance(node, Weighted)]
    extremes = [int(value) for weights in arrays for value in (weights.min(), weights.max())]
    return max(manifest.BITS[0], *(1 + (value if value >= 0 else ~value).bit_length() for value in extremes))


def _synapse(node: Node, weight: Factor, factor: Factor, scale: Factor, bits: int) -> tuple[Node, float]:
    real = absorbed(weight, factor, node) / scale.reshape(-1, *(1,) * (weight.ndim - 1))
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
