"""Add synapses, pools and sums to a graph under construction, each with the output of one node as its input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.bounds.products import product
from spikelet.errors import ConversionError
from spikelet.nodes import Add, Conv2d, Flatten, Linear, Scale, SumPool2d, Weighted
from spikelet_converters.frontends.construction import Construction, check_finite, has_offset
from spikelet_converters.frontends.layout import flat_order
from spikelet_converters.frontends.values import (
    NOTHING,
    ONE,
    Value,
    f32,
    free_name,
    one_number,
)
from spikelet_converters.frontends.windows import Averages, branches_of, symmetric

MOST_BRANCHES = 9  # largest number of kinds of windows of a pool, at the border and inside


class Layers(Construction):
    """A graph under construction, to which layers are added.

    The methods that add a layer take its `name` and `where`, which names it in error messages, and return its output.
    They raise ConversionError if the layer does not fit its input or has no spiking form.
    """

    def conv(
        self,
        name: str,
        where: str,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        groups: int,
        x: Value,
    ) -> Value:
        """Add a convolution; weight: (C_out, C_in / groups, kh, kw)."""
        check_finite(where, weight, bias)
        weight = np.asarray(weight, np.float64)
        channels = weight.shape[1] * groups
        if x.shape[0] != channels or len(x.shape) != 3:
            raise ConversionError(f"{where}: expected {channels} input channels, found {x.shape[0]} (shape {x.shape})")
        if x.axes is not None:
            raise ConversionError(f"{where}: takes channels last; export the network channel first (NCHW)")
        if padding != (0, 0) and x.offset.any() and not self._is_rounded_mean(x):
            x = self.materialised(f"{name}.shift", where, x)
        per_group = len(weight) // groups
        shift = np.repeat(x.offsets().reshape(groups, -1), per_group, axis=0)
        offset = (weight.sum((2, 3)) * shift).sum(1)
        if padding != (0, 0) and offset.any():
            self.note(
                f"{where}: the mean of the input is not an integer number of pixels; at the border it was rounded"
            )
        weight = weight * np.repeat(x.channels().reshape(groups, -1), per_group, axis=0)[:, :, None, None]
        bias = _bias(where, bias, len(weight))
        return self.append(name, where, Conv2d(f32(weight), f32(bias + offset), stride, padding, groups), x)

    def _is_rounded_mean(self, x: Value) -> bool:
        """Return whether the offset of a value is the rounding error of the input's mean, a rounded number."""
        return x.node == "input" and np.allclose(x.offsets(), -self.border * x.channels(), rtol=1e-9, atol=1e-12)

    def linear(self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, x: Value) -> Value:
        """Add a linear layer; weight: (F_out, F_in)."""
        check_finite(where, weight, bias)
        weight = np.asarray(weight, np.float64)
        if x.shape != (weight.shape[1],):
            remedy = "flatten it first" if len(x.shape) > 1 else "check the network's input shape (--input)"
            raise ConversionError(
                f"{where}: expected an input of shape ({weight.shape[1]},), found {x.shape}; {remedy}"
            )
        bias = _bias(where, bias, len(weight))
        if x.order is not None:
            ordered = np.empty_like(weight)
            ordered[:, x.order] = weight
            weight = ordered
        return self.append(name, where, Linear(f32(weight * x.channels()), f32(bias + product(weight, x.offsets()))), x)

    def pool_of_maxima(
        self, name: str, where: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value
    ) -> Value:
        """Add an average pool that replaces a max pool without padding."""
        if (x.factor <= 0).any():
            raise ConversionError(f"{where}: its input is scaled by {x.factor.min():g}; expected a factor above 0")
        pooled = self.pool(name, where, kernel, stride, x)
        self.maxima.add(pooled.node)
        self.note(f"{where}: max pooling was replaced by average pooling, as requested")
        return pooled

    def pool(self, name: str, where: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """Add an average pool without padding."""
        pooled = self.append(name, where, SumPool2d(kernel, stride), x, keep_offset=True)
        return Value(pooled.node, x.factor / (kernel[0] * kernel[1]), pooled.shape, x.offset)

    def sum_pool(self, name: str, where: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """Add a sum pool without padding."""
        pooled = self.append(name, where, SumPool2d(kernel, stride), x)
        return Value(pooled.node, x.factor, pooled.shape)

    def average_pool(
        self,
        name: str,
        where: str,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        rows: Averages,
        columns: Averages,
        x: Value,
    ) -> Value:
        """Add an average pool, with zeros around the image or windows that reach beyond it."""
        plain = not any((rows.before, rows.after, columns.before, columns.after))
        if plain and rows.uniform and columns.uniform:
            return self.pool(name, where, kernel, stride, x)
        if x.offset.any():
            x = self.materialised(f"{name}.affine", where, x)
        branches = branches_of(rows, columns, kernel, stride, (x.shape[1], x.shape[2]))
        if len(branches) > MOST_BRANCHES:
            raise ConversionError(
                f"{where}: has windows of {len(branches)} different positions at the border; expected at most "
                f"{MOST_BRANCHES}: pad the image instead, or count the zeros (count_include_pad = 1)"
            )
        channels = x.shape[0]
        values = []
        for index, branch in enumerate(branches):
            value = x
            for part, (weight, pads, steps) in enumerate(branch):
                filters, padding = symmetric(np.repeat(weight[None, None], channels, axis=0), pads)
                layer = name if len(branches) == 1 else free_name(f"{name}.border{index}.{part}", self.nodes)
                value = self.conv(layer, where, filters, None, steps, padding, channels, value)
            values.append(value)
        return values[0] if len(values) == 1 else self.add(name, where, values)

    def flatten(self, name: str, where: str, x: Value) -> Value:
        """Flatten (C, H, W) to (C·H·W,), channel first."""
        if len(x.shape) == 1:
            return x
        order = flat_order(x)
        flat = self.append(name, where, Flatten(), x, keep_offset=True)
        pixels = x.shape[1] * x.shape[2]
        factor, offset = (np.repeat(value, pixels) if value.ndim else value for value in (x.factor, x.offset))
        return Value(flat.node, factor, flat.shape, offset, None, order)

    def add(self, name: str, where: str, inputs: list[Value]) -> Value:
        """Add the sum of values of one shape."""
        sources = []
        inputs = _distinct(inputs)
        if len(inputs) == 1:
            return inputs[0]
        for index, x in enumerate(inputs):
            if has_offset(x) or (x.offset.any() and x.node != "input"):
                x = self.materialised(f"{name}.affine{index}", where, x)
            self.refuse_offset(where, x)
            same = x.order is inputs[0].order or np.array_equal(x.order, inputs[0].order)  # type: ignore[arg-type]
            if x.axes != inputs[0].axes or not same:
                raise ConversionError(f"{where}: adds values whose axes are in another order")
            if x.shape != inputs[0].shape:
                raise ConversionError(f"{where}: adds shapes {inputs[0].shape} and {x.shape}; expected equal shapes")
            if not isinstance(self.nodes[x.node], Weighted | Add) or (x.factor != 1).any():
                scaled = self.append(self.free_name(f"{name}.scale{index}"), where, Scale(f32(x.channels())), x)
                x = replace(x, node=scaled.node, factor=ONE)
            sources.append(x)
        total = self.append(name, where, Add(), sources[0])
        for x in sources[1:]:
            self.connect(where, x, total.node)
        return replace(inputs[0], node=total.node, factor=ONE, offset=NOTHING)


def _distinct(inputs: list[Value]) -> list[Value]:
    """Return the values that are added, of which those of one node are one value: x + x is 2 x."""
    distinct: list[Value] = []
    for x in inputs:
        same = next((i for i, y in enumerate(distinct) if y.node == x.node and y.axes == x.axes
                     and (y.order is x.order or np.array_equal(y.order, x.order))), None)  # type: ignore[arg-type]  # fmt: skip
        if same is None:
            distinct.append(x)
        else:
            before = distinct[same]
            factor, offset = before.channels() + x.channels(), before.offsets() + x.offsets()
            distinct[same] = replace(before, factor=one_number(factor), offset=one_number(offset))
    return distinct


def _bias(where: str, bias: npt.ArrayLike | None, outputs: int) -> npt.NDArray[np.float64]:
    """Return a bias, one number for each output; zeros if there is none."""
    if bias is None:
        return np.zeros(outputs)
    array = np.asarray(bias, np.float64).ravel()
    if array.size != outputs:
        raise ConversionError(f"{where}: has a bias of {array.size} numbers; expected {outputs}, one per output")
    return array
