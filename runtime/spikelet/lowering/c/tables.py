"""Tables of the sums of the weights of four inputs, for each pattern of their spikes.

A layer whose inputs spike often adds one entry of a table for four inputs, instead of a row of weights for each spike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c.plan import Ints

BLOCK = 16  # outputs of one entry of a table
PATTERNS = np.arange(16)[:, None] >> np.arange(4) & 1  # (16, 4): whether each of four inputs spikes


def tables_bytes(weight: Ints) -> int:
    """Return the size of the tables of a layer.

    Args:
        weight: (C_out, C_in, kh, kw).
    """
    outputs, inputs = len(weight), weight[0].size
    return -(-outputs // BLOCK) * BLOCK * int(inputs) // 4 * len(PATTERNS) * 2


def sums_in_16_bits(weight: Ints) -> bool:
    """Return whether the sum of the weights of any inputs fits 16 bits.

    Args:
        weight: (C_out, C_in, kh, kw).
    """
    rows = weight.reshape(len(weight), -1).astype(np.int64)
    return bool(np.maximum(rows, 0).sum(1).max() < 2**15 and np.minimum(rows, 0).sum(1).min() >= -(2**15))


def pack_tables(taps: Ints) -> npt.NDArray[np.int16]:
    """Sum the weights of four neighbouring inputs for each pattern of their spikes; bit i is that of input i.

    Args:
        taps: Weights, (kh, kw, C_in, C_out); C_in is a multiple of 4.

    Returns:
        Sums, (C_out / 16 rounded up, kh, kw, C_in / 4, 16 patterns, 16 outputs).
    """
    height, width, inputs, outputs = taps.shape
    rows = np.pad(taps.astype(np.int16), [(0, 0)] * 3 + [(0, -outputs % BLOCK)])
    fours = rows.reshape(height, width, inputs // 4, 4, -1, BLOCK).transpose(4, 0, 1, 2, 3, 5)
    return np.ascontiguousarray(PATTERNS.astype(np.int16) @ fours)
