"""Windows of convolutions and pools. Padding rules of the source formats become zeros on four sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet_converters.frontends.values import Factor, Pads, Pair, Window


def pads_along(extent: int, width: int, step: int, upper: bool) -> tuple[int, int]:
    """Return padding before and after an axis for which a pool or convolution has ceil(extent / step) outputs.

    If the padding is odd, the additional zero is after the axis with `upper`, otherwise before it.
    """
    total = max((-(-extent // step) - 1) * step + width - extent, 0)
    smaller, larger = total // 2, total - total // 2
    return (smaller, larger) if upper else (larger, smaller)


def spread(along: int, values: Sequence[int], other: int) -> Pair:
    """Return sizes (height, width) from two sizes, or from one.

    One size belongs to the axis `along`, 1 for height or 2 for width; the size of the other axis is `other`.
    """
    if len(values) == 2:
        return int(values[0]), int(values[1])
    return (int(values[0]), other) if along == 1 else (other, int(values[0]))


def spread_pads(along: int, pads: Sequence[int]) -> Pads:
    """Return zeros (before, after) of one axis, or (top, left, bottom, right)."""
    if len(pads) == 4:
        return pads[0], pads[1], pads[2], pads[3]
    return (pads[0], 0, pads[1], 0) if along == 1 else (0, pads[0], 0, pads[1])


def dilated(weight: npt.NDArray[np.float64], dilation: Pair) -> npt.NDArray[np.float64]:
    """Return the equivalent kernel with dilation 1: zeros between the weights (…, kh, kw)."""
    if dilation == (1, 1):
        return weight
    height, width = ((size - 1) * step + 1 for size, step in zip(weight.shape[-2:], dilation, strict=True))
    result = np.zeros((*weight.shape[:-2], height, width))
    result[..., :: dilation[0], :: dilation[1]] = weight
    return result


def reached(size: Pair, window: Window) -> Pads:
    """Return padding of a max pool with which every window lies inside the padded image.

    With `ceil`, the last window may extend beyond the declared padding. A window that begins beyond the pixels and the
    padding before them is omitted.
    """
    after = []
    for axis in (0, 1):
        first, last = window.pads[axis], window.pads[axis + 2]
        width = (window.kernel[axis] - 1) * window.dilation[axis] + 1
        stride = window.stride[axis]
        spare = size[axis] + first + last - width
        count = (-(-spare // stride) if window.ceil else spare // stride) + 1
        if window.ceil and (count - 1) * stride >= size[axis] + first:
            count -= 1
        after.append(max((count - 1) * stride + width - first - size[axis], 0))
    return window.pads[0], window.pads[1], after[0], after[1]


def shape_after(shape: tuple[int, ...], windows: Sequence[Window]) -> tuple[int, ...]:
    """Shape of a value (C, H, W) after max pools."""
    channels, *size = shape
    for window in windows:
        pads = reached((size[0], size[1]), window)
        size = [
            (extent + pads[axis] + pads[axis + 2] - (window.kernel[axis] - 1) * window.dilation[axis] - 1)
            // window.stride[axis] + 1
            for axis, extent in enumerate(size)
        ]  # fmt: skip
    return channels, *size


def added(a: Pads, b: Pads) -> Pads:
    """Return the sum of two paddings."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def symmetric(weight: npt.NDArray[np.float64], pads: Pads) -> tuple[npt.NDArray[np.float64], tuple[int, int]]:
    """Return the equivalent convolution with the same padding on both sides.

    A kernel with zeros at the side of the smaller padding covers the additional zeros of the image.

    Args:
        weight: (C_out, C_in / groups, kh, kw).
        pads: Padding of the convolution.

    Returns:
        (weight, padding).
    """
    top, left, bottom, right = pads
    padding = max(top, bottom), max(left, right)
    rows, columns = (padding[0] - top, padding[0] - bottom), (padding[1] - left, padding[1] - right)
    return np.pad(weight, ((0, 0), (0, 0), rows, columns)), padding


@dataclass(frozen=True)
class Averages:
    """Windows of an average pool along one axis.

    Attributes:
        before: Zeros before the first pixel.
        after: Zeros after the last pixel, up to the end of the last window.
        weights: 1 / divisor of each window, (windows,).
    """

    before: int
    after: int
    weights: Factor

    @property
    def uniform(self) -> bool:
        """Whether all windows have the same divisor."""
        return bool(np.ptp(self.weights) == 0)


