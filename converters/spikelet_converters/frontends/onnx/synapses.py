"""Operators with weights: convolutions, linear layers and normalisations by constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.einsum import product
from spikelet_converters.frontends.layout import axes_of, line_of, per_channel, sizes, window_of
from spikelet_converters.frontends.normalisation import normalisation
from spikelet_converters.frontends.onnx.attributes import IN_EVALUATION, integer, integers, real, text
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import LEFT, PRODUCT
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
    if weight.ndim != 2:
        raise ConversionError(f"{step.where}: expected weights of two axes, found shape {weight.shape}")
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
    if len(step.live) != 1:
        raise ConversionError(f"{step.where}: {PRODUCT}")
    first, second = (
        step.value(index) if step.depends(index) else np.asarray(step.constant(index), np.float64) for index in (0, 1)
    )
    return product(step.builder, step.name, step.where, first, second)


def _batch_normalisation(step: Step) -> Value:
    x = step.value()
    if axes_of(x)[0] != 0 and len(x.shape) == 3:
        raise ConversionError(f"{step.where}: normalises an axis that is not the channels")
    if step.state.opset < 14 and len([name for name in step.node.output if name]) > 1:
        raise ConversionError(f"{step.where}: normalises by the batch; {IN_EVALUATION}")
    gamma, beta, mean, var = (np.asarray(step.constant(i), np.float64).ravel() for i in range(1, 5))
    gain, shift = normalisation(step.where, mean, var, real(step.attributes, "epsilon", 1e-5), gamma, beta)
    if x.order is not None:
        gain, shift = (per_channel(step.where, values, x) for values in (gain, shift))
    return step.builder.affine(step.where, gain, shift, x, alone=step.alone())


HANDLERS: dict[str, Handler] = {
    "BatchNormalization": _batch_normalisation,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
