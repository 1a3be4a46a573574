"""Add max pools to a graph under construction, as neurons that fire if any neuron in their window does."""

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
    ONE,
    Dynamics,
    Factor,
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
        """Add a quantiser, see `Neurons.quantiser`, before the pending max pools: a maximum and a quantiser commute."""
        spikes = super().quantiser(name, where, theta, levels, replace(x, maxima=()), v_init)
        return self._pooled(name, where, x.maxima, spikes)

    def _pooled(self, name: str, where: str, windows: tuple[Window, ...], spikes: Value) -> Value:
        """Add the max pools that were pending before a layer of neurons."""
        for window in windows:
            spikes = self.maximum(self.free_name(f"{name}.pool"), where, window, spikes)
        return spikes

    def maximum(self, name: str, where: str, window: Window, x: Value) -> Value:
        """Add a max pool of spikes: a neuron that fires at a time-step if any neuron in its window does.

        If the values are not rectified, the pool is added after the next rectifier, which must follow.
        """
        if x.maxima:
            return replace(x, maxima=(*x.maxima, replace(window, where=where)))
        x = self._plain(name, where, x)
        if not all(self._is_spikes(part) or self.is_nonnegative(part, scaled=True) for part in parts_of(x)[0]):
            return replace(x, maxima=(replace(window, where=where),))
        return self._of_parts(name, where, x, lambda label, part: self._any(label, where, window, part))

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
