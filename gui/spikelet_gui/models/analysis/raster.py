"""Rasters as images: many neurons in few rows, and no spike lost on the way.

Where neighbours share a row of pixels, its brightness tells how many of them fired; a single spike among thousands
still shows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FAINT = 56


def binned(spikes: Image, height: int) -> Image:
    """(rows, T) of 0…255 for (T, neurons) of 0 and 1: neighbours share a row where there are more than `height`.

    0: none fired; FAINT: hardly any; 255: all did.
    """
    neurons = spikes.shape[1]
    rows = min(neurons, max(height, 1))
    if rows == 0:
        return np.zeros((0, len(spikes)), np.uint8)
    starts = np.arange(rows) * neurons // rows
    fired = np.add.reduceat(spikes, starts, axis=1, dtype=np.uint16)
    share = fired / np.diff(np.append(starts, neurons)).astype(np.float32)
    lit = np.where(fired, FAINT + (255 - FAINT) * np.sqrt(share), 0)
    return np.ascontiguousarray(lit.T.astype(np.uint8))


def kinds(values: Image, height: int) -> Image:
    """(rows, T) for (T, neurons) of what `difference` tells: among neighbours that share a row a single one shows.

    Where both networks fired alone there, the one that did more often.
    """
    rows = min(values.shape[1], max(height, 1))
    if rows == 0:
        return np.zeros((0, len(values)), np.uint8)
    starts = np.arange(rows) * values.shape[1] // rows
    first, second = (np.add.reduceat(values == kind, starts, axis=1, dtype=np.int64) for kind in (2, 3))
    alike = np.add.reduceat(values == 1, starts, axis=1, dtype=np.int64) > 0
    found = np.where(first + second, np.where(second > first, 3, 2), alike).astype(np.uint8)
    return np.ascontiguousarray(found.T)


def difference(first: Image, second: Image) -> Image:
    """(T, neurons): 0 where both are silent, 1 where both fired, 2 where the first alone did, 3 the second alone."""
    both = (first & second).astype(np.uint8)
    found: Image = both + 2 * (first & ~second & 1) + 3 * (second & ~first & 1)
    return found
