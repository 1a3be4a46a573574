"""Operations and memory of one time-step of a network, computed from its graph."""

from __future__ import annotations

from collections.abc import Mapping

from spikelet.graph import Graph
from spikelet.nodes import IF, LI, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

CALL = 1_000  # operations in the time of one call of an array function


def operations(graph: Graph) -> dict[str, int]:
    """Return the operations of every node for one image in one time-step, including zero weights and silent neurons.

    An operation is a multiply-add, or an addition where there are no weights. A neuron counts as one operation. A tap
    of a pool counts as at least `CALL` operations, because the numpy engine adds taps one by one.
    """
    return {name: _operations(graph, name) for name in graph.order}


def weights(graph: Graph) -> int:
    """Return the number of weights of all Conv2d and Linear nodes."""
    return sum(int(node.weight.size) for node in graph.nodes.values() if isinstance(node, Conv2d | Linear))


def proof_memory(graph: Graph) -> int:
    """Return the bytes that `ranges.exact_steps` needs for float64 copies of the largest array of weights."""
    sizes = [int(node.weight.size) for node in graph.nodes.values() if isinstance(node, Conv2d | Linear)]
    return 24 * max([0, *sizes])


def describe(graph: Graph, name: str) -> str:
    """Return name, kind and shape of a node, for a message."""
    return f"node {name} ({graph.nodes[name].kind}, {'x'.join(map(str, graph.shapes[name]))})"


def peak(graph: Graph, sizes: Mapping[str, int], transient: Mapping[str, int]) -> int:
    """Return the largest number of bytes in use while the nodes are evaluated in order.

    Args:
        graph: The network.
        sizes: Bytes of the value of each node, which is freed after its last reader.
        transient: Bytes that are needed while a node is evaluated, besides its inputs and its value.
    """
    readers = {name: len(targets) for name, targets in graph.successors.items()}
    in_use = largest = 0
    for name in graph.order:
        in_use += sizes[name]
        largest = max(largest, in_use + transient[name])
        for source in graph.predecessors[name]:
            readers[source] -= 1
            if readers[source] == 0:
                in_use -= sizes[source]
    return largest


def _operations(graph: Graph, name: str) -> int:
    node, count = graph.nodes[name], graph.neurons(name)
    match node:
        case Conv2d():
            return count * int(node.weight[0].size)
        case Linear():
            return int(node.weight.size)
        case SumPool2d():
            return max(count, CALL) * node.kernel[0] * node.kernel[1]
        case Add():
            return count * len(graph.predecessors[name])
        case Input() | Scale() | IF() | LI():
            return count
        case Flatten() | Output():
            return 0
    return count
