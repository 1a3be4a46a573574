"""Order of axes: the axes of a value in the source, and its axes (C, H, W) in the graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.values import BATCH, NONE, ONE, Factor, Pads, Value, Window
from spikelet_converters.frontends.windows import shape_after, spread, spread_pads

TOKENS = (1, 2, 0)
"""Axes of a value (H·W, C), whose pixels are one axis."""


def axes_of(x: Value) -> tuple[int, ...]:
    """Return the axis of the graph's value at each axis of the source's value, whose channels are one axis."""
    return x.axes if x.axes is not None else tuple(range(len(x.shape)))


def sizes(x: Value) -> Shape:
    """Return the shape of the source's value for one sample."""
    if x.view is not None:
        return x.view.shape
    if x.grid is not None:
        return (*x.grid, *x.shape[1:])
    if x.merged:
        pixels = x.shape[1] * x.shape[2]
        return (x.shape[0], pixels) if axes_of(x)[0] == 0 else (pixels, x.shape[0])
    shape = shape_after(x.shape, x.maxima) if x.maxima else x.shape
    if x.pads != NONE:
        shape = (shape[0], shape[1] + x.pads[0] + x.pads[2], shape[2] + x.pads[1] + x.pads[3])
    return tuple(shape[axis] for axis in axes_of(x))


def line_of(x: Value) -> int | None:
    """Return the axis of the pixels of a value (C, L), 1 for height or 2 for width; None for another value."""
    axes = axes_of(x)
    return axes[1] if len(axes) == 2 and axes[0] == 0 and len(x.shape) == 3 and not x.regrouped else None


def is_of_classes(x: Value, axis: object) -> bool:
    """Return whether an axis of the source's value is that of classes with at most one pixel."""
    axes = axes_of(x)
    rank = len(sizes(x)) + 1
    one_pixel = not x.regrouped and x.view is None and len(axes) + 1 == rank and set(x.shape[1:]) <= {1}
    return one_pixel and isinstance(axis, int) and -rank <= axis < rank and axis % rank == axes.index(0) + 1


def padded(where: str, x: Value, pads: tuple[tuple[int, int], ...]) -> Value:
    """Return the value with zeros before and after each axis of the source's value except the batch.

    Raises:
        ConversionError: Channels or features are padded.
    """
    if x.maxima:
        raise ConversionError(f"{where}: pads maxima of values that may be negative; put a ReLU before the max pool")
    if x.regrouped:
        raise ConversionError(f"{where}: pads (N, {', '.join(map(str, sizes(x)))}); expected (N, C, H, W)")
    sides = [(0, 0)] * 3
    for axis, pair in zip(axes_of(x), pads, strict=True):
        if pair != (0, 0) and (axis == 0 or len(x.shape) != 3):
            raise ConversionError(f"{where}: pads an axis of channels by {pair}; expected height and width")
        sides[axis] = pair
    (_, (top, bottom), (left, right)) = sides
    around: Pads = (top + x.pads[0], left + x.pads[1], bottom + x.pads[2], right + x.pads[3])
    return replace(x, pads=around)


def arranged(x: Value, axes: tuple[int, ...]) -> Value:
    """Return the same value with its axes in another order."""
    return replace(x, axes=None if axes == tuple(range(len(x.shape))) else axes)


def in_order(where: str, x: Value) -> Value:
    """Return the value, if its axes are those of the graph.

    Raises:
        ConversionError: They are in another order.
    """
    if x.axes is None and x.order is None and not x.regrouped:
        return x
    large = [axis for axis in axes_of(x) if x.shape[axis] != 1]
    if (
        x.order is None
        and not x.regrouped
        and large == sorted(large)
        and tuple(x.shape[i] for i in axes_of(x)) == x.shape
    ):
        return replace(x, axes=None)
    raise ConversionError(
        f"{where}: takes a value whose axes were permuted; expected (N, C, H, W): export the network channel first"
    )


def flat_order(x: Value) -> npt.NDArray[np.intp] | None:
    """Return the feature of the graph's flattened value at each feature of the source's, or None if equal."""
    missing = tuple(axis for axis in range(len(x.shape)) if axis not in axes_of(x))
    index = np.arange(int(np.prod(x.shape))).reshape(x.shape).transpose(*axes_of(x), *missing).ravel()
    return None if (index == np.arange(len(index))).all() else index


