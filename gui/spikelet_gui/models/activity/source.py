"""The source network of a bundle: the same integer graph, with activations instead of spikes.

An IF neuron that integrates a mean current z for T time-steps from v(0) = theta/2 fires about T clip(z/theta, 0, 1)
spikes. The activation of a spiking layer is therefore

    a = floor(L clip(z/theta, 0, 1) + 1/2) / L        if the bundle states the number of levels L of its training
    a = clip(z/theta, 0, 1)                           otherwise

in spikes per time-step. With L levels the result is the source network, up to the rounding of its weights. A leaky
neuron has no such activation.

Each of the k copies of a neuron has the activation a of that neuron; their sum is k a.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bundle import Bundle
from spikelet.choices import MAX_LEVELS
from spikelet.engines.operators import evaluate, float_weights
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF

Float = npt.NDArray[np.float32]


def levels(bundle: Bundle) -> int | None:
    """Return the number of levels L of the source network's quantiser, if the bundle states it."""
    count = bundle.manifest.provenance.get("levels")
    return count if type(count) is int and 0 < count <= MAX_LEVELS else None


def obstacle(graph: Graph) -> str | None:
    """Return the reason why a network has no source activations, or None if it has them."""
    for name in graph.integrators:
        return f"{name} is a leaky integrator: no source activation corresponds to its potential."
    for name in graph.spiking:
        node = graph.neuron(name)
        if isinstance(node, LIF):
            return f"{name} is leaky: no source activation corresponds to its spikes."
        if node.reset != "subtract":
            return f"{name} resets to zero: its rate is not proportional to its input."
    return None


def described(bundle: Bundle) -> str:
    """Describe how the source activations of a bundle are computed."""
    count, arithmetic = levels(bundle), "integer" if bundle.graph.exact else "float"
    form = f"a {count}-level quantised activation" if count else "the clipped ReLU that an IF neuron approximates"
    return f"Float activations are computed from the same {arithmetic} weights, using {form} instead of neurons."


class SourceNetwork:
    """Evaluates activations instead of spikes.

    Args:
        graph: The spiking network.
        count: Number of levels of the quantiser; None uses a clipped ReLU.
    """

    def __init__(self, graph: Graph, count: int | None) -> None:
        self.graph, self.count = graph, count
        self._weights = float_weights(graph)

    def activations(self, pixels: Float) -> tuple[Float, Mapping[str, Float]]:
        """Return logits (N, K) and, by spiking layer, activations in 0…1 (N, *shape) of images (N, *input shape).

        Copies of a neuron have one activation.
        """
        values: dict[str, Float] = {}
        activations: dict[str, Float] = {}
        remaining_uses = {name: len(self.graph.successors[name]) for name in self.graph.order}
        for name in self.graph.order:
            sources = self.graph.predecessors[name]
            inputs = [values[source] for source in sources] if sources else [pixels]
            node = self.graph.nodes[name]
            if isinstance(node, IF):
                activations[name] = activation(node, inputs[0], self.count)
                values[name] = activations[name] * np.float32(node.copies)
            else:
                values[name] = evaluate(node, inputs, self.graph.shapes[name], self._weights.get(name))
            for source in sources:  # frees values that no other node needs
                remaining_uses[source] -= 1
                if not remaining_uses[source]:
                    del values[source]
        return values[self.graph.output_name], activations


def activation(node: IF, current: Float, count: int | None) -> Float:
    """Return the activation in 0…1 for currents (N, C, …)."""
    a = np.clip(current / neurons.per_channel(node.theta, current.ndim - 1), 0, 1)
    if count is not None:
        a = np.floor(a * np.float32(count) + np.float32(0.5)) / np.float32(count)
    return a.astype(np.float32, copy=False)
