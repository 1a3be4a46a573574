"""Order of axes: where a source keeps the axes of a value that the graph keeps as (C, H, W)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.values import Factor, Value


def axes_of(x: Value) -> tuple[int, ...]:
    """The axis of the graph's value at each axis of the source's value."""
    return x.axes if x.axes is not None else tuple(range(len(x.shape)))


def sizes(x: Value) -> Shape:
    """Shape of the source's value for one sample."""
    return tuple(x.shape[axis] for axis in axes_of(x))


def arranged(x: Value, axes: tuple[int, ...]) -> Value:
    """The same value with its axes in another order."""
    return replace(x, axes=None if axes == tuple(range(len(x.shape))) else axes)


def in_order(where: str, x: Value) -> Value:
    """The value, if its axes are those of the graph.

    Raises:
        ConversionError: They are in another order.
    """
    if x.axes is None and x.order is None:
        return x
    large = [axis for axis in axes_of(x) if x.shape[axis] != 1]
    if x.order is None and large == sorted(large) and sizes(x) == x.shape:
        return replace(x, axes=None)
    raise ConversionError(
        f"{where}: takes a value whose axes were permuted; expected (N, C, H, W): export the network channel first"
    )


def flat_order(x: Value) -> npt.NDArray[np.intp] | None:
    """Feature of the graph's flattened value at each feature of the source's, or None for the same order."""
    missing = tuple(axis for axis in range(len(x.shape)) if axis not in axes_of(x))
    index = np.arange(int(np.prod(x.shape))).reshape(x.shape).transpose(*axes_of(x), *missing).ravel()
    return None if (index == np.arange(len(index))).all() else index


def transposed(where: str, x: Value, perm: list[int]) -> Value:
    """The value after a permutation of its axes, of which axis 0 is the batch.

    Raises:
        ConversionError: The batch is moved.
    """
    axes = axes_of(x)
    if len(perm) != len(axes) + 1 or perm[0] != 0 or sorted(perm) != list(range(len(perm))):
        raise ConversionError(f"{where}: permutes axes by {perm}; expected the batch to stay first")
    return arranged(x, tuple(axes[index - 1] for index in perm[1:]))


def reshaped(x: Value, target: Shape) -> Value | None:
    """The value with axes of size 1 added or removed, or None if that does not give the target."""
    if len(x.shape) != 3:
        return x if target == x.shape else None
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


def per_channel(where: str, constant: npt.NDArray[np.generic], x: Value) -> Factor:
    """A constant that is broadcast with a value, as () or (C,) of the graph's value.

    Raises:
        ConversionError: It has more than one number per channel.
    """
    array = np.asarray(constant, np.float64)
    axes = axes_of(x)
    shape = (1,) * (len(axes) + 1 - array.ndim) + array.shape
    fits = len(shape) == len(axes) + 1 and all(a in (1, b) for a, b in zip(shape, (1, *sizes(x)), strict=True))
    if fits and (array.size == 1 or np.ptp(array) == 0):
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
