"""Torch operations that rectify values, and functions of the logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import AFTER_SOFTMAX, Ending, Value


def _rectified(call: Call, cap: float | None) -> Value:
    if not call.builder.calibrate:
        raise ConversionError(f"{call.where}: {ADVICE['relu']}")
    return call.builder.relu(call.name, call.where, cap, call.x, alone=call.alone)


def _relu(call: Call) -> Value:
    return _rectified(call, None)


def _relu6(call: Call) -> Value:
    return _rectified(call, 6.0)


def _clamp(call: Call) -> Value:
    low, high = (
        bound.item() if isinstance(bound, np.ndarray) and bound.size == 1 else bound
        for bound in (call.get("min", call.get("min_val")), call.get("max", call.get("max_val")))
    )
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


def maximum(call: Call) -> Value:
    """Add the larger of two values, or a rectifier for the maximum of a value and 0."""
    x = call.x if len(call.values) != 1 else call.values[0]
    name = "other" if isinstance(call.get("self", call.get("input")), Value) else "self"
    if len(call.values) == 2 and call.builder.calibrate:
        return call.builder.greater(call.name, call.where, *call.values)
    bound = call.per_channel(name, x) if len(call.values) == 1 else None
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


def _rounded(call: Call) -> Value:
    """Add a quantiser: a clipped rectifier whose output is multiplied by its levels and rounded, as in QCFS."""
    shift = 0.5 if call.kind == "round" else 0.0
    x = call.builder.rounded(call.where, shift, call.x, alone=call.alone) if not call.number("decimals", 0) else None
    if x is None:
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    return x


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
    ending, x, axis = ENDINGS[call.kind], call.x, call.get("dim", -1)
    pixels = sizes(x)[1:]
    classes = set(pixels) <= {1} and axis in (1, -1 - len(pixels))  # with one pixel, or none
    if ending not in ("sigmoid", "tanh") and not classes:
        raise ConversionError(f"{call.where}: is along axis {axis}; expected the classes, axis 1 of (N, K)")
    call.builder.ending = AFTER_SOFTMAX.get(kind, ending) if before == "softmax" else ending
    call.builder.note(f"{call.where}: was left out: it does not change which logit is the largest")
    return x


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min"), _clamp),
    **dict.fromkeys(("leaky_relu", "prelu"), _leaky),
    **dict.fromkeys(ENDINGS, _ending),
    "abs": _absolute,
    **dict.fromkeys(("floor", "round"), _rounded),
    "maximum": maximum,
    **dict.fromkeys(("minimum", "clamp_max", "min"), _minimum),
    "relu": _relu,
    "relu6": _relu6,
    "rrelu": _random_slope,
    **dict.fromkeys(("threshold", "_threshold"), _threshold),
}
"""Functions that add a call to the graph, by the name of its operation."""
