"""Add max pools to a graph under construction.

In the form "or" they are neurons that fire if any neuron in their window does, which is the maximum at T = 1 only. In
the form "pairs" they are maxima of two values, max(a, b) = a + max(b - a, 0), along each axis: a rectifier for each
value but one, whose error decreases with the number of time-steps. Average pools are added by other modules.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import IF, LIF
from spikelet_converters.frontends.channels import parts_of
from spikelet_converters.frontends.combined import Combined
from spikelet_converters.frontends.values import (
    NONE,
    NOTHING,
    ONE,
    Dynamics,
    Factor,
    Pads,
    Pair,
    Value,
    Window,
    f32,
)
from spikelet_converters.frontends.windows import dilated, reached, symmetric


class MaxPools(Combined):
    """A graph under construction, to which layers are added, see `Combined`."""

    def relu(self, name: str, where: str, cap: float | None, x: Value, *, alone: bool = False) -> Value:
        """Add a rectifier, see `Neurons.relu`, before the pending max pools: a maximum and a rectifier commute."""
        spikes = super().relu(name, where, cap, replace(x, maxima=()), alone=alone)
        return self._pooled(name, where, x.maxima, spikes)

    def quantiser(
        self, name: str, where: str, theta: float | Factor, levels: int, x: Value, v_init: npt.ArrayLike | None = None
    ) -> Value:
        """Add a quantiser, see `Quantisers.quantiser`, before the pending max pools: a maximum and it commute."""
        spikes = super().quantiser(name, where, theta, levels, replace(x, maxima=()), v_init)
        return self._pooled(name, where, x.maxima, spikes)

    def _pooled(self, name: str, where: str, windows: tuple[Window, ...], spikes: Value) -> Value:
        """Add the max pools that were pending before a layer of neurons."""
        for window in windows:
            spikes = self.maximum(self.free_name(f"{name}.pool"), where, window, spikes)
        return spikes

    def maximum(self, name: str, where: str, window: Window, x: Value) -> Value:
        """Add a max pool in the form `max_pools`.

        If the values are not rectified, an OR of spikes, or a pool with zeros around the image, is added after the next
        rectifier, which must follow.
        """
        if x.maxima:
            return replace(x, maxima=(*x.maxima, replace(window, where=where)))
        x = self._plain(name, where, x)
        if self.max_pools == "pairs" and self.calibrate:
            pads = reached((x.shape[1], x.shape[2]), window)
            bare = x if x.parts else replace(x, offset=NOTHING)  # the maximum of values plus a number
            if pads == NONE or all(self.is_nonnegative(part, scaled=True) for part in parts_of(x)[0]):
                return self._of_pairs(name, where, window, pads, x)
            if bare is not x and self.is_nonnegative(bare, scaled=True):
                return self.affine(where, 1.0, x.offset, self._of_pairs(name, where, window, pads, bare), alone=False)
            return replace(x, maxima=(replace(window, where=where),))
        if not all(self._is_spikes(part) or self.is_nonnegative(part, scaled=True) for part in parts_of(x)[0]):
            return replace(x, maxima=(replace(window, where=where),))
        return self._of_parts(name, where, x, lambda label, part: self._any(label, where, window, part))

    def greater(self, name: str, where: str, first: Value, second: Value) -> Value:
        """Add the larger of two values, max(a - b, 0) + b."""
        negative = self.affine(where, -1.0, 0.0, second, alone=False)
        difference = self.add(self.free_name(f"{name}.difference"), where, [first, negative])
        above = self.relu(name, where, None, difference)
        return self.add(self.free_name(f"{name}.sum"), where, [above, second])

    def _of_pairs(self, name: str, where: str, window: Window, pads: Pads, x: Value) -> Value:
        """Add maxima of pairs of pixels, along the width and then along the height."""
        for axis in (1, 0):
            stride, dilation = _along(axis, window.stride, 1), _along(axis, window.dilation, 1)
            around = _along(axis, pads[:2], 0) + _along(axis, pads[2:], 0)
            values = []
            for pixel in np.eye(window.kernel[axis]):
                kernel = np.tile(np.expand_dims(pixel, 1 - axis), (x.shape[0], 1, 1, 1))
                weight, padding = symmetric(dilated(kernel, dilation), around)
                label = self.free_name(f"{name}.{'columns' if axis else 'rows'}")
                values.append(self.conv(label, where, weight, None, stride, padding, x.shape[0], x))
            while len(values) > 1:
                odd = values[2 * (len(values) // 2) :]
                pairs = zip(values[::2], values[1::2], strict=False)
                values = [*(self.greater(self.free_name(name), where, a, b) for a, b in pairs), *odd]
            x = values[0]
        self.note(f"{where}: max pooling became maxima of pairs, whose error decreases with the number of time-steps")
        return x

    def _any(self, name: str, where: str, window: Window, x: Value) -> Value:
        """Add neurons that fire if any neuron in their window does, after neurons for a value that is not spikes."""
        if not self._is_spikes(x):
            if not self.calibrate:
                raise ConversionError(f"{where}: takes maxima of sums of spikes; put neurons before the max pool")
            spikes = super().neuron(self.free_name(f"{name}.spikes"), where, Dynamics(1.0, 0.5), x)
            self.relus[spikes.node] = None
            x = spikes
        pads = reached((x.shape[1], x.shape[2]), window)
        label = self.free_name(f"{name}.any")
        bare = Value(x.node, ONE, x.shape)
        if pads == NONE and window.dilation == (1, 1):
            counts = super().sum_pool(label, where, window.kernel, window.stride, bare)
        else:
            kernel = dilated(np.ones((x.shape[0], 1, *window.kernel)), window.dilation)
            kernel, padding = symmetric(kernel, pads)
            counts = super().conv(label, where, kernel, None, window.stride, padding, x.shape[0], bare)
        ones = np.ones(x.shape[0])
        spikes = self.append(name, where, IF(f32(ones), f32(0 * ones), "zero", ">="), counts)
        self.note(
            f"{where}: max pooling became neurons that fire if any neuron in their window does: exact at T = 1, over "
            "more time-steps they fire at least as often as the maximum"
        )
        return replace(x, node=spikes.node, shape=spikes.shape)

    def _is_spikes(self, x: Value) -> bool:
        """Return whether a value consists of spikes with a positive size, plus a constant."""
        return isinstance(self.nodes[x.node], IF | LIF) and bool((x.factor > 0).all())


def _along(axis: int, sizes: Pair, other: int) -> Pair:
    """Return the size of one axis, and `other` for the other axis."""
    return (sizes[0], other) if axis == 0 else (other, sizes[1])