def transposed(where: str, x: Value, perm: list[int]) -> Value:
    """Return the value after a permutation of its axes, of which axis 0 is the batch.

    Raises:
        ConversionError: The batch is moved.
    """
    if x.grid is not None:
        if perm != [0, 2, 1, 3, 4]:
            raise ConversionError(f"{where}: permutes axes by {perm}; expected groups of channels to be exchanged")
        groups, size = x.grid
        parts, pick = (x.parts, x.pick) if x.parts else ((replace(x, grid=None),), np.arange(x.shape[0]))
        assert pick is not None
        exchanged = pick.reshape(groups, size).T.ravel()
        return Value("", ONE, x.shape, parts=parts, pick=exchanged, grid=(size, groups))
    axes = axes_of(x)
    if x.merged and sorted(perm[1:]) == [1, 2]:
        return x if perm == [0, 1, 2] else arranged(x, TOKENS if axes == (0, 1, 2) else (0, 1, 2))
    if len(perm) != len(axes) + 1 or perm[0] != 0 or sorted(perm) != list(range(len(perm))):
        raise ConversionError(f"{where}: permutes axes by {perm}; expected the batch to stay first")
    return arranged(x, tuple(axes[index - 1] for index in perm[1:]))


def ungrouped(x: Value) -> Value:
    """Return a value with its channels as one axis and its pixels as two."""
    return replace(x, grid=None, merged=False)


def as_before(y: Value, x: Value) -> Value:
    """Return a value that was computed from another one number by number, with the axes of that one."""
    return replace(y, grid=x.grid, merged=x.merged)


def same_axes(a: Value, b: Value) -> bool:
    """Return whether two values have the same axes in the source and in the graph."""
    return (a.shape, a.grid, a.merged, axes_of(a)) == (b.shape, b.grid, b.merged, axes_of(b))


def reshaped(x: Value, target: Shape) -> Value | None:
    """Return the value with axes of size 1 added or removed, or None if that does not give the target."""
    if len(x.shape) != 3:
        return x if target == x.shape else None
    if target == sizes(x):
        return x
    if x.regrouped:
        whole = tuple(x.shape[axis] for axis in axes_of(x))
        return ungrouped(x) if target == whole else None
    regrouped = _regrouped(x, target)
    if regrouped is not None or x.pads != NONE or x.maxima:
        return regrouped
    large = [axis for axis in axes_of(x) if x.shape[axis] != 1]
    if [size for size in target if size != 1] != [x.shape[axis] for axis in large]:
        return None
    spare = [axis for axis in range(3) if x.shape[axis] == 1]
    rest, axes = iter(large), []
    for size in target:
        if size != 1:
            axes.append(next(rest))
        elif spare:
            axes.append(spare.pop(0))
        else:
            return None
    return arranged(x, tuple(axes))


def expected_of(x: Value) -> str:
    """Return what is expected of a reshape that `reshaped` does not give, in error messages."""
    if len(x.shape) > 1:
        return "expected (N, -1), which flattens, or axes of size 1 that are added or removed"
    pixel = "keep one pixel, with mean(…, keepdim=True) and Conv2d with a kernel of 1 in place of Linear"
    image = "apply the layers to the image before it is flattened"
    return f"expected features to stay (N, {x.shape[0]}); to make them an image, {pixel}, or {image}"


def _regrouped(x: Value, target: Shape) -> Value | None:
    """Return the value with its channels as two axes or its pixels as one, or None if that does not give the target."""
    apart = x.pads == NONE and not x.maxima and min(x.shape[1:]) > 1
    if x.axes == TOKENS and apart and target == (x.shape[1] * x.shape[2], x.shape[0]):
        return replace(x, merged=True)
    if x.axes is not None:
        return None
    if len(target) == 4 and target[0] * target[1] == x.shape[0] and target[2:] == x.shape[1:]:
        return replace(x, grid=(target[0], target[1]))
    return replace(x, merged=True) if apart and target == (x.shape[0], x.shape[1] * x.shape[2]) else None


