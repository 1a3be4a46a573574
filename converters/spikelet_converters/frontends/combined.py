"""Add layers whose input is any value: the output of a node, or channels of several nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Add, Conv2d, Linear
from spikelet_converters.frontends.channels import by_part, columns, composed, flat_pick, parts_of, recomposed
from spikelet_converters.frontends.constant_images import convolved
from spikelet_converters.frontends.layout import as_before, axes_of, same_axes, ungrouped
from spikelet_converters.frontends.quantisers import Quantisers
from spikelet_converters.frontends.values import (
    NONE,
    NOTHING,
    Dynamics,
    Factor,
    Pair,
    Rounding,
    Value,
    f32,
)
from spikelet_converters.frontends.windows import Averages, symmetric

Layer = Callable[[str, Value], Value]
NOT_RECTIFIED = (
    "takes maxima of values that may be negative, which an OR of spikes cannot represent; put a ReLU directly before "
    "or after it, or use --max-pool pairs, or average in a network of spiking neurons"
)
PADDED = (
    "takes maxima of values that may be negative at the border of the image, where zeros would be larger; put a ReLU "
    "directly before or after it"
)


class Combined(Quantisers):
    """A graph under construction, to which layers are added.

    The methods that add a layer take its `name` and `where`, which names it in error messages, and return its output.
    They raise ConversionError if the layer does not fit its input or has no spiking form.
    """

    def conv(
        self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, stride: Pair, padding: Pair,
        groups: int, x: Value,
    ) -> Value:  # fmt: skip
        """Add a convolution; weight: (C_out, C_in / groups, kh, kw)."""
        x = self._plain(name, where, x)
        if not x.parts:
            return super().conv(name, where, weight, bias, stride, padding, groups, x)
        kernel = np.asarray(weight, np.float64)
        if x.axes is None and groups > 1 and groups == x.shape[0] and kernel.shape[1] == 1:
            return self._by_channel(name, where, kernel, bias, stride, padding, x)
        if groups > 1 or x.axes is not None or kernel.shape[1] != x.shape[0]:
            x = replace(self.joined(f"{name}.joined", where, x), axes=x.axes)
            return super().conv(name, where, kernel, bias, stride, padding, groups, x)

        def branch(label: str, part: Value, weight: Factor, bias: npt.ArrayLike | None) -> Value:
            return super(Combined, self).conv(label, where, weight, bias, stride, padding, 1, part)

        def of_constants(values: Factor, weight: Factor) -> Factor:
            return convolved(values, weight, stride, padding)

        return self._sum(name, where, kernel, bias, x, branch, of_constants)

    def _by_channel(
        self, name: str, where: str, kernel: Factor, bias: npt.ArrayLike | None, stride: Pair,
        padding: Pair, x: Value,
    ) -> Value:  # fmt: skip
        """Add a depthwise convolution, part by part."""
        parts, pick = parts_of(x)
        repeats = len(kernel) // x.shape[0]
        if len(np.unique(pick)) < len(pick) or len(kernel) % x.shape[0]:
            x = self.joined(f"{name}.joined", where, x)
            return super().conv(name, where, kernel, bias, stride, padding, x.shape[0], x)
        weights = by_part(x, kernel.reshape(len(pick), repeats, *kernel.shape[1:]), 0)
        biases = np.zeros(len(kernel)) if bias is None else np.asarray(bias, np.float64)
        shifts = by_part(x, biases.reshape(len(pick), repeats), 0)
        values = []
        for (label, part), weight, shift in zip(self._labelled(name, parts), weights, shifts, strict=True):
            filters = weight.reshape(-1, *kernel.shape[1:])
            values.append(super().conv(label, where, filters, shift.ravel(), stride, padding, part.shape[0], part))
        return recomposed(x, values, repeats)

    def linear(self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, x: Value) -> Value:
        """Add a linear layer; weight: (F_out, F_in)."""
        x = self._plain(name, where, x)
        matrix = np.asarray(weight, np.float64)
        if not x.parts or matrix.ndim != 2 or x.shape != (matrix.shape[1],):
            return super().linear(name, where, weight, bias, x)

        def branch(label: str, part: Value, weight: Factor, bias: npt.ArrayLike | None) -> Value:
            return super(Combined, self).linear(label, where, weight, bias, part)

        return self._sum(name, where, matrix, bias, x, branch, lambda values, weight: weight @ values)

    def _sum(
        self, name: str, where: str, weight: Factor, bias: npt.ArrayLike | None, x: Value,
        branch: Callable[[str, Value, Factor, npt.ArrayLike | None], Value],
        of_constants: Callable[[Factor, Factor], Factor],
    ) -> Value:  # fmt: skip
        """Add a layer with weights as the sum of a layer for each part; that of constants is computed here."""
        parts = list(zip(x.parts, columns(x, weight), strict=True))
        inputs = [pair for pair in parts if self.constants_of(pair[0]) is None] or parts
        shift: Factor | None = None
        for part, part_weight in [] if len(inputs) == len(parts) else parts:
            values = self.constants_of(part)
            if values is not None:
                shift = of_constants(values, part_weight) + (0 if shift is None else shift)
        if shift is not None and (shift.ndim == 1 or not np.ptp(shift, axis=(1, 2)).any()):
            own = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
            bias, shift = own + shift.reshape(len(weight), -1)[:, 0], None
        branches: list[Value] = []
        labels = self._labelled(name, tuple(part for part, _ in inputs))
        if len(labels) == 1 and shift is not None:
            labels = [(self.free_name(f"{name}.0"), labels[0][1])]
        for (label, part), (_, part_weight) in zip(labels, inputs, strict=True):
            branches.append(branch(label, part, part_weight, None if branches else bias))
        if shift is not None:
            branches.append(self.constant(f"{name}.constant", where, shift))
        if len(branches) == 1:
            return branches[0]
        total = super().add(self.free_name(name), where, branches)
        self.sums.add(total.node)
        return total

    def affine(self, where: str, gain: npt.ArrayLike, shift: npt.ArrayLike, x: Value, *, alone: bool = True) -> Value:
        """Add gain * x + shift, per channel, see `Construction.affine`."""
        alone = alone and x.rounded is None and x.compared is None
        if x.regrouped:
            return as_before(self.affine(where, gain, shift, ungrouped(x), alone=alone), x)
        if x.pads != NONE:
            x = self._plain("affine", where, x)
        gains, shifts = (
            np.broadcast_to(np.ravel(values), (x.shape[0],)).astype(np.float64) for values in (gain, shift)
        )
        if x.maxima and not (gains > 0).all():
            raise ConversionError(f"{where}: scales maxima by {gains.min():g}; expected a factor above 0")
        if x.parts:
            return self._affine_parts(where, gains, shifts, x)
        rounded = x.node in self.roundings and not gains.all()
        if x.node in self.sums and alone and (x.factor == 1).all() and not x.offset.any() and not rounded:
            for index, name in enumerate(name for name, target in self.edges if target == x.node):
                before = self.nodes[name]
                assert isinstance(before, Conv2d | Linear)
                weight = before.weight * gains.reshape(-1, *(1,) * (before.weight.ndim - 1))
                bias = before.bias * gains + (0 if index else shifts)
                self.nodes[name] = replace(before, weight=f32(weight), bias=f32(bias))
            self.rescale_roundings(x.node, gains, shifts)
            return x
        return super().affine(where, gain, shift, x, alone=alone)

    def _affine_parts(self, where: str, gains: Factor, shifts: Factor, x: Value) -> Value:
        parts, pick = parts_of(x)
        if len(np.unique(pick)) < len(pick):
            return super().affine(where, gains, shifts, self.joined("joined", where, x))
        values = []
        for part, gain, shift in zip(parts, by_part(x, gains, 1), by_part(x, shifts, 0), strict=True):
            factor, offset = part.channels() * gain, part.offsets() * gain + shift
            values.append(replace(part, factor=factor, offset=offset if offset.any() else NOTHING))
        return recomposed(x, values)

    def pool(self, name: str, where: str, kernel: Pair, stride: Pair, x: Value) -> Value:
        """Add an average pool without padding."""
        pool = super().pool
        return self._of_parts(name, where, x, lambda label, part: pool(label, where, kernel, stride, part))

    def sum_pool(self, name: str, where: str, kernel: Pair, stride: Pair, x: Value) -> Value:
        """Add a sum pool without padding."""
        pool = super().sum_pool
        return self._of_parts(name, where, x, lambda label, part: pool(label, where, kernel, stride, part))

    def pool_of_maxima(self, name: str, where: str, kernel: Pair, stride: Pair, x: Value) -> Value:
        """Add an average pool that replaces a max pool without padding."""
        pool = super().pool_of_maxima
        return self._of_parts(name, where, x, lambda label, part: pool(label, where, kernel, stride, part))

    def average_pool(
        self, name: str, where: str, kernel: Pair, stride: Pair, rows: Averages, columns: Averages, x: Value
    ) -> Value:
        """Add an average pool, with zeros around the image or windows that reach beyond it."""

        def pool(label: str, part: Value) -> Value:
            return super(Combined, self).average_pool(label, where, kernel, stride, rows, columns, part)

        return self._of_parts(name, where, x, pool)

    def is_nonnegative(self, x: Value, *, scaled: bool = False) -> bool:
        """Return whether a value cannot be negative, see `Neurons.is_nonnegative`."""
        return all(super(Combined, self).is_nonnegative(part, scaled=scaled) for part in parts_of(x)[0])

    def relu(self, name: str, where: str, cap: float | None, x: Value, *, alone: bool = False) -> Value:
        """Add a rectifier, see `Neurons.relu`."""

        def rectified(label: str, part: Value) -> Value:
            return super(Combined, self).relu(label, where, cap, part, alone=alone and not x.parts)

        return self._neurons(name, where, x, rectified)

    def quantiser(
        self, name: str, where: str, theta: float | Factor, levels: int, x: Value, v_init: npt.ArrayLike | None = None
    ) -> Value:
        """Add a quantiser, see `Quantisers.quantiser`."""
        if x.parts and (np.ndim(theta) or np.ndim(v_init if v_init is not None else 0)):  # values by channel
            x = replace(self.joined(f"{name}.joined", where, x), axes=x.axes)

        def layer(label: str, part: Value) -> Value:
            return super(Combined, self).quantiser(label, where, theta, levels, part, v_init)

        return self._neurons(name, where, x, layer)

    def neuron(self, name: str, where: str, dynamics: Dynamics, x: Value) -> Value:
        """Add a layer of spiking neurons."""
        if x.regrouped:
            return as_before(self.neuron(name, where, dynamics, ungrouped(x)), x)
        x = self._plain(name, where, x)
        if x.parts:
            x = replace(self.joined(f"{name}.joined", where, x), axes=x.axes)
        return super().neuron(name, where, dynamics, x)

    def _neurons(self, name: str, where: str, x: Value, neurons: Layer) -> Value:
        """Add rectifiers or neurons, part by part if the output of every part is the input of a neuron as it is."""
        if x.regrouped:
            return as_before(self._neurons(name, where, ungrouped(x), neurons), x)
        x = self._plain(name, where, x)
        layers = Conv2d | Linear | Add
        if not x.parts:
            return neurons(name, x)
        if self.is_nonnegative(x) or all(
            isinstance(self.nodes[part.node], layers) and (part.factor == 1).all() and not part.offset.any()
            for part in x.parts
        ):
            return recomposed(x, [neurons(label, part) for label, part in self._labelled(name, x.parts)])
        return neurons(name, replace(self.joined(f"{name}.joined", where, x), axes=x.axes))

    def integrator(self, name: str, where: str, decay: npt.ArrayLike, x: Value, gain: npt.ArrayLike = 1.0) -> Value:
        """Add a leaky integrator, see `Neurons.integrator`."""
        return super().integrator(name, where, decay, self._single(name, where, x), gain)

    def flatten(self, name: str, where: str, x: Value) -> Value:
        """Flatten (C, H, W) to (C·H·W,), channel first."""
        x = self._plain(name, where, ungrouped(x))
        if not x.parts or len(x.shape) == 1:
            return super().flatten(name, where, x)
        flat = [super(Combined, self).flatten(label, where, part) for label, part in self._labelled(name, x.parts)]
        return composed(flat, flat_pick(x), None)

    def add(self, name: str, where: str, inputs: list[Value]) -> Value:
        """Add the sum of values of one shape."""
        first = inputs[0]
        if first.regrouped and all(same_axes(first, x) for x in inputs):
            return as_before(self.add(name, where, [ungrouped(x) for x in inputs]), first)
        if all(x.parts for x in inputs) and all(_alike(first, x) for x in inputs):
            labels = [label for label, _ in self._labelled(name, first.parts)]
            sums = [
                super(Combined, self).add(label, where, [x.parts[index] for x in inputs])
                for index, label in enumerate(labels)
            ]
            return recomposed(first, sums)
        single = [
            replace(self._single(f"{name}.joined", where, x), axes=x.axes) if x.parts else self._plain(name, where, x)
            for x in inputs
        ]
        return super().add(name, where, single)

    def plus_constant(self, name: str, where: str, array: npt.NDArray[np.generic], x: Value) -> Value:
        """Add constants that differ from pixel to pixel to a value, see `ConstantImages.plus_constant`."""
        return super().plus_constant(name, where, array, self.padded(name, where, x))

    def output(self, inputs: list[Value]) -> Value:
        """Add the network's output, the logits."""
        single = [self._single("logits", "the output", x) for x in inputs]
        flat = [
            self.flatten(self.free_name("logits.flat"), "the output", x) if x.shape[1:] == (1, 1) else x for x in single
        ]
        return super().output(flat)

    def record_rounding(self, rounding: Rounding, x: Value) -> None:
        """Record a quantiser of the source that is not part of the graph."""
        if not x.parts:
            super().record_rounding(rounding, x)
            return
        scales, zeros = (
            by_part(x, values, values.flat[0]) if values.ndim else [values] * len(x.parts)
            for values in (rounding.scale, rounding.zero)
        )
        for part, scale, zero in zip(x.parts, scales, zeros, strict=True):
            super().record_rounding(replace(rounding, scale=scale, zero=zero), part)

    def padded(self, name: str, where: str, x: Value) -> Value:
        """Add a layer for the padding of a value, if it has any."""
        if x.pads == NONE:
            return x
        weight, padding = symmetric(np.ones((x.shape[0], 1, 1, 1)), x.pads)
        inner = replace(x, pads=NONE, axes=None)
        result = self.conv(self.free_name(f"{name}.pad"), where, weight, None, (1, 1), padding, x.shape[0], inner)
        return replace(result, axes=x.axes)

    def joined(self, name: str, where: str, x: Value) -> Value:
        """Add a layer whose output is a value of several nodes, without weights of the source."""
        identity = np.eye(x.shape[0])
        inner = replace(x, axes=None)
        if len(x.shape) == 1:
            return self.linear(self.free_name(name), where, identity, None, inner)
        return self.conv(self.free_name(name), where, identity[:, :, None, None], None, (1, 1), (0, 0), 1, inner)

    def _single(self, name: str, where: str, x: Value) -> Value:
        x = self._plain(name, where, x)
        return replace(self.joined(f"{name}.joined", where, x), axes=x.axes) if x.parts else x

    def _plain(self, name: str, where: str, x: Value) -> Value:
        """Return a value in the form that layers accept: with its padding added, and without pending max pools."""
        for value in (x, *x.parts):
            if value.maxima:
                raise ConversionError(f"{value.maxima[0].where}: {NOT_RECTIFIED if self.max_pools == 'or' else PADDED}")
        if x.grid is not None:
            raise ConversionError(f"{where}: takes channels as two axes {x.grid}; expected (N, C, H, W)")
        if x.merged:
            raise ConversionError(f"{where}: takes pixels as one axis (N, C, H·W); expected (N, C, H, W)")
        return self.padded(name, where, x)

    def _of_parts(self, name: str, where: str, x: Value, layer: Layer) -> Value:
        x = self._plain(name, where, x)
        if not x.parts:
            return layer(name, x)
        return recomposed(x, [layer(label, part) for label, part in self._labelled(name, x.parts)])

    def _labelled(self, name: str, parts: tuple[Value, ...]) -> list[tuple[str, Value]]:
        """Return names of layers for the parts of a value."""
        if len(parts) == 1:
            return [(name, parts[0])]
        return [(self.free_name(f"{name}.{index}"), part) for index, part in enumerate(parts)]


def _alike(a: Value, b: Value) -> bool:
    """Return whether the parts of two values have equal shapes, and the values the same channels of them."""
    shapes = [part.shape for part in a.parts] == [part.shape for part in b.parts]
    return shapes and np.array_equal(parts_of(a)[1], parts_of(b)[1]) and axes_of(a) == axes_of(b)
