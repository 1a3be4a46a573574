"""Operators with weights, sums, products with constants, and rectifiers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import window_of
from spikelet_converters.frontends.layout import axes_of, line_of, per_channel, sizes
from spikelet_converters.frontends.onnx.attributes import integer, integers, real, text
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import LEFT, PRODUCT
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import Factor, Value, Window
from spikelet_converters.frontends.windows import pads_along, spread


def window(step: Step, kernel: Sequence[int], size: Sequence[int], *, ceil: bool = False) -> Window:
    """Return the windows of a convolution or pool over an image of `size`, (H, W) or (L,).

    Raises:
        ConversionError: The window has other axes than the image, or an unknown kind of padding.
    """
    attributes, where = step.attributes, step.where
    axes = len(size)
    dilation = integers(attributes, "dilations", [1] * axes)
    stride = integers(attributes, "strides", [1] * axes)
    pads = integers(attributes, "pads", [0] * 2 * axes)
    if not len(kernel) == len(stride) == len(dilation) == axes or len(pads) != 2 * axes:
        raise ConversionError(f"{where}: a window of {len(kernel)} axes for an image of {axes}; expected as many")
    mode = text(attributes, "auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        wide = [(width - 1) * rate + 1 for width, rate in zip(kernel, dilation, strict=True)]
        same = [pads_along(*sides, mode == "SAME_UPPER") for sides in zip(size, wide, stride, strict=True)]
        pads = [before for before, _ in same] + [after for _, after in same]
    elif mode == "VALID":
        pads = [0] * 2 * axes
    elif mode != "NOTSET":
        raise ConversionError(f"{where}: auto_pad {mode} is not supported; export it with explicit pads")
    if min(pads) < 0:
        raise ConversionError(f"{where}: pads {pads} remove pixels; expected 0 or more")
    x = step.value(padded=False)
    return window_of(x, tuple(kernel), tuple(stride), tuple(pads), tuple(dilation), ceil=ceil)


def _pixels(step: Step, weight: Factor) -> tuple[int, ...]:
    """Check the axes of a convolution's input, and return the sizes of its pixels including the padding."""
    x = step.value(padded=False)
    if len(sizes(x)) != weight.ndim - 1:
        raise ConversionError(
            f"{step.where}: a convolution of {weight.ndim - 2} axes takes a value of {weight.ndim} axes, found (N, "
            f"{', '.join(map(str, sizes(x)))})"
        )
    kernel = list(weight.shape[2:])
    if integers(step.attributes, "kernel_shape", kernel) != kernel:
        raise ConversionError(f"{step.where}: kernel_shape differs from the shape of its weights {weight.shape}")
    return sizes(x)[1:]


def _conv(step: Step) -> Value:
    weight = np.asarray(step.constant(1), np.float64)
    windows = window(step, weight.shape[2:], _pixels(step, weight))
    groups = integer(step.attributes, "group", 1)
    x = step.value(padded=False)
    return step.builder.convolution(step.name, step.where, weight, step.optional(2), windows, groups, x)


