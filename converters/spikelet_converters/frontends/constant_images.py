"""Add constant images to a graph, such as the coordinates of the pixels, which networks join to or add to values.

No node has a constant output. A convolution with weights of 0 and the size of the input gives one pixel, from which a
second one, with a kernel of the size of the image, writes the constants to their positions. A convolution or linear
layer of constants is computed here, so that nothing but the sum of its currents remains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from spikelet.errors import ConversionError
from spikelet.nodes import Conv2d, Linear
from spikelet_converters.frontends.layers import Layers
from spikelet_converters.frontends.layout import apart, axes_of
from spikelet_converters.frontends.values import Factor, Pair, Value, f32

UNIT = 1 / 7  # of the one pixel: the integer that it becomes is near a whole number for 4 to 12 bits


class ConstantImages(Layers):
    """A graph under construction, with constant values."""

    def constant(self, name: str, where: str, values: Factor) -> Value:
        """Add constants, (C, H, W) or (F,)."""
        node = self.free_name(name)
        start = Value("input", np.ones(()), self.shape)
        if values.ndim == 1:
            if len(self.shape) == 3:
                start = self.flatten(self.free_name(f"{node}.flat"), where, start)
            layer = Linear(f32(np.zeros((len(values), start.shape[0]))), f32(values))
            result = self.append(node, where, layer, start)
        elif len(self.shape) != 3:
            raise ConversionError(f"{where}: adds constants to an image that the network makes of features (N, F)")
        else:
            channels, height, width = values.shape
            one = Conv2d(f32(np.zeros((1, *self.shape))), f32([UNIT]), (1, 1), (0, 0), 1)
            pixel = self.append(self.free_name(f"{node}.pixel"), where, one, start)
            placed = Conv2d(f32(values[:, None, ::-1, ::-1] / UNIT), f32(np.zeros(channels)), (1, 1),
                            (height - 1, width - 1), 1)  # fmt: skip
            result = self.append(node, where, placed, pixel)
        self.constants[result.node] = np.asarray(values, np.float64)
        return result

    def constant_like(self, name: str, where: str, array: npt.NDArray[np.generic], x: Value) -> Value:
        """Add constants (1, …) with the axes of a value of the source, of the same sizes except the channels."""
        axes = axes_of(x)
        values = np.asarray(array, np.float64)
        if values.ndim and len(values) > 1 and (values == values[:1]).all():
            values = values[:1]  # alike for every sample of a fixed batch
        sizes = [x.shape[axis] for axis in axes]
        fits = not x.regrouped and values.ndim == len(axes) + 1 and len(values) == 1 and all(
            axis == 0 or a in (1, b) for axis, a, b in zip(axes, values.shape[1:], sizes, strict=True)
        )  # fmt: skip
        if not fits or x.order is not None or not np.isfinite(values).all():
            raise ConversionError(
                f"{where}: takes constants of shape {array.shape} with a value of shape (N, "
                f"{', '.join(map(str, sizes))}); expected finite ones, (1, …), of the same height and width"
            )
        count = values.shape[1 + axes.index(0)] if 0 in axes else 1
        target = [count if axis == 0 else size for axis, size in zip(axes, sizes, strict=True)]
        image = np.broadcast_to(values[0], target)
        missing = [axis for axis in range(len(x.shape)) if axis not in axes]
        image = image.reshape(*target, *(1 for _ in missing)).transpose(np.argsort([*axes, *missing]))
        return replace(self.constant(name, where, image), axes=x.axes)

    def plus_constant(self, name: str, where: str, array: npt.NDArray[np.generic], x: Value) -> Value:
        """Add constants that differ from pixel to pixel to a value."""
        if x.merged:
            inner = replace(x, merged=False)
            return replace(self.plus_constant(name, where, apart(array, x), inner), merged=True)
        values = np.asarray(array, np.float64)
        sizes = tuple(x.shape[axis] for axis in axes_of(x))
        values = values.reshape(*(1,) * (len(sizes) + 1 - values.ndim), *values.shape)
        fits = values.ndim == len(sizes) + 1 and all(a in (1, b) for a, b in zip(values.shape[1:], sizes, strict=True))
        values = np.broadcast_to(values, (len(values), *sizes)) if fits else values
        return self.add(name, where, [x, self.constant_like(f"{name}.constant", where, values, x)])

    def flatten(self, name: str, where: str, x: Value) -> Value:
        """Flatten (C, H, W) to (C·H·W,), channel first."""
        flat = super().flatten(name, where, x)
        if x.node in self.constants:
            self.constants[flat.node] = self.constants[x.node].ravel()
        return flat

    def constants_of(self, x: Value) -> Factor | None:
        """Return the numbers of a value that does not depend on the input, (C, H, W) or (F,), or None."""
        values = self.constants.get(x.node)
        if values is None:
            return None
        factor, offset = (array.reshape(-1, *(1,) * (values.ndim - 1)) for array in (x.channels(), x.offsets()))
        return factor * values + offset


def convolved(values: Factor, weight: Factor, stride: Pair, padding: Pair) -> Factor:
    """Return the convolution of constants (C, H, W) with weights (C_out, C, kh, kw), without a bias."""
    rows, columns = padding
    padded = np.pad(values, ((0, 0), (rows, rows), (columns, columns)))
    windows = sliding_window_view(padded, weight.shape[2:], (1, 2))[:, :: stride[0], :: stride[1]]
    return np.asarray(np.tensordot(weight, windows, ((1, 2, 3), (0, 3, 4))))
