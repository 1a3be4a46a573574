"""Operations that are linear in the pixels: resampling, padding with pixels, and moving pixels to or from channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.channels import check_along_channels, selected
from spikelet_converters.frontends.construction import check_finite
from spikelet_converters.frontends.layout import (
    apart,
    arranged,
    as_image,
    axes_of,
    per_channel,
    sizes,
    varies,
    window_of,
)
from spikelet_converters.frontends.values import Value, Window

Operation = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Converts images or lines of one channel, (N, 1, *pixels)."""


def weighed(builder: Builder, name: str, where: str, operation: Operation, after: Sequence[float], x: Value) -> Value:
    """Add an operation that is linear in the pixels, and the same in every channel.

    Its weights are its outputs for images of one pixel. Every pixel has weights of its own.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        operation: The operation itself.
        after: Approximate number of pixels along each axis after the operation.
        x: The value, (C, H, W) or (C, L).

    Raises:
        ConversionError: The value has other axes, or too many pixels.
    """
    pixels = sizes(x)[1:]
    count = int(np.prod(pixels))
    if not pixels:
        raise ConversionError(f"{where}: takes images or lines, found (N, {sizes(x)[0]})")
    largest = max(float(count), float(np.prod(np.maximum(after, 1))))
    builder.check_weights(where, int(x.shape[0] * count * largest))
    units = np.eye(count, dtype=np.float32).reshape(count, 1, *pixels)
    return builder.pixelwise(name, where, operation(units)[None, :, 0].astype(np.float64), x)


def gathered(
    builder: Builder, name: str, where: str, indices: npt.NDArray[np.integer | np.bool], axis: int, x: Value
) -> Value:
    """Take channels, features or pixels at constant indices along an axis of the source's value; 0 is the batch.

    Raises:
        ConversionError: The axis is that of the batch, or the value has other axes, or too many pixels.
    """
    if axis == 0 or x.regrouped or axes_of(x)[axis - 1] == 0:
        check_along_channels(where, "gathers", x, axis)
        return selected(x, np.arange(x.shape[0])[indices])
    size = sizes(x)[axis - 1]
    taken = np.arange(size)[indices]
    if not taken.size:
        raise ConversionError(f"{where}: takes none of {size} pixels")
    steps = np.unique(np.diff(taken))
    if steps.size <= 1 and steps.min(initial=1) > 0:  # a slice
        slices = [slice(None)] * (len(sizes(x)) + 1)
        slices[axis] = slice(int(taken[0]), int(taken[-1]) + 1, int(steps.max(initial=1)))
        return builder.sliced(name, where, slices, x)
    order = axes_of(x)
    inner, pixels = replace(builder.padded(name, where, x), axes=None), order[axis - 1] + 1
    after = [len(taken) if index == pixels else count for index, count in enumerate(inner.shape[1:], 2)]
    return arranged(weighed(builder, name, where, lambda units: units.take(taken, pixels), after, inner), order)


def masked(builder: Builder, name: str, where: str, constant: npt.NDArray[np.generic], x: Value) -> Value:
    """Multiply an image by a constant that differs from pixel to pixel, such as a mask or a window.

    Raises:
        ConversionError: The constant does not fit the image, or there are too many pixels.
    """
    if x.merged:
        return replace(masked(builder, name, where, apart(constant, x), replace(x, merged=False)), merged=True)
    x = builder.padded(name, where, x)
    try:
        factors = as_image(constant, x)
    except ValueError:
        raise ConversionError(
            f"{where}: multiplies (N, {', '.join(map(str, sizes(x)))}) by constants of shape {constant.shape}; "
            "expected one number for each pixel, or for each pixel and channel"
        ) from None
    check_finite(where, factors)
    inner = replace(x, axes=None)
    pixels = inner.shape[1] * inner.shape[2]
    builder.check_weights(where, inner.shape[0] * pixels * pixels)
    weights = (np.eye(pixels) * factors.reshape(inner.shape[0], pixels, 1)).reshape(-1, pixels, *inner.shape[1:])
    return arranged(builder.pixelwise(name, where, weights, inner), axes_of(x))


