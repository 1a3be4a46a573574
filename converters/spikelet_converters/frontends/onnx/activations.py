"""Operators that rectify values."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import roundings
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
    return _clipped(step, low, high, step.value())


def _hard_sigmoid(step: Step) -> Value:
    gain, shift = real(step.attributes, "alpha", 0.2), real(step.attributes, "beta", 0.5)
    return _clipped(step, 0.0, 1.0, step.builder.affine(step.where, gain, shift, step.value(), alone=step.alone()))


def _thresholded_relu(step: Step) -> Value:
    if real(step.attributes, "alpha", 1.0) != 0:
        raise ConversionError(f"{step.where}: {ADVICE['ThresholdedRelu']}")
    return _relu(step)


def _maximum(step: Step) -> Value:
    """Take the larger of values and constants: a maximum of a value and 0 is a rectifier."""
    values = [step.value(index) for index in step.live]
    bounds = [per_channel(step.where, step.constant(index), values[0]) for index in _constants(step)]
    if any(np.ptp(bound) for bound in bounds):
        raise ConversionError(f"{step.where}: has lower bounds that differ by channel; expected one number")
    largest, builder = values[0], step.builder
    for x in values[1:]:
        largest = builder.greater(builder.free_name(step.name), step.where, largest, x)
    low = max((float(bound.ravel()[0]) for bound in bounds), default=None)
    return largest if low is None else _clipped(step, low, None, largest, builder.free_name(step.name))


def _minimum(step: Step) -> Value:
    """Clip a value at a number from above."""
    if len(step.live) != 1:
        raise ConversionError(f"{step.where}: {ADVICE['Min']}")
    bounds = [_bound(step, index, "") for index in _constants(step)]
    high = min((bound for bound in bounds if bound is not None), default=None)
    return _clipped(step, None, high, step.value(step.live[0]))


def _constants(step: Step) -> list[int]:
    """Return the indices of the inputs that are constants."""
    return [index for index in range(len(step.node.input)) if index not in step.live]


def _absolute(step: Step) -> Value:
    return step.builder.leaky(step.name, step.where, -1.0, step.value())


def _rectified(step: Step, x: Value, cap: float | None) -> Value:
    return step.builder.relu(step.name, step.where, cap, x, alone=step.alone(step.live[0]))


def _clipped(step: Step, low: float | None, high: float | None, x: Value, name: str = "") -> Value:
    alone = step.alone(step.live[0])
    return roundings.clipped(step.builder, name or step.name, step.where, low, high, x, alone=alone)


def _bound(step: Step, index: int, name: str) -> float | None:
    constant = step.optional(index)
    if constant is None:
        return real(step.attributes, name, 0.0) if name in step.attributes else None
    if constant.size != 1:
        raise ConversionError(f"{step.where}: has {constant.size} bounds; expected one number")
    return float(np.asarray(constant, np.float64).ravel()[0])


def _rounded(step: Step) -> Value:
    """Add a quantiser: a rectifier that is clipped, multiplied by its levels and rounded, in any order, as in QCFS."""
    shift = 0.5 if step.node.op_type == "Round" else 0.0
    advice = ADVICE[step.node.op_type]
    return roundings.rounded(step.builder, step.where, shift, step.value(), alone=step.alone(), advice=advice)


HANDLERS: dict[str, Handler] = {
    "Abs": _absolute,
    "Clip": _clip,
    "Floor": _rounded,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": _leaky_relu,
    "Max": _maximum,
    "Min": _minimum,
    "PRelu": _p_relu,
    "Relu": _relu,
    "Round": _rounded,
    "ThresholdedRelu": _thresholded_relu,
}
