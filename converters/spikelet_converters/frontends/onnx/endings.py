"""Functions of the logits at the end of a network, which are omitted: a bundle returns the logits."""

from __future__ import annotations

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import sizes
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
    step.builder.ending = ending
    step.builder.note(f"{step.where}: {note}")
    return x


def _along_classes(step: Step, axis: int) -> None:
    x = step.value()
    pixels = sizes(x)[1:]
    alone = set(pixels) <= {1}  # classes with one pixel
    if not alone or (axis != 1 and axis != -1 - len(pixels)):
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
