"""Memory traffic of one image: bits read and written, as a lower and an upper bound.

    least  full reuse: every word that a layer needs moves once per evaluation of the layer
    most   no reuse: every operation fetches its operands and stores its sum

Real hardware lies between the bounds. The same bounds are used for the spiking network and for the baselines. Every
layer has three buffers: for weights, sums and inputs. Data that fits into its buffer is read from there; other data
is read from DRAM.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from spikelet.choices import BUFFER as BUFFER
from spikelet.graph import Graph
from spikelet.metrics.operations import Operations

SUM_BITS = 32  # a potential or an accumulator
ADDRESS_BITS = 32  # a spike that is stored as the address of its neuron

Traffic = Literal["weight reads", "sum reads", "sum writes", "spikes", "analog reads", "activations"]


SUMS: tuple[Traffic, Traffic] = ("sum reads", "sum writes")


@dataclass(frozen=True)
class Moved:
    """Lower and upper bound of the bits of one type of traffic of one node, from or to the buffer or DRAM."""

    node: str
    traffic: Traffic
    least: float
    most: float
    memory: Literal["buffer", "dram"]


def spiking_traffic(graph: Graph, ops: Operations, weight_bits: int, buffer: int = BUFFER) -> list[Moved]:
    """Compute the traffic of the spiking network. Potentials have 32 bits, weights and pixels `weight_bits`."""
    moved: list[Moved] = []
    for row in ops.rows:
        operations = row.acs + row.macs + row.adds + row.static_macs + row.static_adds
        evaluations = 1 if row.static_macs else ops.steps
        least = min(row.weights * evaluations, operations)
        moved.append(_moved(row.node, "weight reads", least, operations, weight_bits, row.weights, buffer))
        sums = graph.neurons(row.node)
        for traffic in SUMS:
            moved.append(_moved(row.node, traffic, 0, operations, SUM_BITS, sums, buffer))
        if row.static_macs:
            size = _inputs(graph, row.node)
            moved.append(_moved(row.node, "analog reads", min(size, operations), operations, weight_bits, size, buffer))
    for name, neurons in ops.neurons.items():
        updates = neurons * ops.steps
        for traffic in SUMS:
            moved.append(_moved(name, traffic, updates, updates, SUM_BITS, neurons, buffer))
        # written and read: one bit per neuron and time-step, or one address per spike
        bounds = sorted([2.0 * updates, 2.0 * ops.spikes[name] * ADDRESS_BITS])
        moved.append(Moved(name, "spikes", bounds[0], bounds[1], _memory(neurons, buffer)))
    return moved


def dense_traffic(
    graph: Graph, ops: Operations, weight_bits: int, activation_bits: int, buffer: int = BUFFER
) -> list[Moved]:
    """Compute the traffic of a non-spiking network of the same graph: one evaluation."""
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
        for traffic in SUMS:
            moved.append(_moved(row.node, traffic, 0, row.dense, SUM_BITS, sums, buffer))
    for name in ops.neurons:
        values = graph.size(name)
        moved.append(_moved(name, "activations", values, values, activation_bits, values, buffer))
    return moved


def as_json(moved: Iterable[Moved]) -> list[dict[str, object]]:
    """Return the bytes over all nodes, by type of traffic and memory."""
    total: dict[tuple[str, str], list[float]] = {}
    for transfer in moved:
        entry = total.setdefault((transfer.traffic, transfer.memory), [0.0, 0.0])
        entry[0] += transfer.least / 8
        entry[1] += transfer.most / 8
    return [
        {"traffic": traffic, "memory": memory, "bytes_least": least, "bytes_most": most}
        for (traffic, memory), (least, most) in total.items()
    ]


def _moved(node: str, traffic: Traffic, least: float, most: float, bits: int, count: int, buffer: int) -> Moved:
    """Convert counts of words to bits. The number of stored words, `count`, decides between buffer and DRAM."""
    return Moved(node, traffic, least * bits, most * bits, _memory(count * bits, buffer))


def _memory(bits: int, buffer: int) -> Literal["buffer", "dram"]:
    return "buffer" if bits <= 8 * buffer else "dram"


def _inputs(graph: Graph, node: str) -> int:
    return graph.size(graph.predecessors[node][0])
