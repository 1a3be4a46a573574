"""Count spikes of every neuron while a network runs, without keeping the spikes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import EXACT_LIMIT

Spikes = npt.NDArray[np.bool_]
Map = npt.NDArray[np.int64]


class Count:
    """Spikes of each neuron over all samples and time-steps, and synaptic operations of the last step.

    Attributes:
        costs: By layer, (*shape) int64, synaptic operations caused by one spike of each neuron.
        spikes: By layer, (*shape) int64, number of spikes.
        events: (N,) int64, synaptic operations of the last step.
    """

    def __init__(self, costs: Mapping[str, Map]) -> None:
        self.costs = costs
        self.spikes = {layer: np.zeros(cost.shape, np.int64) for layer, cost in costs.items()}
        self.events = np.zeros(0, np.int64)

    def add(self, layer: str, fired: Spikes) -> None:
        """Add the spikes (N, *shape) of one layer in one time-step."""
        self.events += weighted(fired, self.costs[layer])
        for start in range(0, len(fired), 255):  # 255 spikes fit into a byte
            self.spikes[layer] += fired[start : start + 255].view(np.uint8).sum(0, dtype=np.uint8)


def weighted(fired: Spikes, cost: Map) -> npt.NDArray[np.int64]:
    """Return the sum of `cost` over the neurons that fired, (N,) int64, without rounding.

    Args:
        fired: (N, *shape) bool.
        cost: (*shape) int64, 0 or more.
    """
    flat, price = fired.reshape(len(fired), -1), cost.reshape(-1)
    total = np.zeros(len(fired), np.int64)
    highest = int(price.max())
    if highest == 0:
        return total
    # sums of a piece are exact in float32; float64 for larger costs
    piece = max(EXACT_LIMIT // highest, 1)
    kind = np.dtype(np.float32 if highest <= EXACT_LIMIT else np.float64)
    exact = price.astype(kind)
    for start in range(0, price.size, piece):
        end = start + piece
        # einsum instead of @, whose BLAS threads would compete with those of the engine
        total += np.einsum("nk,k->n", flat[:, start:end].astype(kind), exact[start:end]).astype(np.int64)
    return total
