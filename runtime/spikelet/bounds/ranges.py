"""Proof that the arithmetic of an exact network does not round.

Integers of magnitude up to 2^24 are exact in float32, and so are their sums as long as no partial sum leaves
that range. The partial sums of every channel of every node are bounded for any order of summation, by the sum of
all negative terms and the sum of all positive terms:

    low_c  = sum over inputs of min(w low, w high, 0) + min(b_c, 0)
    high_c = sum over inputs of max(w low, w high, 0) + max(b_c, 0)

A potential lies within v_init + t [low, high]; an engine may store its distance from the threshold instead.
`exact_steps` is the largest T for which no value in the network leaves ±2^24. Engines whose accumulators over time are
wider than float32, while the sums of one time-step stay within ±2^24, are exact for more time-steps:
`exact_steps(graph, limit)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bounds.products import product
from spikelet.errors import GraphError
from spikelet.graph import Graph, once_per_graph
from spikelet.nodes import IF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

EXACT_LIMIT = 2**24  # of float32
INT32_LIMIT = 2**31 - 1
FLOAT64_LIMIT = 2**53
MAX_STEPS = 2**31 - 1
CHUNK = 2**17  # weights converted to float64 at a time

# float64: sums are exact up to 2^53 and grow monotonically beyond, so that comparisons with 2^24 are reliable
Bound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Bounds of a node's output and of its partial sums, per channel.

    low <= 0 <= high, since padding and empty sums are 0.

    Attributes:
        low: (C,) least value.
        high: (C,) greatest value.
    """

    low: Bound
    high: Bound

    @property
    def magnitude(self) -> Bound:
        """Largest magnitude per channel, (C,)."""
        return np.maximum(-self.low, self.high)


