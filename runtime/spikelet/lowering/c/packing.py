"""Weights in the layouts that the kernels read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c.host_plan import lanes
from spikelet.lowering.c.plan import Ints


def pack(taps: Ints) -> npt.NDArray[np.int16]:
    """Pack 8-bit weights in pairs: weights h and l as 256 h + l + 128.

    In a block of W outputs, pair i contains output W/2 + i as h and output i as l.

    Args:
        taps: Weights, (kh, kw, C_in, C_out).

    Returns:
        Pairs, (blocks of outputs, taps * C_in, W/2).
    """
    *kernel, outputs = taps.shape
    width = lanes(outputs)
    packed = np.full((-(-outputs // width), np.prod(kernel), width // 2), 128, np.int16)
    for index, block in enumerate(packed):  # one block at a time, since int16 copies of a large layer take much memory
        rows = taps[..., index * width :][..., :width].reshape(len(block), -1).astype(np.int16)
        low, high = np.split(rows, [width // 2], 1)
        block[:, : low.shape[1]] += low
        block[:, : high.shape[1]] += 256 * high
    return packed


def pack_words(taps: Ints) -> npt.NDArray[np.uint32]:
    """Pack 8-bit weights in words of four outputs, each plus 128, the first one in the lowest byte.

    Args:
        taps: Weights, (kh, kw, C_in, C_out).

    Returns:
        Words, (taps * C_in, C_out / 4 rounded up).
    """
    *_, outputs = taps.shape
    rows = np.pad(taps.reshape(-1, outputs).astype(np.int64) + 128, ((0, 0), (0, -outputs % 4)))
    quads: npt.NDArray[np.uint32] = (
        (rows.reshape(len(rows), -1, 4) << np.array([0, 8, 16, 24])).sum(2).astype(np.uint32)
    )
    return quads


def pack_inputs(taps: Ints) -> npt.NDArray[np.uint32]:
    """Pack 16-bit weights of two inputs, ordered as [kernel x][channel][kernel y], in words, the first one low.

    Args:
        taps: Weights, (kh, kw, C_in, C_out).

    Returns:
        Words, (C_out / 4 rounded up, inputs / 2 rounded up, 4).
    """
    outputs = taps.shape[-1]
    rows = taps.transpose(3, 1, 2, 0).reshape(outputs, -1)
    rows = np.pad(rows, ((0, -outputs % 4), (0, rows.shape[1] % 2))).astype("<i2")
    pairs = rows.view("<u4").reshape(-1, 4, rows.shape[1] // 2)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1)).astype(np.uint32)


def pack_rows(taps: Ints) -> npt.NDArray[np.int16]:
    """Pack 16-bit weights so that those of two neighbouring inputs in a row of the kernel are adjacent.

    Args:
        taps: Weights, (kh, kw, C_in, C_out).

    Returns:
        Weights, (kh, kw * C_in / 2 rounded up, C_out, 2).
    """
    rows = taps.reshape(len(taps), -1, taps.shape[3]).astype(np.int16)
    rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2), (0, 0)))
    return np.ascontiguousarray(rows.reshape(len(taps), -1, 2, taps.shape[3]).transpose(0, 1, 3, 2))


def pack_quads(taps: Ints) -> npt.NDArray[np.int8]:
    """Pack 8-bit weights so that those of four neighbouring inputs and one output are adjacent.

    Args:
        taps: Weights, (kh, kw, C_in, C_out); C_in is a multiple of 4.

    Returns:
        Weights, (C_out / 16 rounded up, kh * kw * C_in / 4, 16, 4).
    """
    inputs, outputs = int(np.prod(taps.shape[:3])), taps.shape[3]
    rows = np.pad(taps.reshape(inputs, outputs).astype(np.int8), ((0, 0), (0, -outputs % 16)))
    return np.ascontiguousarray(rows.reshape(inputs // 4, 4, -1, 16).transpose(2, 0, 3, 1))


def products_in_16_bits(taps: Ints, count: int) -> int:
    """Return the number of products of pairs of inputs whose sum fits 16 bits for any inputs.

    Args:
        taps: Weights, (kh, kw, C_in, C_out); C_in is a multiple of 4. Sums are within a row of the kernel.
        count: Largest input; the smallest is 0.

    Returns:
        The number of inputs of a row, divided by 4, or a smaller number.
    """
    rows = taps.astype(np.int64).reshape(len(taps), -1, 2, 2, taps.shape[3])  # row, four inputs, pair, input, output
    signs = [count * np.maximum(sign * rows, 0).sum(3) for sign in (1, -1)]
    quads = int(rows.shape[1])
    for most in (quads, *(number for number in (64, 32, 24, 16, 8, 4, 2) if number < quads)):
        starts = range(0, quads, most)
        if all(sums[:, start : start + most].sum(1).max() < 2**15 for sums in signs for start in starts):
            return most
    return 1


def grouped(taps: Ints, groups: int, dtype: str) -> Ints:
    """Return weights as [tap][c_in of all groups][output of its group], flat.

    Args:
        taps: (kh, kw, C_in / groups, C_out).
        groups: Number of groups of channels.
        dtype: Type of the result.
    """
    *kernel, inputs, outputs = taps.shape
    split = taps.reshape(*kernel, inputs, groups, outputs // groups).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(split).reshape(-1).astype(dtype)
