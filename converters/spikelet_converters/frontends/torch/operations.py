"""Torch operations with weights, sums, constants, rectifiers and functions of the logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import window_of
from spikelet_converters.frontends.layout import line_of, per_channel, sizes
from spikelet_converters.frontends.refusals import LEFT
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.torch.resampling import padded_with_pixels
from spikelet_converters.frontends.values import Ending, Factor, Value
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


def _matmul(call: Call) -> Value:
    name = "other" if "other" in call.arguments else "mat2"
    if len(call.values) == 1 and isinstance(call.get(name), Value):
        raise ConversionError(f"{call.where}: {LEFT}")
    matrix = call.array(name) if len(call.values) == 1 else None
    if matrix is None:
        raise ConversionError(f"{call.where}: {ADVICE['matmul']}")
    return call.builder.linear(call.name, call.where, matrix.T, None, call.x)


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
    gain = 1 / np.sqrt(var + call.number("eps", 1e-5))
    shift = -mean * gain
    gamma, beta = call.array("weight"), call.array("bias")
    if gamma is not None:
        gain, shift = gain * gamma, shift * gamma
    if beta is not None:
        shift = shift + beta
    x = call.x
    if len(gain) != x.shape[0]:
        raise ConversionError(f"{call.where}: normalises {len(gain)} channels, found {x.shape[0]}")
    return call.builder.affine(call.where, gain, shift, x, alone=call.alone)


def _instance_norm(call: Call) -> Value:
    if call.get("use_input_stats", True):
        raise ConversionError(f"{call.where}: {ADVICE['instance_norm']}")
    return _batch_norm(call)


def _constant(call: Call, name: str, x: Value) -> Factor | None:
    """Return an argument as a constant for a value, () or (C,), or None if it is a value of the network."""
    other = call.get(name)
    if isinstance(other, bool | int | float):
        return np.asarray(float(other))
    if isinstance(other, np.ndarray):
        return per_channel(call.where, other, x)
    return None


def _add(call: Call, sign: float = 1.0) -> Value:
    """Add self + sign alpha other."""
    first, second, scale = call.get("self", call.get("input")), call.get("other"), sign * call.number("alpha", 1)
    builder, where = call.builder, call.where
    if isinstance(first, Value) and isinstance(second, Value):
        other = second if scale == 1 else builder.affine(where, scale, 0.0, second, alone=False)
        return builder.add(call.name, where, [first, other])
    if isinstance(first, Value):
        shift = _constant(call, "other", first)
        if shift is not None:
            return builder.affine(where, 1.0, scale * shift, first, alone=call.alone)
    if isinstance(second, Value):
        shift = _constant(call, "self", second)
        if shift is not None:
            return builder.affine(where, scale, shift, second, alone=call.alone)
    raise ConversionError(f"{where}: expected values of the network, and constants of one number or one per channel")


def _subtract(call: Call) -> Value:
    return _add(call, -1.0)


def _subtract_reversed(call: Call) -> Value:
    """Add other - alpha self."""
    x = call.x
    other = _constant(call, "other", x)
    if other is None:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    return call.builder.affine(call.where, -call.number("alpha", 1), other, x, alone=call.alone)


def _multiply(call: Call) -> Value:
    if len(call.values) != 1:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    x = call.values[0]
    name = "other" if isinstance(call.get("self", call.get("input")), Value) else "self"
    gain = _constant(call, name, x)
    assert gain is not None
    return call.builder.affine(call.where, gain, 0.0, x, alone=call.alone)


def _divide(call: Call) -> Value:
    first = call.get("self", call.get("input"))
    divisor = _constant(call, "other", first) if isinstance(first, Value) else None
    if divisor is None or not isinstance(first, Value) or call.get("rounding_mode") is not None:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    if (divisor == 0).any():
        raise ConversionError(f"{call.where}: divides by zero")
    return call.builder.affine(call.where, 1 / divisor, 0.0, first, alone=call.alone)


def _negate(call: Call) -> Value:
    return call.builder.affine(call.where, -1.0, 0.0, call.x, alone=call.alone)


def _rectified(call: Call, cap: float | None) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.relu(call.name, call.where, cap, call.x, alone=call.alone)


def _relu(call: Call) -> Value:
    return _rectified(call, None)


def _relu6(call: Call) -> Value:
    return _rectified(call, 6.0)


def _clamp(call: Call) -> Value:
    low, high = call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))
    if call.kind == "hardtanh":
        low, high = -1 if low is None else low, 1 if high is None else high
    below = low is None or (isinstance(low, int | float) and low < 0)  # rectified values are not
    if low != 0 and not (below and call.builder.is_nonnegative(call.x)):
        raise ConversionError(
            f"{call.where}: clips from {low}, so that its output may be negative, which a spike cannot be; expected "
            "from 0, as a rectifier does"
        )
    if high is not None and not isinstance(high, int | float):
        raise ConversionError(f"{call.where}: clips at a tensor; expected a number")
    return _rectified(call, None if high is None or high == np.inf else float(high))


def _threshold(call: Call) -> Value:
    if call.number("threshold", 0) or call.number("value", 0):
        raise ConversionError(f"{call.where}: has a threshold or a value other than 0; expected a rectifier")
    return _rectified(call, None)


def _leaky(call: Call) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    weight = call.array("weight")
    slope = np.asarray(call.number("negative_slope", 0.01)) if weight is None else weight.ravel()
    if slope.size not in (1, call.x.shape[0]):
        raise ConversionError(f"{call.where}: has {slope.size} slopes; expected one, or {call.x.shape[0]}")
    return call.builder.leaky(call.name, call.where, slope, call.x)


def _maximum(call: Call) -> Value:
    x = call.x if len(call.values) != 1 else call.values[0]
    name = "other" if isinstance(call.get("self", call.get("input")), Value) else "self"
    if len(call.values) == 2 and call.builder.calibrate:
        return call.builder.greater(call.name, call.where, *call.values)
    bound = _constant(call, name, x) if len(call.values) == 1 else None
    if bound is None or bound.any():
        raise ConversionError(f"{call.where}: {ADVICE['maximum']}")
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.relu(call.name, call.where, None, x, alone=call.alone)


def _minimum(call: Call) -> Value:
    """Clip a rectified value at a number, as a rectifier with a cap."""
    bounds = [value for value in call.arguments.values() if isinstance(value, np.ndarray | int | float)]
    sizes_of_bounds = [np.size(bound) for bound in bounds]
    if len(call.values) != 1 or sizes_of_bounds != [1] or not call.builder.is_nonnegative(call.values[0]):
        raise ConversionError(f"{call.where}: {ADVICE['minimum']}")
    return _rectified(replace(call, arguments={"self": call.values[0]}), float(np.ravel(bounds[0])[0]))


def _absolute(call: Call) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.leaky(call.name, call.where, -1.0, call.x)


def _random_slope(call: Call) -> Value:
    """Add a leaky rectifier, whose slope in evaluation mode is the mean of its bounds."""
    slope = (call.number("lower", 1 / 8) + call.number("upper", 1 / 3)) / 2
    if not call.builder.calibrate or bool(call.get("training", False)):
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.leaky(call.name, call.where, slope, call.x)


ENDINGS: dict[str, Ending] = {
    "argmax": "argmax", "log_softmax": "log_softmax", "_log_softmax": "log_softmax", "sigmoid": "sigmoid",
    "softmax": "softmax", "_softmax": "softmax", "tanh": "tanh",
}  # fmt: skip
"""Functions of the logits."""


def _ending(call: Call) -> Value:
    """Omit a function of the logits at the end of the network, and record it."""
    if not call.last:
        raise ConversionError(f"{call.where}: {ADVICE[call.kind.strip('_')]}")
    ending, x, axis = ENDINGS[call.kind], call.x, call.get("dim", -1)
    pixels = sizes(x)[1:]
    classes = set(pixels) <= {1} and axis in (1, -1 - len(pixels))  # with one pixel, or none
    if ending not in ("sigmoid", "tanh") and not classes:
        raise ConversionError(f"{call.where}: is along axis {axis}; expected the classes, axis 1 of (N, K)")
    call.builder.ending = ending
    call.builder.note(f"{call.where}: was left out: it does not change which logit is the largest")
    return x


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), _transposed),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    **dict.fromkeys(("matmul", "mm"), _matmul),
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min"), _clamp),
    **dict.fromkeys(("leaky_relu", "prelu"), _leaky),
    **dict.fromkeys(("sub", "subtract"), _subtract),
    **dict.fromkeys(("mul", "multiply"), _multiply),
    **dict.fromkeys(("div", "divide", "true_divide"), _divide),
    **dict.fromkeys(("neg", "negative"), _negate),
    **dict.fromkeys(ENDINGS, _ending),
    "add": _add,
    "addmm": _addmm,
    "instance_norm": _instance_norm,
    "linear": _linear,
    "abs": _absolute,
    "maximum": _maximum,
    **dict.fromkeys(("minimum", "clamp_max", "min"), _minimum),
    "relu": _relu,
    "relu6": _relu6,
    "rrelu": _random_slope,
    "rsub": _subtract_reversed,
    **dict.fromkeys(("threshold", "_threshold"), _threshold),
}
"""Functions that add a call to the graph, by the name of its operation."""
