"""Build the float32 graph of a source network; used by the importers of all source formats.

A layer without an exact spiking form raises an error that names it and its location; no layer is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.channels import selected
from spikelet_converters.frontends.combined import Combined
from spikelet_converters.frontends.layout import arranged, axes_of, in_order, line_of, reshaped, sizes, target_of
from spikelet_converters.frontends.layout import padded as around
from spikelet_converters.frontends.values import BATCH, NONE, Factor, Pads, Pair, Value, Window
from spikelet_converters.frontends.windows import added, averages, dilated, reached, spread, spread_pads, symmetric

MOST_WEIGHTS = 2**24  # largest number of weights of a layer with separate weights for every pixel


class Builder(Combined):
    """A graph under construction, to which layers are added.

    The methods that add a layer take its `name` and `where`, which names it in error messages, and return its output.
    They raise ConversionError if the layer does not fit its input or has no spiking form. Those of this class take
    images (C, H, W) and lines (C, L), in any order of axes that the graph can express. Sizes are (height, width) or
    (length,).
    """

    def convolution(
        self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, window: Window, groups: int,
        x: Value,
    ) -> Value:  # fmt: skip
        """Add a convolution with any padding and dilation; weight: (C_out, C_in / groups, kh, kw) or (…, k)."""
        x, kernel = self._image(where, x, np.asarray(weight, np.float64))
        kernel = dilated(kernel, window.dilation)
        kernel, padding = symmetric(kernel, added(x.pads, window.pads))
        inner = replace(x, axes=None, pads=NONE)
        return arranged(self.conv(name, where, kernel, bias, window.stride, padding, groups, inner), axes_of(x))

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
        for row in range(kernel.shape[2]):
            for column in range(kernel.shape[3]):
                for i in range(size[0]):
                    for j in range(size[1]):
                        y = i * window.stride[0] + row - window.pads[0]
                        z = j * window.stride[1] + column - window.pads[1]
                        if 0 <= y < shape[0] and 0 <= z < shape[1]:
                            maps[:, :, :, i, j, y, z] += by_group[..., row, column]
        return self._mapped(name, where, maps.reshape(groups * per_group, inner, *size, *shape), bias, groups, x)

    def _mapped(self, name: str, where: str, maps: Factor, bias: npt.ArrayLike | None, groups: int, x: Value) -> Value:
        """Add a linear layer with separate weights for every pixel of its input and output.

        A convolution with a kernel of the size of the image turns every pixel into a channel. A second one, with a
        kernel of the size of the output, writes the results to their positions.

        Args:
            name: Name of the layer.
            where: The layer in error messages.
            maps: Weights (C_out, C_in / groups, H, W, H_out, W_out).
            bias: (C_out,) or None.
            groups: Number of groups of channels.
            x: Input of the layer.
        """
        channels, height, width = x.shape
        pixels = height * width
        gather = np.tile(np.eye(pixels).reshape(pixels, 1, height, width), (channels, 1, 1, 1))
        gathered = self.conv(self.free_name(f"{name}.pixels"), where, gather, None, (1, 1), (0, 0), channels, x)
        rows, columns = maps.shape[-2:]
        placed = maps.reshape(len(maps), maps.shape[1] * pixels, rows, columns)[..., ::-1, ::-1]
        return self.conv(name, where, placed, bias, (1, 1), (rows - 1, columns - 1), groups, gathered)

    def leaky(self, name: str, where: str, slope: npt.ArrayLike, x: Value) -> Value:
        """Add a leaky rectifier max(x, 0) - slope max(-x, 0) as two layers of neurons; slope: () or (C,)."""
        if self.is_nonnegative(x):
            return x
        slopes = np.asarray(slope, np.float64)
        negative = self.affine(where, -1.0, 0.0, x, alone=False)
        below = self.relu(self.free_name(f"{name}.negative"), where, None, negative)
        above = self.relu(name, where, None, x)
        return self.add(
            self.free_name(f"{name}.sum"), where, [above, self.affine(where, -slopes, 0.0, below, alone=False)]
        )

    def greater(self, name: str, where: str, first: Value, second: Value) -> Value:
        """Add the larger of two values, max(a - b, 0) + b."""
        negative = self.affine(where, -1.0, 0.0, second, alone=False)
        difference = self.add(self.free_name(f"{name}.difference"), where, [first, negative])
        above = self.relu(name, where, None, difference)
        return self.add(self.free_name(f"{name}.sum"), where, [above, second])

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

    def maxima_of(self, name: str, where: str, window: Window, x: Value, *, average: bool = False) -> Value:
        """Add a max pool with any padding; `average` replaces it by an average pool."""
        x = self._image(where, x)[0]
        inner = replace(x, axes=None)
        if not average:
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
        self, name: str, where: str, sizes: tuple[int | None, ...], x: Value, *, maxima: bool = False,
        average: bool = False,
    ) -> Value:  # fmt: skip
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
                return self.maxima_of(name, where, Window(kernel, kernel), x, average=average)
            return arranged(self.pool(name, where, kernel, kernel, inner), axes_of(x))
        if maxima:
            raise ConversionError(
                f"{where}: takes maxima of windows of different sizes ({before} to {tuple(target)}); expected sizes "
                "that divide the image"
            )
        pieces = [_adaptive(a, b) for a, b in zip(before, target, strict=True)]
        window = np.einsum("hi,wj->hwij", *pieces)
        self.check_weights(where, x.shape[0] * window.size)
        maps = np.tile(window[None, None], (x.shape[0], 1, 1, 1, 1, 1))
        return arranged(self._mapped(name, where, maps, None, x.shape[0], inner), axes_of(x))

    def pixelwise(self, name: str, where: str, weights: Factor, x: Value) -> Value:
        """Add separate weights for every pixel, alike in all channels: (pixels before, *pixels after)."""
        x = self.padded(name, where, self._image(where, x)[0])
        after = spread(line_of(x) or 2, weights.shape[1:], 1)
        self.check_weights(where, x.shape[0] * weights.size)
        maps = np.tile(weights.reshape(1, 1, *x.shape[1:], *after), (x.shape[0], 1, 1, 1, 1, 1))
        return arranged(self._mapped(name, where, maps, None, x.shape[0], replace(x, axes=None)), axes_of(x))

    def mean(self, name: str, where: str, axes: Sequence[int], keep: bool, x: Value) -> Value:
        """Add a mean over axes of pixels; `axes` are those of the source's value, of which 0 is the batch."""
        x, axis_order, pixels = self._over_pixels(name, where, "a mean", axes, x)
        kernel = x.shape[1] if 1 in pixels else 1, x.shape[2] if 2 in pixels else 1
        pooled = self.pool(name, where, kernel, kernel, replace(x, axes=None))
        return self._reduced(name, where, axis_order, pixels, keep, pooled)

    def largest(
        self, name: str, where: str, axes: Sequence[int], keep: bool, x: Value, *, average: bool = False
    ) -> Value:
        """Add a maximum over axes of pixels; `average` replaces it by an average pool. Arguments as for `mean`."""
        x, axis_order, pixels = self._over_pixels(name, where, "a maximum", axes, x)
        kernel = x.shape[1] if 1 in pixels else 1, x.shape[2] if 2 in pixels else 1
        pooled = self.maxima_of(name, where, Window(kernel, kernel), replace(x, axes=None), average=average)
        return self._reduced(name, where, axis_order, pixels, keep, pooled)

    def _over_pixels(
        self, name: str, where: str, kind: str, axes: Sequence[int], x: Value
    ) -> tuple[Value, tuple[int, ...], set[int]]:
        """Return the value, the axis of the graph at each of its axes, and those axes of pixels that are reduced."""
        x = self.padded(name, where, x)
        merged = x.merged
        if merged and {axis % 3 for axis in axes} != {2}:
            raise ConversionError(f"{where}: {kind} over axes {list(axes)} has no node; expected the pixels, axis 2")
        x, axes = replace(x, merged=False), (2, 3) if merged else axes
        axis_order = axes_of(x)
        reduced = {axis % (len(axis_order) + 1) for axis in axes}
        pixels = {axis_order[axis - 1] for axis in reduced if axis}
        if not reduced or 0 in reduced or 0 in pixels or len(x.shape) != 3 or x.grid is not None:
            raise ConversionError(
                f"{where}: {kind} over axes {list(axes)} has no node; expected height and width (2, 3)"
            )
        return x, axis_order[:2] if merged else axis_order, pixels

    def _reduced(
        self, name: str, where: str, axis_order: tuple[int, ...], pixels: set[int], keep: bool, pooled: Value
    ) -> Value:
        """Return a value whose axes `pixels` were reduced to 1 pixel, without these axes unless they are kept."""
        if keep:
            return arranged(pooled, axis_order)
        kept = tuple(axis for axis in axis_order if axis not in pixels)
        return self.flatten(f"{name}.flat", where, pooled) if kept == (0,) else arranged(pooled, kept)

    def reshaped(self, name: str, where: str, new_sizes: list[int], batch: int | None, x: Value) -> Value:
        """Flatten a value, add or remove axes of size 1, or split its channels into two axes.

        Args:
            name: Name of the layer.
            where: The layer in error messages.
            new_sizes: Sizes with the batch, at most one of them -1.
            batch: Fixed size of the batch, or None.
            x: The value.
        """
        x = self.padded(name, where, x)
        target = target_of(x, new_sizes, batch)
        if target is not None and len(target) == 1 and len(sizes(x)) > 1:
            return self.flatten(name, where, x)
        if list(new_sizes) in ([BATCH], [-1], [batch]) and sizes(x) == (1,):
            return x  # one logit
        if target is not None and x.node == "input" and not self.edges and len(target) == 3 and len(x.shape) == 1:
            return self.reshaped_input(where, target, x)
        changed = None if target is None else reshaped(x, target)
        if changed is None:
            shown = [("N" if size == BATCH else str(size)) for size in new_sizes]
            raise ConversionError(
                f"{where}: reshapes (N, {', '.join(map(str, sizes(x)))}) to [{', '.join(shown)}]; expected (N, -1), "
                "which flattens, or axes of size 1 that are added or removed"
            )
        return changed

    def widened(self, name: str, where: str, before: int, after: int, x: Value) -> Value:
        """Add a layer that adds channels of zeros before and after those of a value."""
        x = self.padded(name, where, x)
        channels = x.shape[0]
        weight = np.zeros((before + channels + after, channels))
        weight[before : before + channels] = np.eye(channels)
        inner = replace(x, axes=None)
        if len(x.shape) == 1:
            return self.linear(name, where, weight, None, inner)
        return arranged(self.conv(name, where, weight[:, :, None, None], None, (1, 1), (0, 0), 1, inner), axes_of(x))

    def surrounded(self, name: str, where: str, pads: tuple[tuple[int, int], ...], x: Value) -> Value:
        """Add zeros before and after the axes of the source's value, without the batch.

        Those around an image are added by the next convolution, channels of zeros by a layer.
        """
        pairs = list(pads)
        for index, axis in enumerate(axes_of(x)):
            if axis == 0 and not x.regrouped and min(pairs[index]) >= 0 and pairs[index] != (0, 0):
                x = self.widened(name, where, *pairs[index], x)
                pairs[index] = (0, 0)
        return around(where, x, tuple(pairs))

    def sliced(self, name: str, where: str, slices: Sequence[slice], x: Value) -> Value:
        """Take slices of the axes of the source's value, of which 0 is the batch."""
        shape = sizes(x)
        if slices[0].indices(2**31) != (0, 2**31, 1):
            raise ConversionError(f"{where}: takes a slice of the batch; expected channels, height or width")
        if x.grid is not None:
            index = np.arange(x.shape[0]).reshape(x.grid)[slices[1], slices[2]]
            inner = selected(replace(x, grid=None), index.ravel())
            inner = self.sliced(name, where, [slices[0], slice(None), *slices[3:]], inner)
            return replace(inner, grid=(index.shape[0], index.shape[1]))
        if x.merged:
            raise ConversionError(f"{where}: takes a slice of (N, C, H·W); expected (N, C, H, W)")
        cut, steps = [0] * 4, [1, 1]
        for axis, size, part in zip(axes_of(x), shape, slices[1:], strict=True):
            first, last, step = part.indices(size)
            indices = range(first, last, step)
            if not indices or (step < 1 and axis != 0):
                raise ConversionError(f"{where}: takes pixels {first}:{last}:{step} of {size}; expected ascending ones")
            if (axis == 0 and len(indices) < size) or step < 0:
                x = selected(x, np.asarray(indices, np.intp))
            elif axis != 0:
                cut[axis - 1], steps[axis - 1] = first, step
                cut[axis + 1] = max(size - last, 0)
        return self.cropped(name, where, (cut[0], cut[1], cut[2], cut[3]), (steps[0], steps[1]), x)

    def cropped(self, name: str, where: str, cut: Pads, steps: Pair, x: Value) -> Value:
        """Add a layer that removes pixels at (top, left, bottom, right) and keeps every `steps`-th of the others."""
        if cut == NONE and steps == (1, 1):
            return x
        x = self.padded(name, where, x)
        inner = replace(x, axes=None)
        if cut != NONE:
            kernel = np.zeros((x.shape[0], 1, 1 + cut[0] + cut[2], 1 + cut[1] + cut[3]))
            kernel[:, :, cut[0], cut[1]] = 1
            inner = self.conv(name, where, kernel, None, steps, (0, 0), x.shape[0], inner)
        elif steps != (1, 1):
            inner = self.pool(name, where, (1, 1), steps, inner)
        return arranged(inner, axes_of(x))

    def _image(self, where: str, x: Value, weight: Factor | None = None) -> tuple[Value, Factor]:
        """Return the value as an image (C, H, W), and weights (…, k) or (…, kh, kw) as (…, kh, kw).

        Raises:
            ConversionError: The weights have other axes than the value, or the axes were permuted.
        """
        line_axis = line_of(x)
        axes = None if weight is None else weight.ndim - 2
        if line_axis is None:
            if len(x.shape) != 3:
                raise ConversionError(f"{where}: expected an input (N, C, H, W), found (N, {x.shape[0]})")
            if axes not in (None, 2):
                raise ConversionError(f"{where}: a window of {axes} axes has no node here; expected (N, C, H, W)")
            return in_order(where, x), np.zeros(0) if weight is None else weight
        if axes not in (None, 1):
            raise ConversionError(f"{where}: a window of {axes} axes takes (N, C, H, W), found (N, C, L)")
        if weight is None:
            return x, np.zeros(0)
        return x, np.expand_dims(weight, -1 if line_axis == 1 else -2)

    def check_weights(self, where: str, weights: int) -> None:
        """Raise ConversionError if a layer with separate weights for every pixel has too many."""
        if weights > MOST_WEIGHTS:
            raise ConversionError(
                f"{where}: every pixel of its output has separate weights, {weights:,} in all; expected at most "
                f"{MOST_WEIGHTS:,}: use a smaller image, or sizes that divide it"
            )


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


def _adaptive(extent: int, count: int) -> Factor:
    """Return weights (extent, count) of an adaptive average pool along an axis."""
    weights = np.zeros((extent, count))
    for index in range(count):
        start, end = index * extent // count, -(-(index + 1) * extent // count)
        weights[start:end, index] = 1 / (end - start)
    return weights
