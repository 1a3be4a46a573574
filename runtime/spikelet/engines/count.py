"""What neurons fired while a network ran, as counts: spikes themselves are never kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Spikes = npt.NDArray[np.bool_]
Map = npt.NDArray[np.int64]
EXACT = 2**24  # whole numbers up to here are exact in float32, and so are their sums below it


class Count:
    """Spikes of each neuron over all samples and time-steps, and what the last step's cost.

    costs: by layer, (*shape): of a spike of each neuron. spikes: by layer, (*shape). events: (N,).
    """

    def __init__(self, costs: Mapping[str, Map]) -> None:
        self.costs = costs
        self.spikes = {layer: np.zeros(cost.shape, np.int64) for layer, cost in costs.items()}
        self.events = np.zeros(0, np.int64)

    def add(self, layer: str, fired: Spikes) -> None:
        """One layer's spikes of one time-step, (N, *shape)."""
        self.events += weighted(fired, self.costs[layer])
        for start in range(0, len(fired), 255):  # so many fit a byte
            self.spikes[layer] += fired[start : start + 255].view(np.uint8).sum(0, dtype=np.uint8)


def weighted(fired: Spikes, cost: Map) -> npt.NDArray[np.int64]:
    """For each sample, the sum of `cost` over the neurons that fired, exactly.

    fired: (N, *shape). cost: (*shape), 0 or more. Returns (N,).
    """
    flat, price = fired.reshape(len(fired), -1), cost.reshape(-1)
    total = np.zeros(len(fired), np.int64)
    highest = int(price.max())
    if highest == 0:
        return total
    # in pieces, each so short that float32 holds its sum; float64 for costs that no network has
    piece = max(EXACT // highest, 1)
    kind = np.dtype(np.float32 if highest <= EXACT else np.float64)
    exact = price.astype(kind)
    for start in range(0, price.size, piece):
        end = start + piece
        # einsum and not @: threads of BLAS would fight with the engine's for the cores
        total += np.einsum("nk,k->n", flat[:, start:end].astype(kind), exact[start:end]).astype(np.int64)
    return total
