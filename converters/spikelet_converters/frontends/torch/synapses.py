"""Torch operations with weights: convolutions, linear layers and normalisations by constants."""

from __future__ import annotations

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import axes_of, line_of, per_channel, sizes, window_of
from spikelet_converters.frontends.normalisation import normalisation
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.torch.resampling import padded_with_pixels
from spikelet_converters.frontends.values import Factor, Value
from spikelet_converters.frontends.windows import pads_along, spread


def _weight(call: Call, axes: int | None = None) -> Factor:
    """Constant weights; `axes` is the number of pixel axes that the value must have."""
    weight = call.array("weight")
    if weight is None:
        raise ConversionError(f"{call.where}: has no weights")
    if axes is not None and len(sizes(call.x)) != axes + 1:
        one_channel = call.x.node == "input" and len(sizes(call.x)) == axes
        remedy = f"; state its one channel with --input 1x{'x'.join(map(str, sizes(call.x)))}" if one_channel else ""
        raise ConversionError(
            f"{call.where}: takes values of {axes + 2} axes, found (N, {', '.join(map(str, sizes(call.x)))}){remedy}"
        )
    return weight


def _convolution(call: Call) -> Value:
    if call.get("transposed", False):
        return _transposed(call)
    weight = call.array("weight")
    axes = 0 if weight is None else weight.ndim - 2
    weight = _weight(call, axes)
    x = call.x
    mode = call.get("padding_mode", "zeros")
    if mode != "zeros":
        x = padded_with_pixels(call, str(mode), call.integers("pixels"), x)
    stride, dilation = call.along("stride", axes, [1]), call.along("dilation", axes, [1])
    padding = call.get("padding", 0)
    wide = [(size - 1) * rate + 1 for size, rate in zip(weight.shape[2:], dilation, strict=True)]
    if padding == "same":
        pads = [pads_along(width, width, 1, upper=True) for width in wide]
    elif padding == "valid":
        pads = [(0, 0)] * axes
    else:
        pads = [(number, number) for number in call.along("padding", axes, [0])]
    around = (*(before for before, _ in pads), *(after for _, after in pads))
    groups = int(call.number("groups", 1))
    window = window_of(x, weight.shape[2:], stride, around, dilation)
    return call.builder.convolution(call.name, call.where, weight, call.array("bias"), window, groups, x)


def _transposed(call: Call) -> Value:
    weight = call.array("weight")
    axes = 0 if weight is None else weight.ndim - 2
    weight = _weight(call, axes)
    x = call.x
    stride, dilation = call.along("stride", axes, [1]), call.along("dilation", axes, [1])
    pads = call.along("padding", axes, [0]) * 2
    extra = spread(line_of(x) or 2, call.along("output_padding", axes, [0]), 0)
    groups = int(call.number("groups", 1))
    window = window_of(x, weight.shape[2:], stride, pads, dilation)
    return call.builder.transposed(call.name, call.where, weight, call.array("bias"), window, extra, groups, x)


def _linear(call: Call) -> Value:
    return call.builder.linear(call.name, call.where, _weight(call), call.array("bias"), call.x)


def _addmm(call: Call) -> Value:
    matrix, bias, x = call.array("mat2"), call.array("self"), call.get("mat1")
    if matrix is None or bias is None or not isinstance(x, Value):
        raise ConversionError(f"{call.where}: {ADVICE['matmul']}")
    weight, start = matrix.T * call.number("alpha", 1), bias * call.number("beta", 1)
    return call.builder.linear(call.name, call.where, weight, start, x)


def _batch_norm(call: Call) -> Value:
    if call.get("training", False):
        raise ConversionError(f"{call.where}: normalises by the batch; export the network in evaluation mode")
    mean, var = call.array("running_mean"), call.array("running_var")
    if mean is None or var is None:
        raise ConversionError(
            f"{call.where}: has no running mean and variance, so it cannot be folded into weights; "
            "train it with track_running_stats=True"
        )
    gamma, beta = call.array("weight"), call.array("bias")
    gain, shift = normalisation(call.where, mean, var, call.number("eps", 1e-5), gamma, beta)
    x = call.x
    if axes_of(x)[0] != 0:
        raise ConversionError(f"{call.where}: normalises an axis that is not the channels")
    if len(gain) != x.shape[0]:
        raise ConversionError(f"{call.where}: normalises {len(gain)} channels, found {x.shape[0]}")
    if x.order is not None:  # features of an image that was flattened in another order
        gain, shift = (per_channel(call.where, values, x) for values in (gain, shift))
    return call.builder.affine(call.where, gain, shift, x, alone=call.alone)


def _instance_norm(call: Call) -> Value:
    if call.get("use_input_stats", True):
        raise ConversionError(f"{call.where}: {ADVICE['instance_norm']}")
    return _batch_norm(call)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), _transposed),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    "addmm": _addmm,
    "instance_norm": _instance_norm,
    "linear": _linear,
}
"""Functions that add a call to the graph, by the name of its operation."""