def averages(
    extent: int, kernel: int, stride: int, before: int, after: int, *, ceil: bool, count_padding: bool
) -> Averages:
    """Return windows of an average pool along an axis of `extent` pixels.

    With `ceil`, the last window may extend beyond the padding; pixels beyond it never count. A window that begins
    beyond the pixels and the padding before them is omitted.
    """
    spare = extent + before + after - kernel
    count = (-(-spare // stride) if ceil else spare // stride) + 1
    if ceil and (count - 1) * stride >= extent + before:
        count -= 1
    starts = np.arange(count) * stride - before
    ends = starts + kernel
    if count_padding:
        divisors = np.minimum(ends, extent + after) - starts
    else:
        divisors = np.minimum(ends, extent) - np.maximum(starts, 0)
    reached = int(ends[-1]) if count > 0 else extent
    return Averages(before, max(reached - extent, 0), 1 / np.maximum(divisors, 1).astype(np.float64))


def adaptive(extent: int, count: int) -> Factor:
    """Return weights (extent, count) of an adaptive average pool along an axis."""
    weights = np.zeros((extent, count))
    for index in range(count):
        start, end = index * extent // count, -(-(index + 1) * extent // count)
        weights[start:end, index] = 1 / (end - start)
    return weights


def written(
    pixels: int, outputs: int, tap: int, window: Window, axis: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the pixels of an axis that an entry of a transposed kernel adds to an output, and their outputs."""
    before = np.arange(pixels)
    after = before * window.stride[axis] + tap - window.pads[axis]
    inside = (after >= 0) & (after < outputs)
    return before[inside], after[inside]


Filter = tuple[npt.NDArray[np.float64], Pads, tuple[int, int]]
"""A depthwise convolution: weight (kh, kw), padding, stride."""


def branches_of(
    rows: Averages, columns: Averages, kernel: tuple[int, int], stride: tuple[int, int], size: tuple[int, int]
) -> list[tuple[Filter, ...]]:
    """Return an average pool whose windows have different divisors, as a sum of chains of convolutions.

    The first chain applies the divisor of most windows to all of them. Each window at the border with another divisor
    adds a chain of two convolutions. The first has a kernel of the size of the image and sums the pixels of the window.
    The second writes this sum, multiplied by the difference of the inverse divisors, to the position of the window.
    """
    axes = [
        _along(axis, width, step, extent)
        for axis, width, step, extent in zip((rows, columns), kernel, stride, size, strict=True)
    ]
    branches: list[tuple[Filter, ...]] = []
    for row in axes[0]:
        for column in axes[1]:
            gather: Filter = (
                np.outer(row.gather, column.gather),
                (row.pads[0], column.pads[0], row.pads[1], column.pads[1]),
                (row.stride, column.stride),
            )
            if row.placement is None and column.placement is None:
                branches.append(((gather[0] * row.weight * column.weight, gather[1], gather[2]),))
                continue
            placement = np.outer(*(np.ones(1) if part.placement is None else part.placement for part in (row, column)))
            edges = tuple(0 if part.placement is None else len(part.placement) - 1 for part in (row, column))
            pads = (edges[0], edges[1], edges[0], edges[1])
            branches.append((gather, (placement * row.weight * column.weight, pads, (1, 1))))
    return branches


@dataclass(frozen=True)
class _Along:
    """One axis of a chain.

    Attributes:
        gather: Weights of the first convolution, 0 or 1.
        pads: Its zeros before and after.
        stride: Its stride.
        weight: Factor of its sums.
        placement: Weights of the second convolution, or None for a chain of all windows.
    """

    gather: Factor
    pads: tuple[int, int]
    stride: int
    weight: float
    placement: Factor | None = None


def _along(axis: Averages, kernel: int, stride: int, extent: int) -> list[_Along]:
    values, counts = np.unique(axis.weights, return_counts=True)
    usual = float(values[counts.argmax()])
    parts = [_Along(np.ones(kernel), (axis.before, axis.after), stride, usual)]
    count = len(axis.weights)
    for index in np.flatnonzero(axis.weights != usual):
        pixels = np.zeros(extent)
        start = int(index) * stride - axis.before
        pixels[max(start, 0) : max(start + kernel, 0)] = 1
        placement = np.zeros(count)
        placement[count - 1 - index] = 1
        parts.append(_Along(pixels, (0, 0), 1, float(axis.weights[index]) - usual, placement))
    return parts
