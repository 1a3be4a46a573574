"""Add rectifiers and neurons to a graph under construction, each after the output of one node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Linear, Node, Scale, SumPool2d
from spikelet_converters.frontends.constant_images import ConstantImages
from spikelet_converters.frontends.construction import has_offset
from spikelet_converters.frontends.values import NOTHING, Dynamics, Factor, Value, f32


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
        if alone:
            self.only_uses.add(spikes.node)
        return spikes

    def neuron(self, name: str, where: str, dynamics: Dynamics, x: Value) -> Value:
        """Add a layer of spiking neurons."""
        if (has_offset(x) if x.node == "input" else x.offset.any()) or (x.factor <= 0).any():
            x = self.materialised(f"{name}.affine", where, x)
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
