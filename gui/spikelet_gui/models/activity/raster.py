"""Rasters as images with fewer rows than neurons, in which every spike is visible.

The brightness of a row shows how many of its neurons fired; a single spike among thousands is still visible.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FAINT = 56  # lowest brightness of a row in which a neuron fired


def binned(spikes: Image, height: int) -> Image:
    """Bin (T, neurons) of 0 and 1 into (rows, T) of 0…255, with at most `height` rows.

    0: no neuron of the row fired; FAINT: few; 255: all.
    """
    neurons = spikes.shape[1]
    rows = min(neurons, max(height, 1))
    if rows == 0:
        return np.zeros((0, len(spikes)), np.uint8)
    starts = np.arange(rows) * neurons // rows
    fired = np.add.reduceat(spikes, starts, axis=1, dtype=np.uint16)
    share = fired / np.diff(np.append(starts, neurons)).astype(np.float32)
    brightness = np.where(fired, FAINT + (255 - FAINT) * np.sqrt(share), 0)
    return np.ascontiguousarray(brightness.T.astype(np.uint8))


def rows_of(share: float, neurons: int, height: int) -> tuple[int, int]:
    """Return the first and the last neuron that `binned` shows at `share` (0…1) of the height of an image."""
    rows = min(neurons, max(height, 1))
    row = min(rows - 1, max(0, int(share * rows)))
    return row * neurons // rows, (row + 1) * neurons // rows - 1


def kinds(values: Image, height: int) -> Image:
    """Bin (T, neurons) from `difference` into (rows, T), with at most `height` rows, in the same encoding.

    A single difference in a row is visible; if both networks fired alone, the one that did so more often is shown.
    """
    rows = min(values.shape[1], max(height, 1))
    if rows == 0:
        return np.zeros((0, len(values)), np.uint8)
    starts = np.arange(rows) * values.shape[1] // rows
    first, second = (np.add.reduceat(values == kind, starts, axis=1, dtype=np.int64) for kind in (2, 3))
    both = np.add.reduceat(values == 1, starts, axis=1, dtype=np.int64) > 0
    binned_kinds = np.where(first + second, np.where(second > first, 3, 2), both).astype(np.uint8)
    return np.ascontiguousarray(binned_kinds.T)


def difference(first: Image, second: Image) -> Image:
    """Encode two rasters as (T, neurons): 0 no spike, 1 both fired, 2 only the first, 3 only the second."""
    both = (first & second).astype(np.uint8)
    encoded: Image = both + 2 * (first & ~second & 1) + 3 * (second & ~first & 1)
    return encoded
