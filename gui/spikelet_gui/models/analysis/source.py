"""The network that the spikes stand for: the same integer graph, with activations in the place of spikes.

An IF neuron that integrates a mean current z for T time-steps from v(0) = theta/2 fires about T clip(z/theta, 0, 1)
spikes. So each spiking layer becomes

    a = floor(L clip(z/theta, 0, 1) + 1/2) / L        where the bundle says with how many levels L it was trained
    a = clip(z/theta, 0, 1)                           where it does not

and a, in spikes a time-step, goes on where the spikes went. With L levels this is the source network itself, but for
the rounding of its weights. A leaky neuron has no such activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bundle import Bundle
from spikelet.engines.numpy import NumpyEngine
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF

Float = npt.NDArray[np.float32]


def levels(bundle: Bundle) -> int | None:
    """L of the source network's quantiser, if the bundle tells it."""
    found = bundle.manifest.provenance.get("levels")
    return found if type(found) is int and found > 0 else None


def obstacle(graph: Graph) -> str | None:
    """Reason why a network has no float activations; None if it has them."""
    for name in graph.spiking:
        node = graph.neuron(name)
        if isinstance(node, LIF):
            return f"{name} is leaky: no float activation corresponds to its spikes."
        if node.reset != "subtract":
            return f"{name} resets to zero: its rate is not proportional to its input."
    return None


def described(bundle: Bundle) -> str:
    """Describe the float network."""
    count, arithmetic = levels(bundle), "integer" if bundle.graph.exact else "float"
    form = f"a {count}-level quantised activation" if count else "the clipped ReLU that an IF neuron approximates"
    return f"Float activations are computed from the same {arithmetic} weights, using {form} instead of neurons."


class SourceNetwork(NumpyEngine):
    """Evaluates activations instead of spikes."""

    def __init__(self, graph: Graph, count: int | None) -> None:
        super().__init__(graph)
        self.count = count

    def activations(self, pixels: Float) -> tuple[Float, Mapping[str, Float]]:
        """(logits (N, K), by spiking layer a in 0…1 (N, *shape)) of images (N, *input shape)."""
        values: dict[str, Any] = {}
        kept: dict[str, Float] = {}
        waiting = {name: len(self.graph.successors[name]) for name in self.graph.order}
        for name in self.graph.order:
            sources = self.graph.predecessors[name]
            inputs = [values[source] for source in sources]
            node = self.graph.nodes[name]
            if isinstance(node, IF):
                values[name] = kept[name] = activation(node, inputs[0], self.count)
            else:
                values[name] = self._evaluate(name, inputs, pixels)
            for source in sources:  # what nobody needs any more goes
                waiting[source] -= 1
                if not waiting[source]:
                    del values[source]
        return values[self.graph.output_name], kept


def activation(node: IF, current: Float, count: int | None) -> Float:
    """A in 0…1 for currents (N, C, …)."""
    a = np.clip(current / neurons.per_channel(node.theta, current.ndim - 1), 0, 1)
    if count is not None:
        a = np.floor(a * np.float32(count) + np.float32(0.5)) / np.float32(count)
    return a.astype(np.float32, copy=False)