def target_of(x: Value, new_sizes: list[int], batch: int | None) -> Shape | None:
    """Return the shape of one sample after a reshape, or None if the batch does not stay first.

    Args:
        x: The value.
        new_sizes: Sizes with the batch, at most one of them -1.
        batch: Fixed size of the batch, or None.
    """
    total = int(np.prod(sizes(x)))
    if not new_sizes or min(new_sizes) < -1 or new_sizes.count(-1) > 1 or 0 in new_sizes:
        return None
    rest = new_sizes[1:]
    if new_sizes[0] == -1:
        return tuple(rest) if int(np.prod(rest)) == total else None
    if new_sizes[0] not in (BATCH, batch):
        return None
    if -1 in rest:
        others = int(np.prod([size for size in rest if size != -1]))
        if total % others:
            return None
        rest = [total // others if size == -1 else size for size in rest]
    return tuple(rest) if int(np.prod(rest)) == total else None


def apart(constant: npt.NDArray[np.generic], x: Value) -> npt.NDArray[np.generic]:
    """Return a constant that is broadcast with a value whose pixels are one axis, with height and width as two axes."""
    shape = [1] * (3 - constant.ndim) + list(constant.shape)
    index = 2 if axes_of(x)[0] == 0 else 1
    if shape[index] in (1, x.shape[1] * x.shape[2]):
        shape[index : index + 1] = x.shape[1:] if shape[index] > 1 else (1, 1)
    return constant.reshape(shape)


def per_channel(where: str, constant: npt.NDArray[np.generic], x: Value) -> Factor:
    """Return a constant that is broadcast with a value, as () or (C,) of the graph's value.

    Raises:
        ConversionError: It has more than one number per channel.
    """
    if x.merged:
        return per_channel(where, apart(constant, x), replace(x, merged=False))
    array = np.asarray(constant, np.float64)
    if x.grid is not None and _is_of_groups(array.shape, x.grid):
        return np.broadcast_to(array.reshape(array.shape[-4:-2]), x.grid).ravel()
    if array.size == 1 and array.ndim <= len(sizes(x)) + 1:
        return array.reshape(())
    axes = axes_of(x)
    shape = (1,) * (len(axes) + 1 - array.ndim) + array.shape
    fits = (
        not x.regrouped
        and len(shape) == len(axes) + 1
        and all(a in (1, b) for a, b in zip(shape, (1, *sizes(x)), strict=True))
    )
    if fits and np.ptp(array) == 0:
        return np.asarray(array.ravel()[0])
    varying = [index for index, size in enumerate(shape) if size != 1]
    if fits and len(varying) == 1:
        axis = axes[varying[0] - 1]
        if axis == 0 and array.size == x.shape[0]:
            values = array.ravel()
            if x.order is None:
                return values
            ordered = np.empty_like(values)
            ordered[x.order] = values
            return ordered
    raise ConversionError(
        f"{where}: a constant of shape {constant.shape} for a value of shape (N, "
        f"{', '.join(map(str, sizes(x)))}); expected one number, or one per channel"
    )


def _is_of_groups(shape: Shape, grid: tuple[int, int]) -> bool:
    """Return whether a constant is broadcast with channels as two axes, (1, G, C / G, 1, 1) or without the batch."""
    fits = len(shape) > 3 and all(a in (1, b) for a, b in zip(shape[-4:-2], grid, strict=True))
    return fits and shape[:-4] in ((), (1,)) and shape[-2:] == (1, 1)


def varies(constant: npt.NDArray[np.generic], x: Value) -> bool:
    """Return whether a constant that is broadcast with a value differs along the pixels of an image."""
    if x.merged:
        return varies(apart(constant, x), replace(x, merged=False))
    axes = axes_of(x)
    shape = (1,) * (len(axes) + 1 - constant.ndim) + constant.shape
    alike = not constant.size or (constant == constant.flat[0]).all()
    if alike or x.regrouped or len(x.shape) != 3 or len(shape) != len(axes) + 1:
        return False
    return any(size > 1 and axis != 0 for axis, size in zip(axes, shape[1:], strict=True))


def as_image(constant: npt.NDArray[np.generic], x: Value) -> Factor:
    """Return a constant that is broadcast with a value and differs along its pixels, see `varies`, as (C, H, W).

    Raises:
        ValueError: It cannot be broadcast, or differs between samples.
    """
    axes = axes_of(x)
    values = np.asarray(constant, np.float64).reshape((1,) * (len(axes) + 1 - constant.ndim) + constant.shape)
    image = np.broadcast_to(values.squeeze(0), [x.shape[axis] for axis in axes])
    missing = [axis for axis in range(len(x.shape)) if axis not in axes]
    return image.reshape(*image.shape, *(1 for _ in missing)).transpose(np.argsort([*axes, *missing]))


def window_of(
    x: Value, kernel: tuple[int, ...], stride: tuple[int, ...], pads: tuple[int, ...],
    dilation: tuple[int, ...] | None = None, *, ceil: bool = False,
) -> Window:  # fmt: skip
    """Return the windows of a layer that takes images or lines, with sizes along the axes of its pixels."""
    line_axis = line_of(x) or 2
    return Window(
        spread(line_axis, kernel, 1), spread(line_axis, stride, 1), spread_pads(line_axis, pads),
        (1, 1) if dilation is None else spread(line_axis, dilation, 1), ceil,
    )  # fmt: skip