def _conv_transpose(step: Step) -> Value:
    weight = np.asarray(step.constant(1), np.float64)
    size = _pixels(step, weight)
    if text(step.attributes, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ConversionError(f"{step.where}: auto_pad is not supported; export it with explicit pads")
    if "output_shape" in step.attributes:
        raise ConversionError(f"{step.where}: output_shape is not supported; export it with explicit pads")
    x = step.value()
    extra = spread(line_of(x) or 2, integers(step.attributes, "output_padding", [0] * len(size)), 0)
    groups = integer(step.attributes, "group", 1)
    windows = window(step, weight.shape[2:], size)
    return step.builder.transposed(step.name, step.where, weight, step.optional(2), windows, extra, groups, x)


def _gemm(step: Step) -> Value:
    if integer(step.attributes, "transA", 0):
        raise ConversionError(f"{step.where}: transposes its input; expected transA = 0")
    if not step.depends(0):
        raise ConversionError(f"{step.where}: {LEFT if step.live == [1] else PRODUCT}")
    weight = np.asarray(step.constant(1), np.float64) * real(step.attributes, "alpha", 1.0)
    weight = weight if integer(step.attributes, "transB", 0) else weight.T
    bias = step.optional(2)
    beta = real(step.attributes, "beta", 1.0)
    added_bias = None if bias is None else _row(step, bias) * beta
    if added_bias is not None and added_bias.size == 1:
        added_bias = np.broadcast_to(added_bias, (len(weight),))
    return step.builder.linear(step.name, step.where, weight, added_bias, step.value())


def _row(step: Step, bias: Constant) -> Factor:
    if bias.ndim > 1 and bias.shape[0] != 1:
        raise ConversionError(f"{step.where}: has a bias of shape {bias.shape}; expected one number per output")
    return np.asarray(bias, np.float64).ravel()


def _matmul(step: Step) -> Value:
    if step.live != [0]:
        raise ConversionError(f"{step.where}: {LEFT if step.live == [1] else PRODUCT}")
    weight = np.asarray(step.constant(1), np.float64)
    if weight.ndim != 2:
        raise ConversionError(f"{step.where}: expected weights (F_in, F_out), found shape {weight.shape}")
    return step.builder.linear(step.name, step.where, weight.T, None, step.value())


def _add(step: Step) -> Value:
    """Add values and constants."""
    live = step.live
    constants = [per_channel(step.where, step.constant(i), step.value(live[0], padded=False))
                 for i in range(len(step.node.input)) if i not in live]  # fmt: skip
    values = [step.value(index) for index in live]
    total = step.builder.add(step.name, step.where, values) if len(values) > 1 else values[0]
    if not constants:
        return total
    alone = len(values) > 1 or step.alone(live[0])
    return step.builder.affine(step.where, 1.0, sum(constants, np.zeros(())), total, alone=alone)


def _sub(step: Step) -> Value:
    if step.live == [0]:
        x = step.value()
        shift = -per_channel(step.where, step.constant(1), x)
        return step.builder.affine(step.where, 1.0, shift, x, alone=step.alone())
    if step.live == [1]:
        x = step.value(1)
        shift = per_channel(step.where, step.constant(0), x)
        return step.builder.affine(step.where, -1.0, shift, x, alone=step.alone(1))
    negative = step.builder.affine(step.where, -1.0, 0.0, step.value(1), alone=False)
    return step.builder.add(step.name, step.where, [step.value(), negative])


def _mul(step: Step) -> Value:
    if len(step.live) != 1:
        raise ConversionError(f"{step.where}: {PRODUCT}")
    (index,) = step.live
    x = step.value(index)
    gain = per_channel(step.where, step.constant(1 - index), x)
    return step.builder.affine(step.where, gain, 0.0, x, alone=step.alone(index))


def _div(step: Step) -> Value:
    if step.live != [0]:
        raise ConversionError(f"{step.where}: {PRODUCT}")
    x = step.value()
    divisor = per_channel(step.where, step.constant(1), x)
    if (divisor == 0).any():
        raise ConversionError(f"{step.where}: divides by zero")
    return step.builder.affine(step.where, 1 / divisor, 0.0, x, alone=step.alone())


def _batch_normalisation(step: Step) -> Value:
    x = step.value()
    if axes_of(x)[0] != 0 and len(x.shape) == 3:
        raise ConversionError(f"{step.where}: normalises an axis that is not the channels")
    gamma, beta, mean, var = (np.asarray(step.constant(i), np.float64).ravel() for i in range(1, 5))
    with np.errstate(all="ignore"):  # values that are not finite raise an error below
        gain = gamma / np.sqrt(var + real(step.attributes, "epsilon", 1e-5))
        shift = beta - mean * gain
    if x.order is not None:
        gain, shift = (per_channel(step.where, values, x) for values in (gain, shift))
    return step.builder.affine(step.where, gain, shift, x, alone=step.alone())


def _relu(step: Step) -> Value:
    return _rectified(step, step.value(), None)


def _leaky_relu(step: Step) -> Value:
    slope = real(step.attributes, "alpha", 0.01)
    return step.builder.leaky(step.name, step.where, slope, step.value())


def _p_relu(step: Step) -> Value:
    x = step.value()
    return step.builder.leaky(step.name, step.where, per_channel(step.where, step.constant(1), x), x)


def _negative(step: Step) -> Value:
    return step.builder.affine(step.where, -1.0, 0.0, step.value(), alone=step.alone())


def _clip(step: Step) -> Value:
    if step.input(0) in step.state.quantisers:
        return step.value()  # the bounds are those of the quantiser
    low, high = (_bound(step, index, name) for index, name in ((1, "min"), (2, "max")))
    x = step.value()
    rectified = step.builder.is_nonnegative(x)
    if low is not None and low != 0 and not (rectified and low < 0):
        raise ConversionError(f"{step.where}: clips from {low:g}; expected from 0, as a rectifier does")
    if low is None and not rectified:
        raise ConversionError(f"{step.where}: clips at {high} from above only; expected from 0, as a rectifier does")
    return _rectified(step, x, None if high is None or np.isinf(high) else high)


def _maximum(step: Step) -> Value:
    """Rectify a value, max(x, 0), or take the larger of two values."""
    if step.live == [0, 1] == list(range(len(step.node.input))):
        return step.builder.greater(step.name, step.where, step.value(0), step.value(1))
    if len(step.live) != 1 or len(step.node.input) != 2:
        raise ConversionError(f"{step.where}: {ADVICE['Max']}")
    (index,) = step.live
    x = step.value(index)
    bound = per_channel(step.where, step.constant(1 - index), x)
    if bound.any():
        raise ConversionError(f"{step.where}: has a lower bound of {bound.max():g}; expected 0, as a rectifier has")
    return _rectified(step, x, None)


def _minimum(step: Step) -> Value:
    """Clip a rectified value, min(x, number), as a rectifier with a cap."""
    if len(step.live) != 1 or len(step.node.input) != 2 or not step.builder.is_nonnegative(step.value(step.live[0])):
        raise ConversionError(f"{step.where}: {ADVICE['Min']}")
    bound = _bound(step, 1 - step.live[0], "")
    assert bound is not None
    return _rectified(step, step.value(step.live[0]), bound)


def _absolute(step: Step) -> Value:
    return step.builder.leaky(step.name, step.where, -1.0, step.value())


def _rectified(step: Step, x: Value, cap: float | None) -> Value:
    return step.builder.relu(step.name, step.where, cap, x, alone=step.alone(step.live[0]))


def _bound(step: Step, index: int, name: str) -> float | None:
    constant = step.optional(index)
    if constant is None:
        return real(step.attributes, name, 0.0) if name in step.attributes else None
    if constant.size != 1:
        raise ConversionError(f"{step.where}: has {constant.size} bounds; expected one number")
    return float(np.asarray(constant, np.float64).ravel()[0])


HANDLERS: dict[str, Handler] = {
    "Abs": _absolute,
    "Add": _add,
    "BatchNormalization": _batch_normalisation,
    "Clip": _clip,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": _div,
    "Gemm": _gemm,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _maximum,
    "Min": _minimum,
    "Mul": _mul,
    "Neg": _negative,
    "PRelu": _p_relu,
    "Relu": _relu,
    "Sub": _sub,
    "Sum": _add,
}

__all__ = ["HANDLERS", "window"]
