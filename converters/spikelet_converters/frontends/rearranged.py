"""Reshapes and transposes that together move pixels to channels, or channels to pixels, or that group features.

Between them, a value has axes that no node has, such as (C, H/2, 2, W/2, 2). It is then the value before the first
reshape, with the place of each number, `Value.view`. A later reshape to (C, H, W) becomes a convolution, and the order
of flattened numbers that of the weights of the next linear layer. Axes of size 1 that are repeated make pixels larger.
Features (F,) that are groups (K, F / K), such as the populations of neurons that vote for a class, are averaged by a
linear layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.limits import Limits
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.channels import selected
from spikelet_converters.frontends.layout import expected_of, reshaped, sizes, target_of, transposed
from spikelet_converters.frontends.pixels import depth_to_space, space_to_depth
from spikelet_converters.frontends.values import NONE, Value, Window

INDEX_BYTES = 64  # of memory for the places of a number
LEAST_AXES = 4  # of a view, without the batch
Index = npt.NDArray[np.intp]


def reshape(builder: Builder, name: str, where: str, new_sizes: list[int], batch: int | None, x: Value) -> Value:
    """Reshape a value, see `Builder.reshaped`; also to four or more axes, and from these to (C, H, W) or features."""
    target = target_of(x, new_sizes, batch)
    if x.view is not None:
        possible = (1, 2) if len(x.shape) == 1 else (1, 3, *range(LEAST_AXES, 9))
        if target is None or len(target) not in possible:
            raise refused(where, x)
        view = x.view.reshape(target)
        if view.ndim == 1 == len(x.shape):
            return selected(replace(x, view=None), view)
        if view.size != math.prod(x.shape):  # numbers were repeated
            return replace(x, view=view) if view.ndim > 3 else _repeated_pixels(builder, name, where, view, x)
        if view.ndim == 1:
            flat = builder.flatten(name, where, replace(x, view=None))
            if flat.parts:
                raise refused(where, x)
            return replace(flat, order=view)
        return _moved(builder, name, where, view, x) if view.ndim == 3 else replace(x, view=view)
    whole = len(x.shape) == 3 and x.axes is None and x.order is None and x.pads == NONE and not x.maxima
    if target is not None and len(target) >= LEAST_AXES and whole and not x.regrouped and reshaped(x, target) is None:
        count = math.prod(x.shape)
        Limits().check(f"{where}: the indices of {count:,} numbers", INDEX_BYTES * count)
        return replace(x, view=np.arange(count).reshape(target))
    features = None if target is None else _flattened(builder, name, where, target, x)
    if features is not None:
        return reshape(builder, name, where, new_sizes, batch, features)
    if target is not None and len(target) == 2 and len(x.shape) == 1 and x.node != "input":
        return replace(x, view=np.arange(x.shape[0]).reshape(target))
    return builder.reshaped(name, where, new_sizes, batch, x)


def _flattened(builder: Builder, name: str, where: str, target: Shape, x: Value) -> Value | None:
    """Return the features of an image that becomes features with axes of size 1, None for another target."""
    if len(target) < 2 or x.shape[0] == 1 or not max(target) == math.prod(x.shape) > max(x.shape):
        return None
    if x.pads != NONE or x.maxima or x.regrouped:
        return None
    flat = builder.flatten(builder.free_name(f"{name}.flat"), where, x)
    return flat if flat.order is None else None


def mean(builder: Builder, name: str, where: str, axes: Sequence[int], keep: bool, x: Value) -> Value:
    """Add a mean over axes, see `Builder.mean`; also over those of groups of features."""
    if x.view is None:
        return builder.mean(name, where, axes, keep, x)
    view = x.view
    reduced = {axis % (view.ndim + 1) for axis in axes}
    if len(x.shape) != 1 or not reduced or 0 in reduced:
        raise refused(where, x)
    shape = [1 if axis in reduced else size for axis, size in enumerate(view.shape, 1) if keep or axis not in reduced]
    order = [axis for axis in range(view.ndim) if axis + 1 not in reduced]
    members = view.transpose(*order, *(axis - 1 for axis in reduced)).reshape(math.prod(shape), -1)
    weight = np.zeros((len(members), x.shape[0]))
    np.put_along_axis(weight, members, 1 / members.shape[1], 1)
    value = builder.linear(name, where, weight, None, replace(x, view=None))
    return value if len(shape) < 2 else replace(value, view=np.arange(len(members)).reshape(shape))


def repeated(where: str, x: Value, counts: Sequence[int]) -> Value:
    """Return a reshaped value that is repeated along its axes, of which 0 is the batch."""
    assert x.view is not None
    if len(counts) != x.view.ndim + 1 or counts[0] != 1:
        raise refused(where, x)
    Limits().check(f"{where}: the indices of its numbers", INDEX_BYTES * x.view.size * math.prod(counts))
    return replace(x, view=np.tile(x.view, counts[1:]))


def expanded(builder: Builder, name: str, where: str, target: Sequence[int], x: Value) -> Value:
    """Add a value that is broadcast to the sizes `target`, see `Builder.repeated`; also one that is reshaped."""
    if x.view is None:
        return builder.repeated(name, where, target, x)
    return repeated(where, x, [1, *(a // b for a, b in zip(target, x.view.shape, strict=True))])


def transpose(where: str, x: Value, perm: list[int]) -> Value:
    """Permute the axes of a value, of which axis 0 is the batch, see `layout.transposed`."""
    if x.view is None:
        return transposed(where, x, perm)
    if sorted(perm) != list(range(x.view.ndim + 1)) or perm[0] != 0:
        raise ConversionError(f"{where}: permutes axes by {perm}; expected the batch to stay first")
    return replace(x, view=x.view.transpose([axis - 1 for axis in perm[1:]]))


def votes(builder: Builder, name: str, where: str, window: Window, x: Value) -> Value:
    """Add an average pool of features as a line of one channel, (1, F), whose windows do not overlap."""
    width = window.kernel[1]
    assert x.view is not None
    plain = window == Window((1, width), (1, width), where=window.where) and x.view.shape[0] == 1
    if len(x.shape) != 1 or not plain or x.view.size % width:
        raise refused(where, x)
    groups = mean(builder, name, where, [2], False, replace(x, view=x.view.reshape(-1, width)))
    return replace(groups, view=np.arange(groups.shape[0]).reshape(1, -1))


def without_ones(x: Value) -> Value | None:
    """Return features without axes of size 1 before or behind them, None for another value."""
    assert x.view is not None
    index = np.arange(x.shape[0])
    same = max(x.view.shape) == x.view.size == len(index) and len(x.shape) == 1
    return replace(x, view=None) if same and (x.view.ravel() == index).all() else None


def refused(where: str, x: Value) -> ConversionError:
    """Return the error for a view that is not moved pixels."""
    before, after = (", ".join(map(str, shape)) for shape in (x.shape, sizes(x)))
    if len(x.shape) == 1:
        return ConversionError(f"{where}: takes (N, {after}), reshaped from (N, {before}); {expected_of(x)}")
    return ConversionError(
        f"{where}: takes (N, {after}), reshaped from (N, {before}); expected (N, C, H, W), as PixelShuffle and "
        "PixelUnshuffle give; write patches as a convolution whose stride is its kernel"
    )


def _moved(builder: Builder, name: str, where: str, view: Index, x: Value) -> Value:
    """Return the image (C, H, W) of the numbers of a value at the places `view`.

    Raises:
        ConversionError: The view is neither blocks of pixels as channels nor channels as blocks of pixels.
    """
    source, index = replace(x, view=None), np.arange(view.size).reshape(x.shape)
    block = x.shape[1] // view.shape[1]
    if block > 0:
        deep = _deep(index, block, view.shape)
        order = None if deep is None else _order(deep, view)
        if order is not None:
            if block > 1:
                source = space_to_depth(builder, name, where, block, source, depth_first=False)
            return selected(source, order)
    else:
        block = view.shape[1] // x.shape[1]
        deep = _deep(view, block, x.shape)
        order = None if deep is None else _order(index, deep)
        if order is not None:
            return depth_to_space(builder, name, where, block, selected(source, order), depth_first=False)
    raise refused(where, x)


def _repeated_pixels(builder: Builder, name: str, where: str, view: Index, x: Value) -> Value:
    """Return the image (C, H, W) of the pixels of a value at the places `view`, as an upsampling gives them."""
    pixels = math.prod(x.shape[1:])
    if (
        view.ndim != 3
        or view.shape[0] != x.shape[0]
        or (view != view[:1] + pixels * np.arange(len(view)).reshape(-1, 1, 1)).any()
    ):
        raise refused(where, x)
    builder.check_weights(where, pixels * view.size)
    return builder.pixelwise(name, where, np.eye(pixels)[None, :, view[0]], replace(x, view=None))


def _deep(image: Index, block: int, shape: Shape) -> Index | None:
    """Return an image (C, H, W) with its blocks of pixels as channels, or None if that does not give the shape."""
    channels, (height, width) = image.shape[0], shape[1:]
    if image.shape[1:] != (block * height, block * width):
        return None
    return image.reshape(channels, height, block, width, block).transpose(0, 2, 4, 1, 3).reshape(shape)


def _order(image: Index, target: Index) -> Index | None:
    """Return the channel of `image` at each channel of `target`, or None if a channel of `target` is not one."""
    places = np.full(image.size, -1)
    places[image[:, 0, 0]] = np.arange(len(image))
    order = places[target[:, 0, 0]]
    return order if order.min() >= 0 and (image[order] == target).all() else None
