"""Add quantisers to a graph under construction: clipped values that are rounded to a number of levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import IF
from spikelet_converters.frontends.neurons import Neurons
from spikelet_converters.frontends.values import NOTHING, ONE, Dynamics, Factor, Rounding, Value

WHOLE = 1e-5  # largest relative difference of a number of levels from a whole number
MOST_LEVELS = 32  # largest number of levels of a quantiser that is converted to a neuron with as many spikes


class Quantisers(Neurons):
    """A graph under construction, to which layers, neurons and quantisers are added, see `Layers`."""

    def quantiser(
        self, name: str, where: str, theta: float | Factor, levels: int, x: Value, v_init: npt.ArrayLike | None = None
    ) -> Value:
        """Add the quantiser theta/L clip(round(L x / theta), 0, L), L = `levels`, as an IF neuron; theta: () or (C,).

        With `calibrate`, a quantiser of more than MOST_LEVELS levels becomes a clipped ReLU instead.
        """
        if self.calibrate and levels > MOST_LEVELS and isinstance(theta, float):
            spikes = self.relu(name, where, theta, x)
            self.record_rounding(Rounding(np.asarray(theta / levels), NOTHING, 0, levels), spikes)
            return spikes
        dynamics = Dynamics(theta, theta / 2 if v_init is None else v_init, spike=theta)
        spikes = self.neuron(name, where, dynamics, x)
        self.levels[spikes.node] = levels
        return spikes

    def rounded(self, where: str, shift: float, x: Value, *, alone: bool) -> Value | None:
        """Replace a clipped rectifier by the quantiser floor(x + shift) of its output, so that both are one neuron.

        Args:
            where: The layer in error messages.
            shift: 0 for a quantiser that rounds down, 1/2 for one that rounds to the nearest integer.
            x: The value that is rounded.
            alone: Whether no other layer uses the output of the rectifier.

        Returns:
            The integers of the quantiser, or None for a value that is not from 0 to a whole number.
        """
        cap = self.relus.get(x.node)
        used = any(source == x.node for source, _ in self.edges)
        if cap is None or used or not alone or x.factor.size != 1 or x.offset.size != 1:
            return None
        factor, start = float(x.factor.ravel()[0]), float(x.offset.ravel()[0]) + shift
        levels = round(factor * cap)
        if levels < 1 or abs(factor * cap - levels) > WHOLE * levels or not 0 <= start < 1:
            return None
        inner = self._unrectified(replace(x, factor=ONE, offset=NOTHING))
        shift = (start - 0.5) * cap / levels
        if shift:
            unused = not any(a == inner.node for a, _ in self.edges)
            inner = self.affine(where, 1.0, shift, inner, alone=unused and x.node in self.only_uses)
        quantised = self.quantiser(x.node, where, cap, levels, inner)
        return replace(quantised, factor=quantised.factor * factor)

    def quantised(
        self, name: str, where: str, rounding: Rounding, x: Value, *, alone: bool, needed: bool = False
    ) -> Value:  # fmt: skip
        """Add a quantiser of the source as one neuron, low + quantiser(x - low), or leave it out with a note.

        It is one neuron with the rectifier before it, if no other layer uses that. One of more than MOST_LEVELS levels
        is left out where it does not replace a rectifier: its steps are small, and values beyond its range are rare.

        Args:
            name: Name of the layer.
            where: The quantiser in error messages.
            rounding: The quantiser.
            x: The value.
            alone: Whether no other layer uses it.
            needed: Whether it is not left out, as a nonlinearity of the source.
        """
        scale, zero = np.asarray(rounding.scale, np.float64), np.asarray(rounding.zero, np.float64)
        low, high = np.asarray(rounding.low - zero), np.asarray(rounding.high - zero)
        nonnegative = self.is_nonnegative(x)
        if nonnegative:
            low = np.maximum(low, 0)
        bounds = self._bounds(x) if alone else None
        if bounds is not None and np.allclose(bounds[0], scale * np.maximum(low, np.round(bounds[0] / scale)), WHOLE):
            low, high = (np.clip(np.round(bound / scale), low, high) for bound in bounds)
        else:
            bounds = None
        levels, shift = high - low, scale * low
        if (levels <= 0).any():
            raise ConversionError(f"{where}: all its values are {shift.min():g}; expected two levels or more")
        rectifies = needed or bounds is not None or not (low.any() or nonnegative or x.node == "input")
        most = MOST_LEVELS if np.ptp(shift) or np.ptp(scale) or not rectifies else np.inf
        if np.ptp(levels) or (zero % 1).any() or levels.max() > most:
            return self._without(name, where, rounding, x, alone=alone)
        if bounds is not None:
            name, x = x.node, replace(self._unrectified(x), offset=NOTHING)
        elif shift.any():
            x = self.affine(where, 1.0, -shift, x, alone=alone)
        theta = scale * levels
        count = int(levels.flat[0])
        spikes = self.quantiser(name, where, float(theta.flat[0]) if np.ptp(theta) == 0 else theta, count, x)
        return self.affine(where, 1.0, shift, spikes, alone=False) if shift.any() else spikes

    def _bounds(self, x: Value) -> tuple[float, float] | None:
        """Return the least and the largest value of a rectifier that no layer uses, or None for another value."""
        if x.node not in self.relus or any(a == x.node for a, _ in self.edges):
            return None
        if x.factor.size != 1 or x.offset.size != 1 or x.factor.min() <= 0:
            return None
        factor, offset, cap = float(x.factor.flat[0]), float(x.offset.flat[0]), self.relus[x.node]
        return offset, np.inf if cap is None else offset + factor * cap

    def _without(self, name: str, where: str, rounding: Rounding, x: Value, *, alone: bool) -> Value:
        """Leave a quantiser of x out, and note it; of a value that other layers use as well, for this use only."""
        quantised = "the input" if x.node == "input" else "no rectified activation"
        if rounding.scale.size > 1:
            quantised = "activations per channel"
        x = x if alone or x.node == "input" else self.separate(name, where, x)
        self.record_rounding(rounding, x)
        self.note(f"{where}: quantises {quantised}, and was left out")
        return x

    def _unrectified(self, x: Value) -> Value:
        """Remove a rectifier that no layer uses, and return its input with the factor and offset of its output."""
        (source,) = (a for a, b in self.edges if b == x.node)
        before = self.nodes.pop(x.node)
        self.edges.remove((source, x.node))
        del self.relus[x.node]
        assert isinstance(before, IF)
        unit = before.theta.astype(np.float64)  # the rectifier has theta = 1 in the units of its input
        return replace(x, node=source, factor=x.factor / unit)
