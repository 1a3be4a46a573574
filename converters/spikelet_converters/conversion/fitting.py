"""Choose the scales of an exact network so that it is exact for a given number of time-steps.

A sum that could leave the exact range within T time-steps is made smaller: the channels that feed it get a coarser
scale, which reduces the bits of their weights. If float32 accumulators (±2^24) would need weights of fewer than
`LEAST_BITS` bits, the bits are kept, and the proof is made for accumulators of 32-bit integers. The engine native has
such accumulators, and the engine numpy has float64.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from spikelet.bounds.ranges import EXACT_LIMIT, INT32_LIMIT, accumulators, ranges
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Weighted
from spikelet_converters.conversion.quantise import Quantised, quantise
from spikelet_converters.conversion.scales import Factor

LEAST_BITS = 5
SLACK = 1.01  # rounding changes the sums
ROUNDS = 20


def fitted(graph: Graph, bits: int, steps: int) -> Quantised:
    """Quantise a float32 graph for a number of time-steps.

    Args:
        graph: float32 graph.
        bits: Bits of the weights, 4…12.
        steps: Number of time-steps T for which the result is exact.

    Raises:
        ConversionError: It cannot be exact for T time-steps, or `quantise` refuses it. The message names the layer.
    """
    for limit in (EXACT_LIMIT, INT32_LIMIT):
        quantised = _fitted(graph, bits, steps, limit)
        if quantised is not None:
            return quantised
    node, largest = _largest_steps(graph, bits, steps)
    remedy = f"use --steps {largest} or fewer, " if largest else ""
    raise ConversionError(
        f"node {node}: cannot be exact for {steps} time-steps with weights of {LEAST_BITS} bits or more, even with "
        f"32-bit integers; {remedy}{'fewer --bits, ' if bits > LEAST_BITS else ''}or --float32"
    )


def _fitted(graph: Graph, bits: int, steps: int, limit: int) -> Quantised | None:
    """Return the network whose accumulators stay within `limit`, or None if weights would need too few bits."""
    coarser: dict[str, Factor] = {}
    coarsest = max(1.0, (2 ** (bits - 1) - 1) / (2 ** (LEAST_BITS - 1) - 1))
    for _ in range(ROUNDS):
        quantised = quantise(graph, bits, coarser)
        excess = _excess(quantised.graph, steps, limit)
        if not excess:
            return replace(quantised, bits=_bits(bits, coarser), limit=limit)
        for name, factor in excess.items():
            coarser[name] = coarser.get(name, np.ones(1)) * factor * SLACK
            if coarser[name].max() > coarsest:
                return None
    return None


def _excess(graph: Graph, steps: int, limit: int) -> dict[str, Factor]:
    """Return the factors by which the scales of layers are too fine, by layer and channel."""
    ratios: list[tuple[str, Factor]] = []
    for name, bound in ranges(graph, math.inf).items():
        if not isinstance(graph.nodes[name], IF | LIF):
            ratios.append((name, bound.magnitude / EXACT_LIMIT))
    for accumulator in accumulators(graph, math.inf):
        ratios.append((accumulator.node, (accumulator.start + steps * accumulator.per_step) / limit))
        ratios.append((accumulator.node, (accumulator.start + accumulator.per_step) / EXACT_LIMIT))  # T = 1 in float32
    excess: dict[str, Factor] = {}
    for name, ratio in ratios:
        if ratio.max() <= 1:
            continue
        for layer in _feeding(graph, name):
            channels = graph.shapes[layer][0]
            factor = np.maximum(ratio if len(ratio) == channels else ratio.max().reshape(1), 1)
            excess[layer] = np.maximum(excess.get(layer, np.ones(1)), factor)
    return excess


def _feeding(graph: Graph, name: str) -> list[str]:
    """Return the layers with weights whose current is the value of a node, or reaches it without other weights."""
    feeding, pending = [], [name] if isinstance(graph.nodes[name], Weighted) else list(graph.predecessors[name])
    while pending:
        source = pending.pop()
        if isinstance(graph.nodes[source], Weighted):
            feeding.append(source)
        elif not isinstance(graph.nodes[source], IF | LIF):
            pending.extend(graph.predecessors[source])
    return feeding


def _bits(bits: int, coarser: dict[str, Factor]) -> dict[str, int]:
    """Return the bits that the weights of coarser layers have: those of the coarsest channel."""
    largest = 2 ** (bits - 1) - 1
    return {name: 1 + int(np.floor(largest / factor.max() + 1e-9)).bit_length() for name, factor in coarser.items()}


def _largest_steps(graph: Graph, bits: int, too_many: int) -> tuple[str, int]:
    """Return the layer with the largest sums, and the largest T below `too_many` that is exact with 32-bit integers."""
    exact = 0
    while too_many - exact > 1:
        middle = (exact + too_many) // 2
        if _fitted(graph, bits, middle, INT32_LIMIT) is None:
            too_many = middle
        else:
            exact = middle
    unchecked = quantise(graph, bits, {}).graph  # its sums may leave the range within one time-step
    worst = max(accumulators(unchecked, math.inf), key=lambda a: float((a.start + a.per_step).max()))
    return worst.node, exact
