"""Torch operations that rectify values, and functions of the logits."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import endings, roundings
from spikelet_converters.frontends.layout import axes_of, is_of_classes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.torch.casts import check_type
from spikelet_converters.frontends.values import AFTER_SOFTMAX, Ending, Value


def _rectified(call: Call, cap: float | None) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.relu(call.name, call.where, cap, call.x, alone=call.alone)


def _relu(call: Call) -> Value:
    return _rectified(call, None)


def _relu6(call: Call) -> Value:
    return _clipped(call, 0.0, 6.0, call.x)


def _clipped(call: Call, low: float | None, high: float | None, x: Value) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return roundings.clipped(call.builder, call.name, call.where, low, high, x, alone=call.alone)


def _bound(call: Call, bound: object) -> float | None:
    if bound is None or (isinstance(bound, np.ndarray | int | float) and np.size(bound) == 1):
        return None if bound is None else float(np.ravel(bound)[0])
    raise ConversionError(f"{call.where}: clips at a tensor; expected a number")


def _clamp(call: Call) -> Value:
    bounds = [call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))]
    if call.kind == "hardtanh":
        bounds = [default if bound is None else bound for bound, default in zip(bounds, (-1.0, 1.0), strict=True)]
    low, high = (_bound(call, bound) for bound in bounds)
    return _clipped(call, low, high, call.x)


def _threshold(call: Call) -> Value:
    low = call.number("threshold", 0)
    if call.number("value", 0) != low:
        raise ConversionError(
            f"{call.where}: jumps from {call.number('value', 0):g} to its threshold {low:g}; expected both to be "
            "equal, as those of a rectifier, 0"
        )
    return _clipped(call, low, None, call.x)


def _leaky(call: Call) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    weight = call.array("weight")
    slope = np.asarray(call.number("negative_slope", 0.01)) if weight is None else weight.ravel()
    if slope.size not in (1, call.x.shape[0]):
        raise ConversionError(f"{call.where}: has {slope.size} slopes; expected one, or {call.x.shape[0]}")
    if slope.size > 1 and axes_of(call.x)[0] != 0:
        raise ConversionError(f"{call.where}: has a slope for each index of an axis that is not the channels")
    return call.builder.leaky(call.name, call.where, slope, call.x)


def maximum(call: Call) -> Value:
    """Add the larger of two values, or a rectifier for the maximum of a value and 0."""
    x = call.x if len(call.values) != 1 else call.values[0]
    name = "other" if isinstance(call.get("self", call.get("input")), Value) else "self"
    if len(call.values) == 2 and call.builder.calibrate:
        return call.builder.greater(call.name, call.where, *call.values)
    bound = call.per_channel(name, x) if len(call.values) == 1 else None
    if bound is None or np.ptp(bound):
        raise ConversionError(f"{call.where}: {ADVICE['maximum']}")
    return _clipped(call, float(bound.ravel()[0]), None, x)


def _minimum(call: Call) -> Value:
    """Clip a value at a number from above."""
    bounds = [value for _, value in call.arguments.items() if isinstance(value, np.ndarray | int | float)]
    if len(call.values) != 1 or [np.size(bound) for bound in bounds] != [1]:
        raise ConversionError(f"{call.where}: {ADVICE['minimum']}")
    return _clipped(call, None, float(np.ravel(bounds[0])[0]), call.values[0])


def _absolute(call: Call) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.leaky(call.name, call.where, -1.0, call.x)


def _hard_sigmoid(call: Call) -> Value:
    return _clipped(call, 0.0, 1.0, call.builder.affine(call.where, 1 / 6, 1 / 2, call.x, alone=call.alone))


def _random_slope(call: Call) -> Value:
    """Add a leaky rectifier, whose slope in evaluation mode is the mean of its bounds."""
    slope = (call.number("lower", 1 / 8) + call.number("upper", 1 / 3)) / 2
    if not call.builder.calibrate or bool(call.get("training", False)):
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.leaky(call.name, call.where, slope, call.x)


def _rounded(call: Call) -> Value:
    """Add a quantiser: a rectifier that is clipped, multiplied by its levels and rounded, in any order, as in QCFS."""
    if call.number("decimals", 0):
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    shift = 0.5 if call.kind == "round" else 0.0
    return roundings.rounded(call.builder, call.where, shift, call.x, alone=call.alone, advice=ADVICE[call.kind])


ENDINGS: dict[str, Ending] = {
    "argmax": "argmax", "log_softmax": "log_softmax", "_log_softmax": "log_softmax", "sigmoid": "sigmoid",
    "log": "log_softmax", "softmax": "softmax", "_softmax": "softmax", "tanh": "tanh",
}  # fmt: skip
"""Functions of the logits."""


def _ending(call: Call) -> Value:
    """Omit a function of the logits at the end of the network, and record it."""
    kind, before = call.kind.strip("_"), call.builder.ending
    if not call.last or (kind == "log" and before != "softmax"):
        raise ConversionError(f"{call.where}: {ADVICE[kind]}")
    check_type(call)
    call.get("keepdim")  # of an argmax, whose shape does not matter
    ending, x, axis = ENDINGS[call.kind], call.x, call.get("dim", -1)
    if ending not in ("sigmoid", "tanh") and not is_of_classes(x, axis):
        raise ConversionError(f"{call.where}: is along axis {axis}; expected the classes, axis 1 of (N, K)")
    note = "was left out: it does not change which logit is the largest"
    ending = AFTER_SOFTMAX.get(kind, ending) if before == "softmax" else ending
    endings.record(call.builder, call.where, ending, note, f"{call.where}: {ADVICE[kind]}")
    return x


SCALES = ("add", "div", "divide", "mul", "multiply", "sub", "subtract", "true_divide")
"""Operations that scale the outputs of a function of the logits."""


def scaled(call: Call) -> Value:
    """Leave out a scale of the outputs of a function of the logits, see `endings.scaled`.

    Raises:
        ConversionError: The scale may change which output is the largest.
    """
    refusal = f"{call.where}: {ADVICE.get(call.builder.ending, ADVICE['softmax'])}"
    first, *_ = call.arguments.values()
    numbers = [value for value in call.arguments.values() if isinstance(value, np.ndarray | int | float)]
    in_order = isinstance(first, Value) or call.kind in ("add", "mul", "multiply")
    if len(call.values) != 1 or [np.size(number) for number in numbers] != [1] or not in_order:
        raise ConversionError(refusal)
    number = float(np.ravel(numbers[0])[0])
    gain = number if call.kind in ("mul", "multiply") else 1.0
    if call.kind in ("div", "divide", "true_divide"):
        gain = 1 / number if number else 0.0
    shift = {"add": number, "sub": -number, "subtract": -number}.get(call.kind, 0.0)
    endings.scaled(call.builder, gain, shift, refusal)
    return call.values[0]


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min"), _clamp),
    **dict.fromkeys(("leaky_relu", "prelu"), _leaky),
    **dict.fromkeys(ENDINGS, _ending),
    "abs": _absolute,
    **dict.fromkeys(("floor", "round"), _rounded),
    "hardsigmoid": _hard_sigmoid,
    **dict.fromkeys(("fmax", "maximum"), maximum),
    **dict.fromkeys(("clamp_max", "fmin", "min", "minimum"), _minimum),
    "relu": _relu,
    "relu6": _relu6,
    "rrelu": _random_slope,
    **dict.fromkeys(("threshold", "_threshold"), _threshold),
}
"""Functions that add a call to the graph, by the name of its operation."""
