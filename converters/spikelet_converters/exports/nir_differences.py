"""Differences between a network and its NIR file in readers other than spikelet."""

from __future__ import annotations

import numpy as np

from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Conv2d, Node, is_float
from spikelet_converters.choices import NirForm


def nir_differences(graph: Graph, form: NirForm) -> list[str]:
    """Return the differences in a reader that ignores spikelet's metadata, one sentence per difference.

    Args:
        graph: The network, without copies; expand them first.
        form: "annotated", "normalised" or "expressed".
    """
    differences = []
    if any(isinstance(node, Conv2d) and node.groups > 1 for node in graph.nodes.values()):
        differences.append("grouped convolutions need nir.read(path, type_check=False): its check ignores groups")
    if form != "expressed":
        neurons = [node for node in graph.nodes.values() if isinstance(node, IF)]
        if any(node.reset != "zero" for node in neurons):
            differences.append(
                "other readers reset these neurons to zero instead of subtracting the threshold, and fire different "
                "spikes; --form expressed writes the subtraction in NIR's own nodes"
            )
        if any(node.tie == ">=" for node in neurons):
            differences.append("other readers do not fire when a potential equals its threshold")
        if any(np.any(node.v_init) for node in neurons):
            differences.append("other readers start at zero instead of the initial potential")
        if form == "normalised" and any(isinstance(node, LIF) and not is_float(node.decay) for node in neurons):
            differences.append("leaks by shifts have become factors, which do not round, so that spikes differ")
        if any(_leaks_in_part(node) for node in graph.nodes.values()):
            differences.append("in other readers, channels that do not leak lose 2^-24 of their potential a time-step")
    elif any(isinstance(node, IF) and node.reset != "zero" for node in graph.nodes.values()):
        differences.append("the feedback that subtracts a threshold needs a reader that supports recurrent graphs")
    return differences


def _leaks_in_part(node: Node) -> bool:
    if not isinstance(node, LI | LIF) or not is_float(node.decay):
        return False
    kept = int(np.count_nonzero(node.decay == 1))
    return 0 < kept < len(node.decay)
