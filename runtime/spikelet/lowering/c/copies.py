"""Copies of neurons whose potentials all follow from one of them.

Let an IF with k copies and threshold theta subtract theta when a copy fires, and let its copies start at

    v_i = floor((a + i theta) / k)        i = 0…k - 1, for an integer a; ceil where the tie is ">".

Multiplied by k, the potentials a + i theta are theta apart, and the threshold is k theta. Rounding changes no spike,
since currents and thresholds are integers: floor(r) >= n exactly if r >= n, and ceil(r) > n exactly if r > n.

Let v be the lowest of the potentials times k. A current x adds k x to all of them. Those that reach the threshold are
the highest c = clip(floor((v + k x) / theta), 0, k), with ceil(…) - 1 in place of floor(…) if the tie is ">". They
fall by k theta, below all others. The potentials are then theta apart again, and the lowest is v + k x - c theta.

Copies therefore fire in turn: first k - 1, then k - 2, and so on. After n spikes of all copies together since the
reset, copy -n modulo k has the lowest potential, and the next copies follow in order.

If k divides theta and all k v_i - i theta are equal, the factor k is not needed: the potentials are theta / k apart.
This holds in every layer that reads copies, because conversion multiplies its threshold by k.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.bounds.ranges import EXACT_LIMIT, INT32_LIMIT, accumulators
from spikelet.copies import expand
from spikelet.copies.staggered import staggered
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Array


@dataclass(frozen=True)
class Progression:
    """Potentials of the copies of a layer, times `gain`: `start`, `start + step`, and so on.

    Attributes:
        gain: Factor of potentials and currents, 1 or k.
        step: (C,) distance between the potentials of copies.
        start: (C,) lowest potential at the start.
    """

    gain: int
    step: Array
    start: Array


def progression(node: IF) -> Progression:
    """Return the potentials of a layer's copies as a progression. Without copies, the step is the threshold.

    Raises:
        ValueError: The potentials are not a progression, see `kept`.
    """
    k, theta = node.copies, node.theta
    if k == 1:
        return Progression(1, theta, node.v_init)
    limits = staggered(node)
    if isinstance(node, LIF) or node.reset != "subtract" or limits is None:
        raise ValueError("the potentials of these copies are not a progression")
    low, high = limits
    if (low == high).all() and (theta % k == 0).all():
        return Progression(1, theta // k, low // k)
    return Progression(k, theta, high if node.tie == ">=" else low)


def compact_layers(graph: Graph) -> frozenset[str]:
    """Return the layers with copies whose potentials are a progression that fits 32 bits."""
    layers = set()
    for name in graph.spiking:
        node = graph.neuron(name)
        if node.copies == 1 or node.theta.dtype.kind == "f":
            continue
        try:
            gain = progression(node).gain
        except ValueError:
            continue
        if gain * (EXACT_LIMIT + 1) < INT32_LIMIT:
            layers.add(name)
    return frozenset(layers)


def compact(graph: Graph) -> Graph:
    """Return the network with copies as channels, except in layers whose copies are a progression."""
    expanded = expand(graph, compact_layers(graph))
    return expanded if expanded is graph else expanded.with_activity(graph.activity)


def proven_steps(graph: Graph) -> int:
    """Return the number of time-steps for which the potentials and logits of generated C fit 32 bits."""
    layers = compact_layers(graph)
    gains = {name: progression(graph.neuron(name)).gain for name in layers}
    return min(
        accumulator.steps(INT32_LIMIT // gains[accumulator.node] - 1 if accumulator.node in gains else INT32_LIMIT)
        for accumulator in accumulators(graph)
    )
