"""Add means and maxima over axes of the source's values to a graph under construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.images import Images
from spikelet_converters.frontends.layout import arranged, axes_of, ungrouped
from spikelet_converters.frontends.values import Value, Window


class Reductions(Images):
    """A graph under construction, to which layers are added.

    The layers of this class take images (C, H, W) and lines (C, L), in any order of axes that the graph can express.
    """

    def mean(self, name: str, where: str, axes: Sequence[int], keep: bool, x: Value) -> Value:
        """Add a mean over axes of the source's value, of which 0 is the batch: those of channels or pixels."""
        if x.grid is not None:
            return self._mean_with_groups(name, where, axes, keep, x, x.grid)
        order = axes_of(x)
        reduced = {axis % (len(order) + 1) for axis in axes} if not x.regrouped else set()
        if any(axis and order[axis - 1] == 0 for axis in reduced):
            return self._mean_of_channels(name, where, reduced, keep, x)
        x, axis_order, pixels = self._over_pixels(name, where, "a sum or mean", axes, x)
        kernel = x.shape[1] if 1 in pixels else 1, x.shape[2] if 2 in pixels else 1
        pooled = self.pool(name, where, kernel, kernel, replace(x, axes=None))
        return self._reduced(name, where, axis_order, pixels, keep, pooled)

    def _mean_with_groups(
        self, name: str, where: str, axes: Sequence[int], keep: bool, x: Value, grid: tuple[int, int]
    ) -> Value:  # fmt: skip
        """Add a mean of a value (G, K, H, W) over one of its two axes of channels, or over both and its pixels."""
        reduced = {axis % 5 for axis in axes}
        if reduced in ({1}, {2}):
            return self._mean_of_groups(name, where, axes[0] % 5, keep, x, grid)
        if 0 in reduced or not reduced >= {1, 2}:
            raise ConversionError(
                f"{where}: a sum or mean over axes {list(axes)} of (N, {grid[0]}, {grid[1]}, H, W) is not supported; "
                "expected axis 1, axis 2, or both, with or without those of pixels"
            )
        mean = self.mean(name, where, [1, *(axis - 1 for axis in reduced - {1, 2})], keep, ungrouped(x))
        return replace(mean, grid=(1, 1)) if keep else mean

    def _mean_of_groups(
        self, name: str, where: str, axis: int, keep: bool, x: Value, grid: tuple[int, int]
    ) -> Value:  # fmt: skip
        """Add a mean over one of the two axes of channels, the groups or those of a group."""
        kept = grid[2 - axis]
        weight = np.kron(*(np.eye(n) if i != axis - 1 else np.full((1, n), 1 / n) for i, n in enumerate(grid)))
        mean = self.conv(name, where, weight[:, :, None, None], None, (1, 1), (0, 0), 1, ungrouped(x))
        return replace(mean, grid=(1, kept) if axis == 1 else (kept, 1)) if keep else mean

    def _mean_of_channels(self, name: str, where: str, reduced: set[int], keep: bool, x: Value) -> Value:
        """Add a mean over the channels, and over those axes of pixels that are in `reduced`."""
        order = axes_of(x)
        pixels = [axis for axis in sorted(reduced) if not axis or order[axis - 1] != 0]
        if pixels:
            x = self.mean(self.free_name(f"{name}.pixels"), where, pixels, True, x)
        weight = np.full((1, x.shape[0]), 1 / x.shape[0])
        if len(x.shape) == 1:
            return self.linear(name, where, weight, None, x)
        inner = replace(self.padded(name, where, x), axes=None)
        mean = self.conv(name, where, weight[:, :, None, None], None, (1, 1), (0, 0), 1, inner)
        kept = order if keep else tuple(axis for index, axis in enumerate(order, 1) if index not in reduced)
        return arranged(mean, kept) if kept else self.flatten(f"{name}.flat", where, mean)

    def largest(self, name: str, where: str, axes: Sequence[int], keep: bool, x: Value) -> Value:
        """Add a maximum over axes of pixels, in the form `max_pools`. Arguments as for `mean`."""
        x, axis_order, pixels = self._over_pixels(name, where, "a maximum", axes, x)
        kernel = x.shape[1] if 1 in pixels else 1, x.shape[2] if 2 in pixels else 1
        pooled = self.maxima_of(name, where, Window(kernel, kernel), replace(x, axes=None))
        return self._reduced(name, where, axis_order, pixels, keep, pooled)

    def _over_pixels(
        self, name: str, where: str, kind: str, axes: Sequence[int], x: Value
    ) -> tuple[Value, tuple[int, ...], set[int]]:
        """Return the value, the axis of the graph at each of its axes, and those axes of pixels that are reduced."""
        x = self.padded(name, where, x)
        merged, first = x.merged, axes_of(x)[0] == 0
        if merged and {axis % 3 for axis in axes} != {2 if first else 1}:
            pixels_axis = 2 if first else 1
            raise ConversionError(
                f"{where}: {kind} over axes {list(axes)} is not supported; expected the pixels, axis {pixels_axis}"
            )
        x, axes = replace(x, merged=False), ((2, 3) if first else (1, 2)) if merged else axes
        axis_order = axes_of(x)
        reduced = {axis % (len(axis_order) + 1) for axis in axes}
        pixels = {axis_order[axis - 1] for axis in reduced if axis}
        if not reduced or 0 in reduced or 0 in pixels or len(x.shape) != 3 or x.grid is not None:
            raise ConversionError(
                f"{where}: {kind} over axes {list(axes)} is not supported; expected height and width (2, 3)"
            )
        return x, ((0, 1) if first else (1, 0)) if merged else axis_order, pixels

    def _reduced(
        self, name: str, where: str, axis_order: tuple[int, ...], pixels: set[int], keep: bool, pooled: Value
    ) -> Value:
        """Return a value whose axes `pixels` were reduced to 1 pixel, without these axes unless they are kept."""
        if keep:
            return arranged(pooled, axis_order)
        kept = tuple(axis for axis in axis_order if axis not in pixels)
        return self.flatten(f"{name}.flat", where, pooled) if kept == (0,) else arranged(pooled, kept)
