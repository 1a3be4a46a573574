"""Add rectifiers, quantisers and neurons to a graph under construction, each after the output of one node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Linear, Node, Scale, SumPool2d
from spikelet_converters.frontends.constant_images import ConstantImages
from spikelet_converters.frontends.values import (
    NOTHING,
    Dynamics,
    Factor,
    Rounding,
    Value,
    f32,
)

WHOLE = 1e-5  # largest relative difference of a number of levels from a whole number
MOST_LEVELS = 32  # largest number of levels of a quantiser that is converted to a neuron with as many spikes


class Neurons(ConstantImages):
    """A graph under construction, to which layers and neurons are added, see `Layers`."""

    def is_nonnegative(self, x: Value, *, scaled: bool = False) -> bool:
        """Return whether a value cannot be negative: it is a rectified value, or pooled, added or flattened ones.

        With `scaled`, it may also have been multiplied by weights of 0 or more, as are the pixels that a padding by
        replication copies.
        """
        if (x.factor < 0).any() or (x.offset < 0).any():
            return False
        pending = [x.node]
        while pending:
            name = pending.pop()
            node = self.nodes[name]
            sums = isinstance(node, SumPool2d | Flatten | Add) or (isinstance(node, Conv2d) and _sums_pixels(node))
            if sums or (scaled and _has_no_negative_weights(node)):
                pending += [source for source, target in self.edges if target == name]
            elif not isinstance(node, IF | LIF):
                return False
        return True

    def relu(self, name: str, where: str, cap: float | None, x: Value, *, alone: bool = False) -> Value:
        """Add a rectifier, clipped at `cap` if given, as a neuron whose threshold is calibrated later.

        A value that cannot be negative is already rectified. Its cap may change if `alone`, if no other layer uses it.
        """
        if cap is not None and cap <= 0:
            raise ConversionError(f"{where}: clips at {cap:g}; expected an upper bound above 0")
        if self.is_nonnegative(x):
            if cap is None:
                return x
            if x.node in self.relus and alone and x.factor.size == 1 and not x.offset.any():
                before, own = self.relus[x.node], cap / float(x.factor.ravel()[0])
                self.relus[x.node] = own if before is None else min(before, own)
                return x
        spikes = self.neuron(name, where, Dynamics(1.0, 0.5), x)
        self.relus[spikes.node] = cap
        return spikes

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
        quantised = self.quantise_relu(where, cap, levels, x, (start - 0.5) * cap / levels)
        return replace(quantised, factor=quantised.factor * factor)

    def quantise(self, name: str, where: str, theta: float, levels: int, x: Value, *, alone: bool) -> Value:
        """Add a quantiser, see `quantiser`, as one neuron with the rectifier before it if no other layer uses that."""
        if x.node in self.relus and alone and not x.offset.any() and (x.factor == 1).all():
            return self.quantise_relu(where, theta, levels, x)
        return self.quantiser(name, where, theta, levels, x)

    def quantise_relu(self, where: str, theta: float, levels: int, x: Value, shift: float = 0.0) -> Value:
        """Replace a rectifier by the quantiser of the rectified value + shift, so that both are one neuron."""
        (source,) = (a for a, b in self.edges if b == x.node)
        before = self.nodes.pop(x.node)
        self.edges.remove((source, x.node))
        del self.relus[x.node]
        assert isinstance(before, IF)
        unit = before.theta.astype(np.float64)  # the rectifier has theta = 1 in the units of its input
        inner = replace(x, node=source, factor=1 / unit, offset=NOTHING)
        alone = not any(a == source for a, _ in self.edges)
        inner = self.affine(where, 1.0, shift, inner, alone=alone) if shift else inner
        return self.quantiser(x.node, where, theta, levels, inner)

    def neuron(self, name: str, where: str, dynamics: Dynamics, x: Value) -> Value:
        """Add a layer of spiking neurons."""
        if x.node != "input" and (x.offset.any() or (x.factor <= 0).any()):
            x = self.materialised(f"{name}.affine", where, x)
        self.refuse_offset(where, x)
        # the current is factor * node output, so potentials are divided by the factor
        unit = x.channels() * np.asarray(dynamics.gain, np.float64)
        if (unit <= 0).any():
            raise ConversionError(f"{where}: its input is scaled by {unit.min():g}; expected a factor above 0")
        shape = unit.shape

        def channels(parameter: str, value: npt.ArrayLike) -> Factor:
            array = np.asarray(value, np.float64).ravel()
            if array.size not in (1, *shape):
                raise ConversionError(
                    f"{where}: {parameter} has {array.size} values, the layer has {shape[0]} channels"
                )
            return np.broadcast_to(array, shape)

        theta, v_init = channels("the threshold", dynamics.theta) / unit, channels("v_init", dynamics.v_init) / unit
        if not (theta > 0).all():
            raise ConversionError(f"{where}: has a threshold of {theta.min():g}; expected a value above 0")
        if dynamics.decay is not None and not (np.asarray(dynamics.decay) > 0).all():
            raise ConversionError(
                f"{where}: its potential decays to 0 within one time-step (a factor of 0); expected a factor above 0"
            )
        if dynamics.decay is None:
            node: Node = IF(f32(theta), f32(v_init), dynamics.reset, dynamics.tie)
        else:
            node = LIF(
                f32(theta), f32(v_init), dynamics.reset, dynamics.tie, f32(channels("the decay", dynamics.decay))
            )
        spikes = self.append(name, where, node, x)
        return replace(
            x, node=spikes.node, factor=np.asarray(dynamics.spike, np.float64), offset=NOTHING, shape=spikes.shape
        )

    def integrator(self, name: str, where: str, decay: npt.ArrayLike, x: Value, gain: npt.ArrayLike = 1.0) -> Value:
        """Add a leaky integrator v <- decay v + gain x whose output is its potential; decay, gain: () or (C,)."""
        decay = np.asarray(decay, np.float64).ravel()
        if decay.size not in (1, x.shape[0]):
            raise ConversionError(f"{where}: the decay has {decay.size} values, the layer has {x.shape[0]} channels")
        if not ((decay > 0) & (decay <= 1)).all():
            raise ConversionError(f"{where}: has a decay of {decay.min():g}; expected a value above 0 and up to 1")
        potential = self.append(name, where, LI(f32(np.broadcast_to(decay, (x.shape[0],)))), x)
        factor = x.factor * np.asarray(gain, np.float64)
        return Value(potential.node, factor.reshape(()) if factor.size == 1 else factor, potential.shape)


def check_reset(where: str, theta: npt.ArrayLike, reset: npt.ArrayLike) -> None:
    """Raise ConversionError if the potential after a spike is not below the threshold."""
    if not (np.asarray(theta) > np.asarray(reset)).all():
        raise ConversionError(
            f"{where}: fires above {range_text(theta)} and resets to {range_text(reset)}; expected a reset potential "
            "below the threshold"
        )


def range_text(values: npt.ArrayLike) -> str:
    """Return the smallest and the largest number of an array as text, or the only one."""
    array = np.unique(np.asarray(values, np.float64))
    return f"{array[0]:g}" if array.size == 1 else f"{array[0]:g}…{array[-1]:g}"


def _has_no_negative_weights(node: Node) -> bool:
    match node:
        case Scale():
            return bool((node.scale >= 0).all())
        case Conv2d() | Linear():
            return bool((node.weight >= 0).all() and (node.bias >= 0).all())
    return False


def _sums_pixels(node: Conv2d) -> bool:
    """Return whether a convolution adds pixels of each channel, as the windows of a padded average pool."""
    return node.weight.shape[1] == 1 and bool((node.weight >= 0).all()) and not node.bias.any()
