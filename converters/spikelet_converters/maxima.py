"""Max pools in a spiking network: neurons that fire at a time-step if any neuron in their window does.

They are ordinary nodes. A pool counts the spikes of a window, and a neuron of threshold 1 that starts at 0 and is reset
to 0 fires where the count is 1 or more; its potential is 0 after every time-step. Where windows reach beyond the image,
or are dilated, a convolution of equal weights counts the spikes, and the threshold is one of these weights.

At T = 1 the result is the maximum of the activations. Over more time-steps neurons of a window fire at different times,
so that the spike rate is at least the largest rate, and at most their sum.
"""

from __future__ import annotations

from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Conv2d, SumPool2d


def maxima(graph: Graph) -> dict[str, str]:
    """Layers of neurons that take a maximum, with the nodes that count the spikes of their windows."""
    pairs = {}
    for name in graph.spiking:
        (pool,) = graph.predecessors[name]
        if _takes_maximum(graph, name, pool):
            pairs[name] = pool
    return pairs


def _takes_maximum(graph: Graph, name: str, pool: str) -> bool:
    neuron, counts = graph.nodes[name], graph.nodes[pool]
    if type(neuron) is not IF or (neuron.reset, neuron.tie, neuron.copies) != ("zero", ">=", 1) or neuron.v_init.any():
        return False
    if isinstance(counts, SumPool2d):
        equal = bool((neuron.theta == 1).all())
    elif isinstance(counts, Conv2d):
        single = counts.groups == len(counts.weight) and counts.weight.shape[1] == 1 and not counts.bias.any()
        one = neuron.theta[:, None, None, None] == counts.weight
        equal = single and bool((one | (counts.weight == 0)).all()) and bool((one == one[:1]).all())
    else:
        return False
    (source,) = graph.predecessors[pool]
    before = graph.nodes[source]
    return equal and isinstance(before, IF | LIF) and before.copies == 1
