"""The proof that an exact network stays exact.

Integers of magnitude up to 2^24 are exact in float32, and so are their sums as long as no partial sum leaves
that range. For every channel of every node the least and the greatest partial sum are bounded, whatever the
order of the sum: all that is negative together, and all that is positive.

    low_c  = sum over inputs of min(w low, w high, 0) + min(b_c, 0)
    high_c = sum over inputs of max(w low, w high, 0) + max(b_c, 0)

A potential lies within v_init + t [low, high], and an engine may hold its distance from the threshold
instead. `exact_steps` is the largest T for which nothing in the network leaves ±2^24.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.errors import GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

EXACT_LIMIT = 2**24
MAX_STEPS = 2**31 - 1
CHUNK = 2**17  # weights that are widened at a time

# float64: sums up to 2^53 are exact and beyond that only grow, so a comparison with 2^24 cannot be fooled
Bound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Least and greatest value of each channel, (C,), of a node's output and of any partial sum inside it.

    low <= 0 <= high: padding, and a sum that has not begun, are zero.
    """

    low: Bound
    high: Bound

    @property
    def magnitude(self) -> Bound:
        """(C,) the larger of both ends."""
        return np.maximum(-self.low, self.high)


@dataclass(frozen=True)
class Accumulator:
    """The bound of one accumulator that lasts over time: a layer's potentials, or the summed logits.

    start: (C,) largest magnitude at t = 0. per_step: (C,) largest magnitude added at a time-step.
    """

    node: str
    start: Bound
    per_step: Bound

    def steps(self, limit: int = EXACT_LIMIT) -> int:
        """The largest T at which |value| <= start + T per_step stays within `limit`."""
        room = limit - self.start
        if (room < 0).any():
            return 0
        steps = np.where(self.per_step > 0, room // np.maximum(self.per_step, 1), MAX_STEPS)
        return int(min(steps.min(), MAX_STEPS))


def ranges(graph: Graph) -> dict[str, Range]:
    """The range of every node.

    Raises:
        GraphError: the network is not exact, or one time-step alone can leave the exact range.
    """
    if not graph.exact:
        raise GraphError("graph: a float32 network has no exact range")
    found: dict[str, Range] = {}
    for name in graph.order:
        found[name] = _range(graph, name, [found[source] for source in graph.predecessors[name]])
        magnitude = found[name].magnitude
        if (magnitude > EXACT_LIMIT).any():
            channel = int(magnitude.argmax())
            raise GraphError(
                f"node {name}: the sum of channel {channel} can reach {magnitude[channel]:.0f} in one time-step, "
                f"beyond the exact range of {EXACT_LIMIT}; use fewer bits or smaller weights"
            )
    return found


def accumulators(graph: Graph) -> list[Accumulator]:
    """Every accumulator that lasts over time: each spiking layer, and the summed logits."""
    found, limits = [], ranges(graph)
    for name in graph.spiking:
        node = graph.nodes[name]
        assert isinstance(node, IF)
        start = np.abs(node.v_init.astype(np.float64)) + node.theta.astype(np.float64)
        found.append(Accumulator(name, start, limits[graph.predecessors[name][0]].magnitude))
    logits = limits[graph.output_name].magnitude
    found.append(Accumulator(graph.output_name, np.zeros_like(logits), logits))
    return found


def exact_steps(graph: Graph) -> int:
    """The largest number of time-steps within which no accumulator can leave ±2^24, whatever the input.

    Raises:
        GraphError: not even one step is exact; the message names the node.
    """
    by_node = {each.node: each.steps() for each in accumulators(graph)}
    node, steps = min(by_node.items(), key=lambda item: item[1])
    if steps < 1:
        raise GraphError(
            f"node {node}: its threshold or initial potential lies beyond the exact range of {EXACT_LIMIT}"
        )
    return steps


def _range(graph: Graph, name: str, inputs: list[Range]) -> Range:
    match graph.nodes[name]:
        case Input() as node:
            # the pixel is a value too, before the mean is taken off
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
            return Range(sum((each.low for each in inputs), np.zeros(1)), sum((e.high for e in inputs), np.zeros(1)))
        case Flatten():
            _, height, width = graph.shapes[graph.predecessors[name][0]]
            return Range(np.repeat(inputs[0].low, height * width), np.repeat(inputs[0].high, height * width))
        case IF() as node:
            return Range(np.zeros(len(node.theta)), np.ones(len(node.theta)))
        case Output():
            return inputs[0]
        case node:
            raise GraphError(f"node {name}: no bound is known for {node.kind}")


def _weighted(weight: Array, x: Range, bias: Array) -> Range:
    """Range of weight x + bias; weight: (groups, C_out / groups, taps, C_in / groups)."""
    groups, outputs, taps, inputs = weight.shape
    x_low, x_high = (end.reshape(groups, -1, 1) for end in (x.low, x.high))
    low, high = np.empty((groups, outputs)), np.empty((groups, outputs))
    # a large layer is not widened as a whole: some outputs at a time, and of a large kernel some taps
    chunk, some = max(1, CHUNK // (groups * taps * inputs)), max(1, CHUNK // (groups * inputs))
    for start in range(0, outputs, chunk):
        rows = weight[:, start : start + chunk]
        positive, negative = np.zeros((2, groups, rows.shape[1], inputs))
        for tap in range(0, taps, some):
            part = rows[:, :, tap : tap + some]
            positive += np.maximum(part, 0).sum(2, dtype=np.float64)
            negative += np.minimum(part, 0).sum(2, dtype=np.float64)
        low[:, start : start + chunk] = (positive @ x_low + negative @ x_high)[..., 0]
        high[:, start : start + chunk] = (positive @ x_high + negative @ x_low)[..., 0]
    wide_bias = bias.astype(np.float64)
    return Range(low.ravel() + np.minimum(wide_bias, 0), high.ravel() + np.maximum(wide_bias, 0))
