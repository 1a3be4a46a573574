"""Memory traffic of one image: what has to be read and written, in bits, between two bounds.

    least  full reuse: each time a layer is evaluated, each word that it needs moves once
    most   no reuse: every operation fetches its operands and stores its sum

Real machines lie between. The same two bounds are used for the spiking network and for the networks it is held
against. Every layer has a buffer of its own for its weights, one for its sums and one for what comes in; what
fits into it is read from there, what does not comes from DRAM each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from spikelet.graph import Graph
from spikelet.metrics.operations import Operations

BUFFER = 2**20  # bytes
SUM_BITS = 32  # a potential or an accumulator
ADDRESS_BITS = 32  # a spike, where spikes travel as addresses

What = Literal["weight reads", "sum reads", "sum writes", "spikes", "analog reads", "activations"]


@dataclass(frozen=True)
class Moved:
    """Bits of one kind that one node moves, at least and at most, from or to the buffer or DRAM."""

    node: str
    what: What
    least: float
    most: float
    place: Literal["buffer", "dram"]


def spiking_traffic(graph: Graph, ops: Operations, weight_bits: int, buffer: int = BUFFER) -> list[Moved]:
    """Of the spiking network. weight_bits: of a weight; potentials are words of 32 bits, pixels of `weight_bits`."""
    moved: list[Moved] = []
    for row in ops.rows:
        done = row.acs + row.macs + row.adds + row.static_macs + row.static_adds
        evaluations = 1 if row.static_macs else ops.steps
        least = min(row.weights * evaluations, done)
        moved.append(_moved(row.node, "weight reads", least, done, weight_bits, row.weights, buffer))
        sums = graph.neurons(row.node)
        for what in ("sum reads", "sum writes"):
            moved.append(_moved(row.node, what, 0, done, SUM_BITS, sums, buffer))
        if row.static_macs:
            size = _inputs(graph, row.node)
            moved.append(_moved(row.node, "analog reads", min(size, done), done, weight_bits, size, buffer))
    for name, neurons in ops.neurons.items():
        updates = neurons * ops.steps
        for what in ("sum reads", "sum writes"):
            moved.append(_moved(name, what, updates, updates, SUM_BITS, neurons, buffer))
        # written and read: a bit for each neuron and time-step, or an address for each spike
        ways = sorted([2.0 * updates, 2.0 * ops.spikes[name] * ADDRESS_BITS])
        moved.append(Moved(name, "spikes", ways[0], ways[1], _place(neurons, buffer)))
    return moved


def dense_traffic(
    graph: Graph, ops: Operations, weight_bits: int, activation_bits: int, buffer: int = BUFFER
) -> list[Moved]:
    """Of a network that is not spiking, of the same graph: one evaluation, activations of `activation_bits`."""
    moved: list[Moved] = []
    for row in ops.rows:
        if not row.weights:
            continue
        size, sums = _inputs(graph, row.node), graph.neurons(row.node)
        moved.append(
            _moved(row.node, "weight reads", min(row.weights, row.dense), row.dense, weight_bits, row.weights, buffer)
        )
        least = min(size, row.dense)
        moved.append(_moved(row.node, "activations", least, row.dense, activation_bits, size, buffer))
        for what in ("sum reads", "sum writes"):
            moved.append(_moved(row.node, what, 0, row.dense, SUM_BITS, sums, buffer))
    for name, neurons in ops.neurons.items():
        moved.append(_moved(name, "activations", neurons, neurons, activation_bits, neurons, buffer))
    return moved


def as_json(moved: Iterable[Moved]) -> list[dict[str, Any]]:
    """Bytes by kind and place, over all nodes."""
    total: dict[tuple[str, str], list[float]] = {}
    for each in moved:
        entry = total.setdefault((each.what, each.place), [0.0, 0.0])
        entry[0] += each.least / 8
        entry[1] += each.most / 8
    return [
        {"what": what, "place": place, "bytes_least": least, "bytes_most": most}
        for (what, place), (least, most) in total.items()
    ]


def _moved(node: str, what: Any, least: float, most: float, bits: int, words: int, buffer: int) -> Moved:
    """words: how many there are to be held, which decides where."""
    return Moved(node, what, least * bits, most * bits, _place(words * bits, buffer))


def _place(bits: int, buffer: int) -> Literal["buffer", "dram"]:
    return "buffer" if bits <= 8 * buffer else "dram"


def _inputs(graph: Graph, node: str) -> int:
    return graph.neurons(graph.predecessors[node][0])
