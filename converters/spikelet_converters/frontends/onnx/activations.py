"""Operators that rectify values."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import per_channel
from spikelet_converters.frontends.onnx.attributes import real
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import Value


def _relu(step: Step) -> Value:
    return _rectified(step, step.value(), None)


def _leaky_relu(step: Step) -> Value:
    slope = real(step.attributes, "alpha", 0.01)
    return step.builder.leaky(step.name, step.where, slope, step.value())


def _p_relu(step: Step) -> Value:
    x = step.value()
    return step.builder.leaky(step.name, step.where, per_channel(step.where, step.constant(1), x), x)


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


def _rounded(step: Step) -> Value:
    """Add a quantiser: a clipped rectifier whose output is multiplied by its levels and rounded, as in QCFS."""
    shift = 0.5 if step.node.op_type == "Round" else 0.0
    x = step.builder.rounded(step.where, shift, step.value(), alone=step.alone())
    if x is None:
        raise ConversionError(f"{step.where}: {ADVICE[step.node.op_type]}")
    return x


HANDLERS: dict[str, Handler] = {
    "Abs": _absolute,
    "Clip": _clip,
    "Floor": _rounded,
    "LeakyRelu": _leaky_relu,
    "Max": _maximum,
    "Min": _minimum,
    "PRelu": _p_relu,
    "Relu": _relu,
    "Round": _rounded,
}
