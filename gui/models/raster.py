"""Rasters as images: many neurons in few rows, and no spike lost on the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def binned(spikes: Image, height: int) -> Image:
    """(rows, T) for (T, neurons): neighbours share a row where there are more than `height`; a row is lit if any fired.

    The value of a row is the greatest of its neurons.
    """
    neurons = spikes.shape[1]
    rows = min(neurons, max(height, 1))
    if rows == 0:
        return np.zeros((0, len(spikes)), np.uint8)
    starts = np.arange(rows) * neurons // rows
    return np.ascontiguousarray(np.maximum.reduceat(spikes, starts, axis=1).T)


def difference(first: Image, second: Image) -> Image:
    """(T, neurons): 0 where both are silent, 1 where both fired, 2 where the first alone did, 3 the second alone."""
    both = (first & second).astype(np.uint8)
    found: Image = both + 2 * (first & ~second & 1) + 3 * (second & ~first & 1)
    return found
