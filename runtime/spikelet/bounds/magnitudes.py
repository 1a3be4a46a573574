"""Bounds on the numbers of a float32 network, so that no value overflows, in any engine and for any input.

Every node has a whole number e such that its value lies within ±2^e in every time-step, for any order of summation. It
is computed from the exponents of the largest parameters, in whole numbers: two implementations cannot disagree about
it. docs/bundle.md has the table.
"""

from __future__ import annotations

import math

import numpy as np

from spikelet.errors import GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

EXPONENT = 96  # largest e of a node; thresholds, and magnitudes of initial potentials, are at most 2^96
SAFE_STEPS = 2**28  # time-steps for which no potential overflows
PIXEL = 17  # e of the Input: pixels and mean lie within ±2^15
LEAK = 30  # added by a leaky integrator, which sums over SAFE_STEPS time-steps
ZERO = -149  # exponent of an array of zeros: that of the least positive float32


def exponent(values: Array) -> int:
    """Return the least whole number e with max |values| <= 2^e, or -149 if all values are 0.

    Examples:
        >>> import numpy as np
        >>> [exponent(np.array([x], np.float32)) for x in (1.0, 1.5, 2.0, 0.25, 0.0)]
        [0, 1, 1, -2, -149]
    """
    fraction, power = math.frexp(max(-float(values.min()), float(values.max())))
    if fraction == 0:
        return ZERO
    return power - 1 if fraction == 0.5 else power


def check_magnitudes(graph: Graph) -> None:
    """Raise GraphError if a value of a float32 network can overflow within `SAFE_STEPS` time-steps.

    The message names the node, the number and the limit.
    """
    exponents: dict[str, int] = {}
    for name in graph.order:
        exponents[name] = _exponent(graph, name, [exponents[source] for source in graph.predecessors[name]])
        if exponents[name] > EXPONENT:
            raise GraphError(
                f"node {name}: its value can reach 2^{exponents[name]} in one time-step, expected at most "
                f"2^{EXPONENT}; use smaller weights"
            )
        node = graph.nodes[name]
        if isinstance(node, IF):
            _check_neuron(name, node)


def _check_neuron(name: str, node: IF) -> None:
    largest = 2.0**EXPONENT
    theta = node.theta.astype(np.float64)
    if not 1 / largest <= theta.min() <= theta.max() <= largest:
        raise GraphError(
            f"node {name}: {node.kind}.theta: expected 2^-{EXPONENT}…2^{EXPONENT}, found "
            f"{theta.min():g}…{theta.max():g}"
        )
    if exponent(node.v_init) > EXPONENT:
        raise GraphError(
            f"node {name}: {node.kind}.v_init: expected at most 2^{EXPONENT} in magnitude, found "
            f"{node.v_init.min():g}…{node.v_init.max():g}"
        )
    # a product with a power of two is exact, a quotient is not
    if isinstance(node, LIF) and node.reset == "subtract-late" and (theta > largest * node.decay).any():
        raise GraphError(f"node {name}: LIF.decay: theta / decay exceeds 2^{EXPONENT}; use a larger decay")


def _exponent(graph: Graph, name: str, inputs: list[int]) -> int:
    match graph.nodes[name]:
        case Input():
            return PIXEL
        case Conv2d() | Linear() as node:
            products = inputs[0] + exponent(node.weight) + _log2(node.weight[0].size)
            return 1 + max(products, exponent(node.bias))
        case Scale() as node:
            return inputs[0] + exponent(node.scale)
        case SumPool2d() as node:
            return inputs[0] + _log2(node.kernel[0] * node.kernel[1])
        case Add():
            return max(inputs) + _log2(len(inputs))
        case LI():
            return inputs[0] + LEAK
        case IF() as node:
            return _log2(node.copies)
        case Flatten() | Output():
            return inputs[0]
        case node:
            raise GraphError(f"node {name}: no bound is known for {node.kind}")


def _log2(count: int) -> int:
    """The logarithm of a count to base 2, rounded up."""
    return (count - 1).bit_length()