@dataclass(frozen=True)
class Accumulator:
    """Bound of an accumulator over time: the potentials of a layer, or the summed logits.

    Attributes:
        node: Name of the node.
        start: (C,) largest magnitude at t = 0.
        per_step: (C,) largest magnitude added per time-step.
    """

    node: str
    start: Bound
    per_step: Bound

    def steps(self, limit: int = EXACT_LIMIT) -> int:
        """Return the largest T for which start + T per_step is within `limit`; 0 if start is beyond float32."""
        if (self.start > EXACT_LIMIT).any():
            return 0
        headroom = limit - self.start
        steps = np.where(self.per_step > 0, headroom // np.maximum(self.per_step, 1), MAX_STEPS)
        return int(min(steps.min(), MAX_STEPS))


def ranges(graph: Graph, limit: float = EXACT_LIMIT) -> dict[str, Range]:
    """Compute the range of every node, by name.

    Args:
        graph: The network.
        limit: Largest magnitude that a sum may have in one time-step.

    Raises:
        GraphError: The network is not exact, or a single time-step can leave the exact range.
    """
    if not graph.exact:
        raise GraphError("graph: a float32 network has no exact range")
    by_node: dict[str, Range] = {}
    for name in graph.order:
        by_node[name] = _range(graph, name, [by_node[source] for source in graph.predecessors[name]])
        magnitude = by_node[name].magnitude
        if (magnitude > limit).any():
            channel = int(magnitude.argmax())
            raise GraphError(
                f"node {name}: the sum of channel {channel} can reach {magnitude[channel]:.0f} in one time-step, "
                f"beyond the exact range of {EXACT_LIMIT}; use fewer bits or smaller weights"
            )
    return by_node


def accumulators(graph: Graph, limit: float = EXACT_LIMIT) -> list[Accumulator]:
    """Return the accumulators over time: the potentials of every spiking layer, and the summed logits.

    Args:
        graph: The network.
        limit: Largest magnitude that a sum may have in one time-step.

    Raises:
        GraphError: As `ranges`.
    """
    bounds, limits = [], ranges(graph, limit)
    for name in graph.spiking:
        node = graph.neuron(name)
        potential = np.abs(node.v_init.astype(np.float64)).reshape(-1, node.copies).max(1)
        start = potential + node.theta.astype(np.float64)
        bounds.append(Accumulator(name, start, limits[graph.predecessors[name][0]].magnitude))
    logits = limits[graph.output_name].magnitude
    bounds.append(Accumulator(graph.output_name, np.zeros_like(logits), logits))
    return bounds


def exact_steps(graph: Graph, limit: int = EXACT_LIMIT) -> int:
    """Return the largest T for which no accumulator can leave ±limit, for any input.

    Args:
        graph: The network.
        limit: Largest magnitude of an accumulator over time: 2^24 for float32, 2^31 - 1 for int32, 2^53 for float64.
            The sums of one time-step are within ±2^24 for all of them.

    Raises:
        GraphError: Not even one time-step is exact. The message names the node.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> graph = bundle.read(shipped.demo()).graph
        >>> exact_steps(graph), exact_steps(graph, INT32_LIMIT)
        (47, 6139)
    """
    return _exact_steps(graph, limit)


@once_per_graph
def _exact_steps(graph: Graph, limit: int) -> int:
    by_node = {accumulator.node: accumulator.steps(limit) for accumulator in accumulators(graph)}
    node, steps = min(by_node.items(), key=lambda item: item[1])
    if steps < 1:
        raise GraphError(
            f"node {node}: its threshold or initial potential lies beyond the exact range of {EXACT_LIMIT}"
        )
    return steps


def _range(graph: Graph, name: str, inputs: list[Range]) -> Range:
    match graph.nodes[name]:
        case Input() as node:
            # includes the pixel itself, before the mean is subtracted
            mean = node.mean.astype(np.float64)
            low, high = np.minimum(node.low - mean, node.low), np.maximum(node.high - mean, node.high)
            return Range(np.minimum(low, 0), np.maximum(high, 0))
        case Conv2d() as node:
            # (groups, C_out / groups, C_in / groups, kh·kw)
            weight = node.weight.reshape(node.groups, -1, node.weight.shape[1], node.weight[0, 0].size)
            return _weighted(weight.transpose(0, 1, 3, 2), inputs[0], node.bias)
        case Linear() as node:
            return _weighted(node.weight[None, :, None], inputs[0], node.bias)
        case Scale() as node:
            return _weighted(node.scale[:, None, None, None], inputs[0], np.zeros_like(node.scale))
        case SumPool2d() as node:
            area = node.kernel[0] * node.kernel[1]
            return Range(inputs[0].low * area, inputs[0].high * area)
        case Add():
            return Range(sum((x.low for x in inputs), np.zeros(1)), sum((x.high for x in inputs), np.zeros(1)))
        case Flatten():
            _, height, width = graph.shapes[graph.predecessors[name][0]]
            return Range(np.repeat(inputs[0].low, height * width), np.repeat(inputs[0].high, height * width))
        case IF() as node:
            return Range(np.zeros(len(node.theta)), np.full(len(node.theta), float(node.copies)))
        case Output():
            return inputs[0]
        case node:
            raise GraphError(f"node {name}: no bound is known for {node.kind}")


def _weighted(weight: Array, x: Range, bias: Array) -> Range:
    """Range of weight x + bias; weight: (groups, C_out / groups, taps, C_in / groups)."""
    groups, outputs, taps, inputs = weight.shape
    x_low, x_high = (end.reshape(groups, -1, 1) for end in (x.low, x.high))
    low, high = np.empty((groups, outputs)), np.empty((groups, outputs))
    # bounds memory: a chunk of the outputs is converted at a time, and a chunk of the taps of a large kernel
    chunk, tap_chunk = max(1, CHUNK // (groups * taps * inputs)), max(1, CHUNK // (groups * inputs))
    for start in range(0, outputs, chunk):
        rows = weight[:, start : start + chunk]
        positive, negative = np.zeros((2, groups, rows.shape[1], inputs))
        for tap in range(0, taps, tap_chunk):
            part = rows[:, :, tap : tap + tap_chunk]
            positive += np.maximum(part, 0).sum(2, dtype=np.float64)
            negative += np.minimum(part, 0).sum(2, dtype=np.float64)
        low[:, start : start + chunk] = (product(positive, x_low) + product(negative, x_high))[..., 0]
        high[:, start : start + chunk] = (product(positive, x_high) + product(negative, x_low))[..., 0]
    wide_bias = bias.astype(np.float64)
    return Range(low.ravel() + np.minimum(wide_bias, 0), high.ravel() + np.maximum(wide_bias, 0))
