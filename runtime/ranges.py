"""The proof that an exact network stays exact.

Integers of magnitude up to 2^24 are exact in float32, and so are their sums as long as no partial sum
leaves that range. For every node the largest magnitude of any partial sum is bounded, whatever the order
of the sum, channel by channel:

    A_c = sum |w_c| max|x| + |b_c|

and so is a potential, v_c[t], together with its distance from the threshold:

    |v_c[t]| + theta_c <= |v_init_c| + theta_c + t A_c

`exact_steps` is the largest T for which nothing in the network leaves the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.errors import GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

EXACT_LIMIT = 2**24
MAX_STEPS = 2**31 - 1

# float64: sums up to 2^53 are exact and beyond that only grow, so a comparison with 2^24 cannot be fooled
Bound = npt.NDArray[np.float64]


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


def bounds(graph: Graph) -> dict[str, Bound]:
    """Largest magnitude of what each node sends on, and of any partial sum inside it, by channel (C,).

    Raises:
        GraphError: the network is not exact, or one time-step alone can leave the exact range.
    """
    if not graph.exact:
        raise GraphError("graph: a float32 network has no exact range")
    found: dict[str, Bound] = {}
    for name in graph.order:
        inputs = [found[source] for source in graph.predecessors[name]]
        found[name] = _bound(graph, name, inputs)
        if (found[name] > EXACT_LIMIT).any():
            channel = int(found[name].argmax())
            raise GraphError(
                f"node {name}: the sum of channel {channel} can reach {found[name][channel]:.0f} in one time-step, "
                f"beyond the exact range of {EXACT_LIMIT}; use fewer bits or smaller weights"
            )
    return found


def accumulators(graph: Graph) -> list[Accumulator]:
    """Every accumulator that lasts over time: each spiking layer, and the summed logits."""
    limits = bounds(graph)
    found = []
    for name in graph.spiking:
        node = graph.nodes[name]
        assert isinstance(node, IF)
        # an engine may hold v - theta instead of v
        start = np.abs(node.v_init.astype(np.float64)) + node.theta.astype(np.float64)
        found.append(Accumulator(name, start, limits[graph.predecessors[name][0]]))
    logits = limits[graph.output_name]
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


def _bound(graph: Graph, name: str, inputs: list[Bound]) -> Bound:
    match graph.nodes[name]:
        case Input() as node:
            mean = node.mean.astype(np.float64)
            # the pixel itself is a value too, before the mean is taken off
            pixel = max(abs(node.low), abs(node.high))
            return np.maximum(np.maximum(abs(node.low - mean), abs(node.high - mean)), pixel)
        case Conv2d() as node:
            out, per_group = node.weight.shape[:2]
            weight = np.abs(node.weight.astype(np.float64)).sum((2, 3)).reshape(node.groups, -1, per_group)
            largest = inputs[0].reshape(node.groups, per_group, 1)
            most: Bound = (weight @ largest).reshape(out) + np.abs(node.bias.astype(np.float64))
            return most
        case Linear() as node:
            return np.abs(node.weight.astype(np.float64)) @ inputs[0] + np.abs(node.bias.astype(np.float64))
        case SumPool2d() as node:
            return inputs[0] * (node.kernel[0] * node.kernel[1])
        case Scale() as node:
            return inputs[0] * np.abs(node.scale.astype(np.float64))
        case Add():
            return np.asarray(np.sum(inputs, axis=0))
        case Flatten():
            _, height, width = graph.shapes[graph.predecessors[name][0]]
            return np.repeat(inputs[0], height * width)
        case IF() as node:
            return np.ones(len(node.theta))
        case Output():
            return inputs[0]
        case node:
            raise GraphError(f"node {name}: no bound is known for {node.kind}")
