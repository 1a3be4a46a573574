"""Pieces of values along an axis of channels or pixels: joined, divided, repeated and replaced.

Along channels, the result refers to channels of several nodes, see `spikelet_converters.frontends.channels`. Along
pixels, it is a sum of images, each of which has zeros in the places of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.channels import check_along_channels, concatenated, selected
from spikelet_converters.frontends.layout import arranged, axes_of, sizes
from spikelet_converters.frontends.pixels import gathered, weighed
from spikelet_converters.frontends.values import Value

Constant = npt.NDArray[np.generic]
Piece: TypeAlias = Value | Constant
"""A value of the network, or constants (1, …) with the axes of the source."""

Indices = npt.NDArray[np.intp]
MOST_RUNS = 2  # largest number of runs of pixels that are moved by one small convolution each


def joined(builder: Builder, name: str, where: str, pieces: Sequence[Piece], axis: int) -> Value:
    """Concatenate values and constants.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        pieces: The values and constants, of which at least one is a value.
        axis: Axis of the source's values, of which 0 is the batch.

    Raises:
        ConversionError: The axis is that of the batch, or the pieces differ in the sizes of other axes.
    """
    values = _padded(builder, name, where, pieces)
    like = _first(values)
    if not _along_pixels(where, "concatenates", like, axis):
        return concatenated(where, _images(builder, name, where, values, like))
    counts = [sizes(x)[axis - 1] if isinstance(x, Value) else _extent(where, x, axis, like) for x in values]
    terms = [
        (x, np.arange(count), np.arange(end - count, end))
        for x, count, end in zip(values, counts, np.cumsum(counts), strict=True)
    ]
    return _sum(builder, name, where, terms, axis, sum(counts))


def divided(builder: Builder, name: str, where: str, x: Value, axis: int, widths: Sequence[int]) -> list[Value]:
    """Divide a value into pieces of the given widths; the other arguments are those of `joined`.

    Raises:
        ConversionError: The axis is that of the batch, or the widths are not those of a division.
    """
    unit = "pixels" if _along_pixels(where, "splits", x, axis) else "channels"
    size = sizes(x)[axis - 1]
    if sum(widths) != size or min(widths) < 1:
        expected = "as many in all" if sum(widths) != size else "parts of one or more"
        raise ConversionError(f"{where}: splits {size} {unit} into {list(widths)}; expected {expected}")
    return [
        gathered(builder, builder.free_name(f"{name}.{index}"), where, np.arange(end - width, end), axis, x)
        for index, (width, end) in enumerate(zip(widths, np.cumsum(widths), strict=True))
    ]


def repeated(
    builder: Builder, name: str, where: str, x: Value, counts: Sequence[int], *, interleaved: bool = False
) -> Value:
    """Repeat a value along its axes.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        x: The value.
        counts: Number of repetitions by axis, of which 0 is the batch.
        interleaved: Whether the repetitions of a channel or pixel follow one another.

    Raises:
        ConversionError: Samples are repeated, or the image has too many pixels.
    """
    if len(counts) != len(sizes(x)) + 1:
        raise ConversionError(f"{where}: repeats {len(counts)} axes; expected {len(sizes(x)) + 1}")
    for axis, count in enumerate(counts):
        if count != 1:
            _along_pixels(where, "repeats", x, axis)
            entries = np.arange(sizes(x)[axis - 1])
            taken = np.repeat(entries, count) if interleaved else np.tile(entries, count)
            x = gathered(builder, builder.free_name(f"{name}.{axis}"), where, taken, axis, x)
    return x


def assigned(
    builder: Builder, name: str, where: str, x: Piece, indices_by_axis: Mapping[int, Constant], other: Piece
) -> Value:
    """Replace the channels and pixels of x at some places by those of another value.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        x: A value, or constants if `other` is a value.
        indices_by_axis: Indices, or a mask, by axis of the source's values, of which 0 is the batch.
        other: A value with one entry for each place, or constants that are broadcast.

    Raises:
        ConversionError: An axis is that of the batch, a place is named twice or does not exist, or the other value has
            other sizes.
    """
    before, new = _padded(builder, name, where, (x, other))
    like = _first((before, new))
    (axis, indices), *rest = indices_by_axis.items()
    along_pixels = _along_pixels(where, "assigns", like, axis)
    size = sizes(before)[axis - 1] if isinstance(before, Value) else _extent(where, before, axis, like)
    targets = _targets(where, indices, size)
    if rest:
        part = before.take(targets, axis) if isinstance(before, np.ndarray) else gathered(
            builder, builder.free_name(f"{name}.{axis}"), where, targets, axis, before
        )  # fmt: skip
        new = assigned(builder, builder.free_name(f"{name}.{axis}.part"), where, part, dict(rest), new)
        new = builder.padded(builder.free_name(name), where, new)
        like = _first((before, new))
    entries = np.arange(len(targets))
    if along_pixels:
        others = np.setdiff1d(np.arange(size), targets)
        return _sum(builder, name, where, [(before, others, others), (new, entries, targets)], axis, size)
    pick = np.arange(size)
    pick[targets] = size + entries
    if not isinstance(new, Value):
        shape = list(sizes(like))
        shape[axis - 1] = len(targets)
        new = _broadcast(where, new, tuple(shape))
    return selected(concatenated(where, _images(builder, name, where, (before, new), like)), pick)


def _targets(where: str, indices: Constant, size: int) -> Indices:
    """Return the places of indices, or of a mask, along an axis."""
    try:
        targets = np.arange(size)[indices]
    except IndexError:
        raise ConversionError(f"{where}: assigns at indices {indices.tolist()} of {size}") from None
    if len(np.unique(targets)) < len(targets):
        raise ConversionError(f"{where}: assigns at indices {targets.tolist()}; expected each of them once")
    return targets


def _along_pixels(where: str, verb: str, x: Value, axis: int) -> bool:
    """Return whether an axis is one of pixels, or that of channels or features.

    Raises:
        ConversionError: It is that of the batch, or the value is reshaped.
    """
    if axis and not x.regrouped and axes_of(x)[axis - 1] != 0:
        return True
    check_along_channels(where, verb, x, axis)
    return False


def _first(pieces: Sequence[Piece]) -> Value:
    return next(x for x in pieces if isinstance(x, Value))


def _padded(builder: Builder, name: str, where: str, pieces: Sequence[Piece]) -> list[Piece]:
    return [builder.padded(name, where, x) if isinstance(x, Value) else x for x in pieces]


def _images(builder: Builder, name: str, where: str, pieces: Sequence[Piece], like: Value) -> list[Value]:
    return [x if isinstance(x, Value) else builder.constant_like(f"{name}.constant", where, x, like) for x in pieces]


def _extent(where: str, array: Constant, axis: int, like: Value) -> int:
    """Return the size of constants along an axis."""
    if array.ndim != len(sizes(like)) + 1:
        raise _unfit(where, array, sizes(like))
    return int(array.shape[axis])


def _broadcast(where: str, array: Constant, shape: Shape) -> Constant:
    """Return constants of the sizes (1, *shape); those of a fixed batch are the same for all samples."""
    if array.ndim == len(shape) + 1 and len(array) > 1 and (array == array[:1]).all():
        array = array[:1]
    try:
        return np.broadcast_to(array, (1, *shape))
    except ValueError:
        raise _unfit(where, array, shape) from None


def _unfit(where: str, array: Constant, shape: Shape) -> ConversionError:
    return ConversionError(
        f"{where}: takes constants of shape {array.shape} for (N, {', '.join(map(str, shape))}); expected the same "
        "sizes, and one set for all samples"
    )


def _sum(
    builder: Builder, name: str, where: str, terms: Sequence[tuple[Piece, Indices, Indices]], axis: int, size: int
) -> Value:
    """Add the sum of images with `size` pixels along an axis.

    Each term is a piece, the pixels that are taken from it, and their places. Other places of a term are zero.
    """
    like = _first([piece for piece, *_ in terms])
    others = [count for index, count in enumerate(sizes(like), 1) if index != axis]
    numbers = np.zeros((1, *sizes(like)[: axis - 1], size, *sizes(like)[axis:]))
    images: list[Value] = []
    for piece, taken, targets in terms:
        if isinstance(piece, Value):
            if [count for index, count in enumerate(sizes(piece), 1) if index != axis] != others:
                raise ConversionError(
                    f"{where}: takes (N, {', '.join(map(str, sizes(like)))}) and (N, "
                    f"{', '.join(map(str, sizes(piece)))}); expected equal sizes of all axes except axis {axis}"
                )
            images += _placed(builder, name, where, piece, taken, targets, axis, size)
            continue
        extent = piece.shape[axis] if piece.ndim == numbers.ndim and piece.shape[axis] != 1 else len(taken)
        part = _broadcast(where, piece, (*sizes(like)[: axis - 1], extent, *sizes(like)[axis:]))
        numbers.swapaxes(0, axis)[targets] = part.swapaxes(0, axis)[taken if extent > len(taken) else slice(None)]
    if not images:
        return builder.constant_like(builder.free_name(name), where, numbers, like)
    if len(images) == 1 and not numbers.any():
        return images[0]
    images = [builder.padded(builder.free_name(name), where, image) for image in images]
    total = builder.add(builder.free_name(name), where, images) if len(images) > 1 else images[0]
    return (
        builder.plus_constant(builder.free_name(f"{name}.numbers"), where, numbers, total) if numbers.any() else total
    )


def _placed(
    builder: Builder, name: str, where: str, x: Value, taken: Indices, targets: Indices, axis: int, size: int
) -> list[Value]:
    """Return images whose sum has some pixels of a value at new places, and zeros at all others."""
    breaks = np.flatnonzero((np.diff(taken) != 1) | (np.diff(targets) != 1)) + 1
    if len(breaks) >= MOST_RUNS:
        order = axes_of(x)
        pixels = order[axis - 1] + 1

        def operation(units: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            moved = np.zeros((*units.shape[:pixels], size, *units.shape[pixels + 1 :]), units.dtype)
            moved.swapaxes(0, pixels)[targets] = units.swapaxes(0, pixels)[taken]
            return moved

        inner = replace(builder.padded(name, where, x), axes=None)
        after = [size if index == pixels else count for index, count in enumerate(inner.shape[1:], 2)]
        return [arranged(weighed(builder, builder.free_name(f"{name}.places"), where, operation, after, inner), order)]
    images = []
    for run, target in zip(np.split(taken, breaks), np.split(targets, breaks), strict=True):
        if not run.size:
            continue
        part = gathered(builder, builder.free_name(f"{name}.part"), where, run, axis, x)
        pads = [(0, 0)] * len(sizes(x))
        pads[axis - 1] = int(target[0]), size - int(target[-1]) - 1
        images.append(builder.surrounded(name, where, tuple(pads), part))
    return images