def scaled(
    builder: Builder, name: str, where: str, factors: npt.NDArray[np.generic], x: Value, *, alone: bool
) -> Value:
    """Multiply a value by one number, one per channel, or one per pixel, see `varies`.

    Args:
        builder: The graph under construction.
        name: Name of the layer of factors of pixels.
        where: The operation in error messages.
        factors: Constant that is broadcast with the value.
        x: The value.
        alone: Whether no other operation uses the value, so that factors of channels can be part of its weights.
    """
    if varies(factors, x):
        return masked(builder, name, where, factors, x)
    return builder.affine(where, per_channel(where, factors, x), 0.0, x, alone=alone)


def shifted(
    builder: Builder, name: str, where: str, numbers: npt.NDArray[np.generic], x: Value, *, alone: bool
) -> Value:
    """Add one number, one per channel, or one per pixel to a value; the arguments are those of `scaled`."""
    if varies(numbers, x):
        return builder.plus_constant(name, where, numbers, x)
    return builder.affine(where, 1.0, per_channel(where, numbers, x), x, alone=alone)


def window(x: Value, block: int) -> Window:
    """Return adjacent windows of block x block pixels."""
    axes = len(sizes(x)) - 1
    return window_of(x, (block,) * axes, (block,) * axes, (0,) * 2 * axes)


def depth_to_space(builder: Builder, name: str, where: str, block: int, x: Value, *, depth_first: bool) -> Value:
    """Add an operation that turns channels into blocks of pixels.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        block: Height and width of a block.
        x: The value, (C block², H, W).
        depth_first: Whether the channels of the source are (block, block, C), not (C, block, block).
    """
    channels = _blocks(where, block, x, x.shape[0])
    if depth_first:
        order = np.arange(x.shape[0]).reshape(block * block, channels).T.ravel()
        x = selected(x, order)
    kernel = np.tile(np.eye(block * block).reshape(-1, 1, block, block), (channels, 1, 1, 1))
    return builder.transposed(name, where, kernel, None, window(x, block), (0, 0), channels, x)


def space_to_depth(builder: Builder, name: str, where: str, block: int, x: Value, *, depth_first: bool) -> Value:
    """Add an operation that turns blocks of pixels into channels, the reverse of `depth_to_space`."""
    channels = x.shape[0]
    _blocks(where, block, x, channels * block * block)
    if any(size % block for size in sizes(x)[1:]):
        raise ConversionError(f"{where}: divides {sizes(x)[1:]} pixels into blocks of {block}; expected a multiple")
    kernel = np.tile(np.eye(block * block).reshape(-1, 1, block, block), (channels, 1, 1, 1))
    deep = builder.convolution(name, where, kernel, None, window(x, block), channels, x)
    if not depth_first:
        return deep
    return selected(deep, np.arange(deep.shape[0]).reshape(channels, block * block).T.ravel())


def _blocks(where: str, block: int, x: Value, depth: int) -> int:
    """Return the number of channels of the image with more pixels; depth: channels of the one with fewer."""
    if len(sizes(x)) != 3 or block < 1 or depth % (block * block):
        raise ConversionError(
            f"{where}: takes (N, C, H, W) with a multiple of {block * block} channels, found (N, "
            f"{', '.join(map(str, sizes(x)))})"
        )
    return depth // (block * block)


def padded_by(builder: Builder, name: str, where: str, mode: str, pairs: list[tuple[int, int]], x: Value) -> Value:
    """Pad an image with copies of its pixels.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        mode: reflect, edge or wrap, as in numpy.pad.
        pairs: Pixels before and after each axis of pixels.
        x: The value.
    """
    if min(min(pair) for pair in pairs) < 0:
        raise ConversionError(f"{where}: pads {pairs} remove pixels; expected 0 or more")
    most = [size - 1 if mode == "reflect" else size for size in sizes(x)[1:]]
    if mode != "edge" and any(max(pair) > size for pair, size in zip(pairs, most, strict=True)):
        raise ConversionError(f"{where}: pads {pairs} by {mode}, more than the image of {sizes(x)[1:]} pixels has")

    def operation(units: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.pad(units, ((0, 0), (0, 0), *pairs), mode=mode)  # type: ignore[call-overload]

    after = [size + sum(pair) for size, pair in zip(sizes(x)[1:], pairs, strict=True)]
    return weighed(builder, name, where, operation, after, x)
