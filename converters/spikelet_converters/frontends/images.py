"""Add convolutions and pools of images and lines, with windows at any position, to a graph under construction."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.layout import arranged, axes_of, in_order, line_of
from spikelet_converters.frontends.max_pools import MaxPools
from spikelet_converters.frontends.values import NONE, Factor, Pair, Value, Window
from spikelet_converters.frontends.windows import (
    adaptive,
    added,
    averages,
    dilated,
    reached,
    spread,
    symmetric,
    written,
)

MOST_WEIGHTS = 2**24  # largest number of weights of a layer with separate weights for every pixel


class Images(MaxPools):
    """A graph under construction, to which layers are added.

    The layers of this class take images (C, H, W) and lines (C, L), in any order of axes that the graph can express.
    Sizes are (height, width) or (length,).
    """

    def convolution(
        self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, window: Window, groups: int,
        x: Value,
    ) -> Value:  # fmt: skip
        """Add a convolution with any padding and dilation; weight: (C_out, C_in / groups, kh, kw) or (…, k).

        One along the rows of an image (N, H, W), which are its channels, has a kernel of the height of the image.
        """
        if x.merged and axes_of(x)[0] == 0 and np.shape(weight)[2:] == (1,) and window == Window((1, 1), (1, 1)):
            single = np.expand_dims(np.asarray(weight, np.float64), -1)
            image = replace(x, merged=False)
            return replace(self.convolution(name, where, single, bias, window, groups, image), merged=True)
        rows = _over_rows(x, np.asarray(weight, np.float64), window, groups)
        if rows is not None:
            image, kernel, sides, axes = rows
            return replace(self.convolution(name, where, kernel, bias, sides, 1, image), axes=axes)
        x, kernel = self._image(where, x, np.asarray(weight, np.float64))
        kernel = dilated(kernel, window.dilation)
        kernel, padding = symmetric(kernel, added(x.pads, window.pads))
        inner = replace(x, axes=None, pads=NONE)
        return arranged(self.conv(name, where, kernel, bias, window.stride, padding, groups, inner), axes_of(x))

    def linear(self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, x: Value) -> Value:
        """Add a linear layer, see `Layers.linear`; one of channels that are last is a convolution of single pixels.

        One of pixels that are last, or of all pixels as one axis, has separate weights for every pair of pixels.
        """
        if len(x.shape) == 3 and len(axes_of(x)) == 1 and not x.regrouped:
            x = self.flatten(self.free_name(f"{name}.flat"), where, x)  # rows or columns as features
        if len(x.shape) != 3 or x.grid is not None or x.maxima:
            return super().linear(name, where, weight, bias, x)
        x = self.padded(name, where, x)
        matrix, axes, inner = np.asarray(weight, np.float64), axes_of(x), replace(x, axes=None, merged=False)
        if axes[-1] == 0:
            y = self.conv(name, where, matrix[:, :, None, None], bias, (1, 1), (0, 0), 1, inner)
            return replace(arranged(y, axes), merged=x.merged)
        rows = x.shape[1] if x.merged or axes[-1] == 1 else 1
        columns = x.shape[2] if x.merged or axes[-1] == 2 else 1
        if matrix.shape[1] != rows * columns:
            return super().linear(name, where, weight, bias, x)
        after = (1, len(matrix)) if x.merged or axes[-1] == 2 else (len(matrix), 1)
        self.check_weights(where, x.shape[0] * matrix.size)
        maps = np.tile(matrix.T.reshape(1, 1, rows, columns, *after), (x.shape[0], 1, 1, 1, 1, 1))
        y = arranged(self.mapped(name, where, maps, None, x.shape[0], inner), (0, 2) if x.merged else axes)
        return y if bias is None else self.plus_constant(self.free_name(f"{name}.bias"), where, np.asarray(bias), y)

    def transposed(
        self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, window: Window,
        extra: Pair, groups: int, x: Value,
    ) -> Value:  # fmt: skip
        """Add a transposed convolution; weight: (C_in, C_out / groups, kh, kw), extra: the output padding.

        With stride 1, and for an image of one pixel, it is a convolution. Otherwise every pixel becomes a channel.
        """
        x, kernel = self._image(where, x, np.asarray(weight, np.float64))
        kernel = dilated(kernel, window.dilation)
        x = self.padded(name, where, x)
        inner = replace(x, axes=None)
        inputs, per_group, height, width = kernel.shape
        if inputs != x.shape[0] or inputs % groups:
            raise ConversionError(f"{where}: expected {inputs} input channels, found {x.shape[0]}")
        top, left, bottom, right = window.pads
        if window.stride == (1, 1) or x.shape[1:] == (1, 1):
            grouped = kernel.reshape(groups, inputs // groups, per_group, height, width).transpose(0, 2, 1, 3, 4)
            flipped = grouped.reshape(groups * per_group, inputs // groups, height, width)[..., ::-1, ::-1]
            pads = (height - 1 - top, width - 1 - left, height - 1 - bottom + extra[0], width - 1 - right + extra[1])
            if min(pads) >= 0:
                flipped, padding = symmetric(flipped, pads)
                return arranged(self.conv(name, where, flipped, bias, (1, 1), padding, groups, inner), axes_of(x))
        return arranged(self._by_pixel(name, where, kernel, bias, window, extra, groups, inner), axes_of(x))

    def _by_pixel(
        self, name: str, where: str, kernel: Factor, bias: npt.ArrayLike | None, window: Window, extra: Pair,
        groups: int, x: Value,
    ) -> Value:  # fmt: skip
        """Add a transposed convolution of any stride, with every pixel as a channel."""
        (channels, *size), per_group = x.shape, kernel.shape[1]
        shape = [
            (size[axis] - 1) * window.stride[axis] - window.pads[axis] - window.pads[axis + 2] + kernel.shape[axis + 2]
            + extra[axis]
            for axis in (0, 1)
        ]  # fmt: skip
        if min(shape) < 1:
            raise ConversionError(f"{where}: its output has no pixels ({shape[0]} x {shape[1]})")
        pixels, inner = size[0] * size[1], channels // groups
        self.check_weights(where, groups * per_group * inner * pixels * shape[0] * shape[1])
        maps = np.zeros((groups, per_group, inner, *size, *shape))
        by_group = kernel.reshape(groups, inner, per_group, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4)
        for tap in np.ndindex(*kernel.shape[2:]):
            pixels_of_axes = [written(size[axis], shape[axis], tap[axis], window, axis) for axis in (0, 1)]
            before, after = zip(*pixels_of_axes, strict=True)
            maps[:, :, :, *np.ix_(*before), *np.ix_(*after)] += by_group[..., *tap, None, None]
        return self.mapped(name, where, maps.reshape(groups * per_group, inner, *size, *shape), bias, groups, x)

    def mapped(self, name: str, where: str, maps: Factor, bias: npt.ArrayLike | None, groups: int, x: Value) -> Value:
        """Add a linear layer with separate weights for every pixel of its input and output.

        A convolution with a kernel of the size of the image turns every pixel into a channel. A second one, with a
        kernel of the size of the output, writes the results to their positions. An axis of size 1 in `maps`, before
        and after, is kept: its pixels have the same weights.

        Args:
            name: Name of the layer.
            where: The layer in error messages.
            maps: Weights (C_out, C_in / groups, H or 1, W or 1, H_out or 1, W_out or 1).
            bias: (C_out,) or None.
            groups: Number of groups of channels.
            x: Input of the layer.
        """
        channels, (height, width) = x.shape[0], maps.shape[2:4]
        pixels = height * width
        if maps.shape[4:] == (1, 1):
            return self.conv(name, where, maps[..., 0, 0], bias, (1, 1), (0, 0), groups, x)
        gather = np.tile(np.eye(pixels).reshape(pixels, 1, height, width), (channels, 1, 1, 1))
        gathered = self.conv(self.free_name(f"{name}.pixels"), where, gather, None, (1, 1), (0, 0), channels, x)
        rows, columns = maps.shape[-2:]
        placed = maps.reshape(len(maps), maps.shape[1] * pixels, rows, columns)[..., ::-1, ::-1]
        return self.conv(name, where, placed, bias, (1, 1), (rows - 1, columns - 1), groups, gathered)

    def averages_of(self, name: str, where: str, window: Window, count_padding: bool, x: Value) -> Value:
        """Add an average pool with any padding; `count_padding` counts zeros as pixels."""
        x = self.padded(name, where, self._image(where, x)[0])
        rows, columns = (
            averages(
                x.shape[axis + 1], window.kernel[axis], window.stride[axis], window.pads[axis], window.pads[axis + 2],
                ceil=window.ceil, count_padding=count_padding,
            )
            for axis in (0, 1)
        )  # fmt: skip
        inner = replace(x, axes=None)
        return arranged(self.average_pool(name, where, window.kernel, window.stride, rows, columns, inner), axes_of(x))

    def maxima_of(self, name: str, where: str, window: Window, x: Value) -> Value:
        """Add a max pool with any padding, in the form `max_pools`."""
        x = self._image(where, x)[0]
        inner = replace(x, axes=None)
        if self.max_pools != "average":
            pooled = self.maximum(name, where, window, inner)
            return replace(pooled, axes=x.axes)
        inner = self.padded(name, where, inner)
        if reached((x.shape[1], x.shape[2]), window) != NONE or window.dilation != (1, 1):
            raise ConversionError(
                f"{where}: takes maxima at the border of the image (padding or ceil_mode) or with dilation, which no "
                "average pool replaces; convert it without --max-pool average"
            )
        return arranged(self.pool_of_maxima(name, where, window.kernel, window.stride, inner), axes_of(x))

    def adaptive(
        self, name: str, where: str, sizes: tuple[int | None, ...], x: Value, *, maxima: bool = False
    ) -> Value:
        """Add an adaptive pool to `sizes` pixels, an average or a maximum; None keeps the size of an axis.

        If the sizes do not divide those of the image, windows differ in size, and every pixel becomes a channel.
        """
        x = self.padded(name, where, self._image(where, x)[0])
        line_axis = line_of(x)
        before = (x.shape[1], x.shape[2])
        target = [
            before[axis] if size is None else int(size)
            for axis, size in enumerate(spread(line_axis or 2, [size or 0 for size in sizes], 1))
        ]  # fmt: skip
        target = [size or before[axis] for axis, size in enumerate(target)]
        inner = replace(x, axes=None)
        if all(a % b == 0 for a, b in zip(before, target, strict=True)):
            kernel = before[0] // target[0], before[1] // target[1]
            if maxima:
                return self.maxima_of(name, where, Window(kernel, kernel), x)
            return arranged(self.pool(name, where, kernel, kernel, inner), axes_of(x))
        if maxima:
            raise ConversionError(
                f"{where}: takes maxima of windows of different sizes ({before} to {tuple(target)}); expected sizes "
                "that divide the image"
            )
        pieces = [adaptive(a, b) for a, b in zip(before, target, strict=True)]
        window = np.einsum("hi,wj->hwij", *pieces)
        self.check_weights(where, x.shape[0] * window.size)
        maps = np.tile(window[None, None], (x.shape[0], 1, 1, 1, 1, 1))
        return arranged(self.mapped(name, where, maps, None, x.shape[0], inner), axes_of(x))

    def pixelwise(self, name: str, where: str, weights: Factor, x: Value) -> Value:
        """Add separate weights for every pixel: (C, pixels before, *pixels after), (1, …) if alike in all channels."""
        x = self.padded(name, where, self._image(where, x)[0])
        after = spread(line_of(x) or 2, weights.shape[2:], 1)
        self.check_weights(where, x.shape[0] * weights[0].size)
        maps = weights.reshape(len(weights), 1, *x.shape[1:], *after)
        maps = np.tile(maps, (x.shape[0] // len(weights), 1, 1, 1, 1, 1))
        return arranged(self.mapped(name, where, maps, None, x.shape[0], replace(x, axes=None)), axes_of(x))

    def _image(self, where: str, x: Value, weight: Factor | None = None) -> tuple[Value, Factor]:
        """Return the value as an image (C, H, W), and weights (…, k) or (…, kh, kw) as (…, kh, kw).

        Raises:
            ConversionError: The weights have other axes than the value, or the axes were permuted.
        """
        if x.merged and axes_of(x)[0] == 0 and (weight is None or weight.ndim == 3):
            x = self.lined(where, x)
        line_axis = line_of(x)
        axes = None if weight is None else weight.ndim - 2
        if line_axis is None:
            if len(x.shape) != 3:
                raise ConversionError(f"{where}: expected an input (N, C, H, W), found (N, {x.shape[0]})")
            if axes not in (None, 2):
                raise ConversionError(
                    f"{where}: a window of {axes} axes is not supported; expected (N, C, H, W), or lines (N, C, L) "
                    "that the network takes: rows of an image are not channels"
                )
            return in_order(where, x), np.zeros(0) if weight is None else weight
        if axes not in (None, 1):
            raise ConversionError(f"{where}: a window of {axes} axes takes (N, C, H, W), found (N, C, L)")
        if weight is None:
            return x, np.zeros(0)
        return x, np.expand_dims(weight, -1 if line_axis == 1 else -2)

    def lined(self, where: str, x: Value) -> Value:
        """Return a value (C, H·W), whose pixels are one axis, as a line, or (H·W, C) as one with the channels last."""
        return self.with_pixels(self.free_name("line"), where, (x.shape[1] * x.shape[2],), x)

    def with_pixels(self, name: str, where: str, after: Shape, x: Value) -> Value:
        """Add a layer that gives the pixels of a value other sizes, (H, W) or (L,); the channels are first or last."""
        before = x.shape[1:]
        self.check_weights(where, math.prod(x.shape) * math.prod(before))
        sides = (*(1 for _ in range(2 - len(after))), *after)
        maps = np.eye(math.prod(before)).reshape(1, 1, *before, *sides)
        maps = np.tile(maps, (x.shape[0], 1, 1, 1, 1, 1))
        moved = self.mapped(name, where, maps, None, x.shape[0], replace(x, axes=None, merged=False))
        pixels = tuple(range(3 - len(after), 3))
        return arranged(moved, (*pixels, 0) if axes_of(x)[-1] == 0 else (0, *pixels))

    def check_weights(self, where: str, weights: int) -> None:
        """Raise ConversionError if a layer with separate weights for every pixel has too many."""
        if weights > MOST_WEIGHTS:
            raise ConversionError(
                f"{where}: every pixel of its output has separate weights, {weights:,} in all; expected at most "
                f"{MOST_WEIGHTS:,}: use a smaller image, or sizes that divide it"
            )


def _over_rows(
    x: Value, weight: Factor, window: Window, groups: int
) -> tuple[Value, Factor, Window, tuple[int, ...]] | None:
    """Return the image, weights and windows of a convolution along one axis whose channels are the other axis.

    The last entry states the axes of the result. Another convolution gives None.
    """
    axes = axes_of(x)
    if axes not in ((1, 2), (2, 1)) or x.shape[0] != 1 or weight.ndim != 3 or groups != 1 or x.pads != NONE:
        return None
    if x.regrouped or x.maxima or x.order is not None or weight.shape[1] != x.shape[axes[0]]:
        return None
    image = replace(x, axes=None)
    if axes == (1, 2):
        return image, weight[:, None], window, (0, 2)
    top, left, bottom, right = window.pads
    turned = replace(
        window, kernel=window.kernel[::-1], stride=window.stride[::-1], pads=(left, top, right, bottom),
        dilation=window.dilation[::-1],
    )  # fmt: skip
    return image, weight.transpose(0, 2, 1)[:, None], turned, (0, 1)
