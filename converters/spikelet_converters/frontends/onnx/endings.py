"""Functions of the logits at the end of a network, which are omitted: a bundle returns the logits."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import endings
from spikelet_converters.frontends.layout import is_of_classes
from spikelet_converters.frontends.onnx.attributes import integer
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import AFTER_SOFTMAX, Ending, Value

_SAME_ANSWER = "was left out: it does not change which logit is the largest"


_SOFTMAX = "a softmax inside the network has no spiking form here; one at the end, of the logits, is left out"
INSIDE = {
    "ArgMax": "an ArgMax inside the network has no spiking form here",
    "Log": ADVICE["Log"],
    "LogSoftmax": _SOFTMAX,
    "Sigmoid": ADVICE["Sigmoid"],
    "Softmax": _SOFTMAX,
    "Tanh": ADVICE["Tanh"],
}
"""Error messages for these operators inside the network."""


def _ending(step: Step, ending: Ending, note: str) -> Value:
    x = step.value()
    if step.state.logits is None:
        step.state.logits = step.input(0)
    endings.record(step.builder, step.where, ending, note, f"{step.where}: {INSIDE[step.node.op_type]}")
    return x


SCALES = ("Add", "Div", "Mul", "Sub")
"""Operators that scale the outputs of a function of the logits."""


def scaled(step: Step, refusal: str) -> Value:
    """Leave out a scale of the outputs of a function of the logits, see `endings.scaled`.

    Raises:
        ConversionError: With the message `refusal`, for another scale.
    """
    kind, live = step.node.op_type, step.live
    if len(live) != 1 or (live != [0] and kind in ("Div", "Sub")):
        raise ConversionError(refusal)
    constant = np.asarray(step.constant(1 - live[0]), np.float64).ravel()
    number = float(constant[0]) if constant.size and not np.ptp(constant) else 0.0
    gain = {"Mul": number, "Div": 1 / number if number else 0.0}.get(kind, 1.0)
    shift = {"Add": number, "Sub": -number}.get(kind, 0.0)
    endings.scaled(step.builder, gain, shift, refusal)
    return step.value(live[0])


def _along_classes(step: Step, axis: int) -> None:
    if not is_of_classes(step.value(), axis):
        raise ConversionError(f"{step.where}: is along axis {axis}; expected the classes, axis 1 of (N, K)")


def _softmax(step: Step) -> Value:
    default = 1 if step.state.opset < 13 else -1
    _along_classes(step, integer(step.attributes, "axis", default))
    ending: Ending = "softmax" if step.node.op_type == "Softmax" else "log_softmax"
    return _ending(step, AFTER_SOFTMAX[ending] if step.builder.ending == "softmax" else ending, _SAME_ANSWER)


def _log(step: Step) -> Value:
    if step.builder.ending != "softmax":
        raise ConversionError(f"{step.where}: {ADVICE['Log']}")
    return _ending(step, "log_softmax", _SAME_ANSWER)


def _sigmoid(step: Step) -> Value:
    return _ending(step, "sigmoid", f"{_SAME_ANSWER}; a probability is above 1/2 if its logit is above 0")


def _tanh(step: Step) -> Value:
    return _ending(step, "tanh", _SAME_ANSWER)


def _argmax(step: Step) -> Value:
    _along_classes(step, integer(step.attributes, "axis", 0))
    return _ending(step, "argmax", "was left out: the bundle returns the logits, whose largest is the prediction")


HANDLERS: dict[str, Handler] = {
    "ArgMax": _argmax,
    "Log": _log,
    "LogSoftmax": _softmax,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Tanh": _tanh,
}
