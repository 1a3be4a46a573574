"""Build the float32 graph of a source network; used by the importers of all source formats.

A layer without an exact spiking form raises an error that names it and its location; no layer is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.channels import repeated, selected
from spikelet_converters.frontends.layout import arranged, axes_of, expected_of, reshaped, sizes, target_of, ungrouped
from spikelet_converters.frontends.layout import padded as around
from spikelet_converters.frontends.reductions import Reductions
from spikelet_converters.frontends.values import BATCH, NONE, Pads, Pair, Value


class Builder(Reductions):
    """A graph under construction, to which layers are added.

    The methods that add a layer take its `name` and `where`, which names it in error messages, and return its output.
    They raise ConversionError if the layer does not fit its input or has no spiking form. Those of this class take
    images (C, H, W) and lines (C, L), in any order of axes that the graph can express. Sizes are (height, width) or
    (length,).
    """

    def add(self, name: str, where: str, inputs: list[Value]) -> Value:
        """Add the sum of values of one shape; axes of size 1 are repeated, as those of means are."""
        pending = next((x.compared for x in inputs if x.compared is not None), None)
        if pending is not None:
            raise ConversionError(pending.refusal)
        if any(x.merged for x in inputs) and not all(x.merged for x in inputs):
            inputs = [self.lined(where, x) if x.merged else x for x in inputs]
        images = [x for x in inputs if len(x.shape) == 3 and not x.regrouped and x.pads == NONE and not x.maxima]
        shape = tuple(max(x.shape[axis] for x in images) for axis in range(3)) if images else ()
        repeats = all(size in (1, most) for x in images for size, most in zip(x.shape, shape, strict=True))
        if len(images) == len(inputs) and repeats:
            inputs = [
                self.repeated(name, where, [shape[axis] for axis in axes_of(x)], x) if x.shape != shape else x
                for x in inputs
            ]
        most = max(x.shape[0] for x in inputs)
        if all(x.shape in ((1,), (most,)) for x in inputs):
            inputs = [repeated(where, x, [most]) for x in inputs]
        return super().add(name, where, inputs)

    def repeated(self, name: str, where: str, target: Sequence[int], x: Value) -> Value:
        """Add a value that is broadcast to the sizes `target` of its axes, without the batch: axes of size 1 repeat."""
        if x.grid is not None and tuple(target[2:]) == x.shape[1:]:
            channels = np.broadcast_to(np.arange(x.shape[0]).reshape(x.grid), target[:2])
            return replace(selected(ungrouped(x), channels.ravel()), grid=(target[0], target[1]))
        if x.regrouped:
            return repeated(where, x, target)
        after = list(x.shape[1:])
        for size, axis in zip(target, axes_of(x), strict=True):
            if axis and size != x.shape[axis] == 1:
                after[axis - 1] = size
        if tuple(after) != x.shape[1:]:
            height, width = x.shape[1:]
            rows, columns = np.indices(after) * np.reshape([height > 1, width > 1], (2, 1, 1))
            pixels = np.eye(height * width)[rows * width + columns]
            shape = [after[axis - 1] for axis in sorted(axes_of(x)) if axis]
            pixels = pixels.transpose(2, 0, 1).reshape(1, height * width, *shape)
            inner = replace(x, axes=None) if len(axes_of(x)) == 3 else x
            x = arranged(self.pixelwise(self.free_name(f"{name}.repeated"), where, pixels, inner), axes_of(x))
        return repeated(where, x, target)

    def leaky(self, name: str, where: str, slope: npt.ArrayLike, x: Value) -> Value:
        """Add a leaky rectifier max(x, 0) - slope max(-x, 0) as two layers of neurons; slope: () or (C,)."""
        if self.is_nonnegative(x):
            return x
        slopes = np.asarray(slope, np.float64)
        if not slopes.any():
            return self.relu(name, where, None, x)
        negative = self.affine(where, -1.0, 0.0, x, alone=False)
        below = self.relu(self.free_name(f"{name}.negative"), where, None, negative)
        above = self.relu(name, where, None, x)
        return self.add(
            self.free_name(f"{name}.sum"), where, [above, self.affine(where, -slopes, 0.0, below, alone=False)]
        )

    def clipped(
        self, name: str, where: str, low: float | None, high: float | None, x: Value, *, alone: bool = False
    ) -> Value:  # fmt: skip
        """Add a value that is clipped from low to high, as low + max(x - low, 0) or high - max(high - x, 0).

        Args:
            name: Name of the layer.
            where: The layer in error messages.
            low: The smallest value, or None.
            high: The largest value, or None.
            x: The value.
            alone: Whether no other layer uses it.
        """
        low, high = (None if bound is None or np.isinf(bound) else bound for bound in (low, high))
        if low is not None and high is not None and low >= high:
            raise ConversionError(f"{where}: clips from {low:g} to {high:g}; expected a larger upper bound")
        if (low is None or low < 0) and self.is_nonnegative(x):
            low = 0.0
        if low == 0:
            return self.relu(name, where, high, x, alone=alone)
        if low is not None:
            above = self.relu(
                name, where, None if high is None else high - low, self.affine(where, 1.0, -low, x, alone=alone)
            )
            return self.affine(where, 1.0, low, above, alone=False)
        if high is None:
            return x
        below = self.relu(name, where, None, self.affine(where, -1.0, high, x, alone=alone))
        return self.affine(where, -1.0, high, below, alone=False)

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
        if target is not None and x.node == "input" and not self.edges and len(x.shape) == 1 < len(target) < 4:
            last = target[-1] == 1 < target[0]  # one channel, after the pixels
            channels, *pixels = (1, *target[:-1]) if last else target
            image = self.reshaped_input(where, (channels, *([1] * (2 - len(pixels))), *pixels), x)
            axes = (*range(3 - len(pixels), 3), 0) if last else (0, *range(3 - len(pixels), 3))
            return arranged(image, axes)
        changed = None if target is None else reshaped(x, target) or self._with_pixels(name, where, target, x)
        if changed is None:
            shown = [
                "N" if size == batch
                else f"{size // BATCH}N".removeprefix("1") if size and size % BATCH == 0 else str(size)
                for size in new_sizes
            ]  # fmt: skip
            raise ConversionError(
                f"{where}: reshapes (N, {', '.join(map(str, sizes(x)))}) to [{', '.join(shown)}]; {expected_of(x)}"
            )
        return changed

    def _with_pixels(self, name: str, where: str, target: Shape, x: Value) -> Value | None:
        """Return the value with the same pixels as an image or a line of other sizes, or None for another target."""
        axes = axes_of(x)
        pixels = [axis for axis in axes if axis]
        last = axes[-1] == 0
        channels, after = (target[-1], target[:-1]) if last else (target[0], target[1:])
        if x.grid is not None or x.maxima or len(x.shape) != 3 or 0 not in (axes[0], axes[-1]):
            return None
        if channels != x.shape[0] or len(after) not in (1, 2) or pixels != sorted(pixels):
            return None
        return self.with_pixels(self.free_name(name), where, after, x)

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
        """Add zeros before and after the axes of the source's value, without the batch; negative numbers remove pixels.

        Zeros around an image are added by the next convolution, channels of zeros by a layer.
        """
        if x.merged:
            x = self.lined(where, x)
        if min(map(min, pads)) < 0:
            ends = [
                (max(-before, 0), size - max(-after, 0)) for (before, after), size in zip(pads, sizes(x), strict=True)
            ]
            x = self.sliced(
                self.free_name(f"{name}.cropped"), where, [slice(None), *(slice(*pair) for pair in ends)], x
            )
        pairs = [(max(before, 0), max(after, 0)) for before, after in pads]
        for index, axis in enumerate(axes_of(x)):
            if axis == 0 and not x.regrouped and pairs[index] != (0, 0):
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
            x = self.lined(where, x)
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
