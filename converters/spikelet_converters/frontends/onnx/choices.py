"""Operators that compare values with numbers, and choose values by comparisons."""

from __future__ import annotations

from spikelet.errors import ConversionError
from spikelet_converters.frontends import comparisons, masks
from spikelet_converters.frontends.layout import per_channel
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import Factor, Value


def _compared(step: Step) -> Value:
    if len(step.live) != 1:
        raise ConversionError(f"{step.where}: {ADVICE['Greater']}")
    (index,) = step.live
    x, above = step.value(index), step.node.op_type.startswith("Greater") != (index == 1)
    threshold = per_channel(step.where, step.constant(1 - index), x)
    return comparisons.compared(step.where, x, threshold, above=above, advice=ADVICE["Greater"])


def _where(step: Step) -> Value:
    if not step.depends(0):
        choices = [step.value(index) if step.depends(index) else step.constant(index) for index in (1, 2)]
        alone = step.alone(1 if step.depends(1) else 2)
        return masks.chosen(step.builder, step.name, step.where, step.constant(0), *choices, alone=alone)
    if (mask := step.value()).compared is None:
        raise ConversionError(f"{step.where}: {ADVICE['Where']}")
    held, other = (_choice(step, index, mask.compared.value) for index in (1, 2))
    return comparisons.chosen(step.builder, step.name, step.where, mask, held, other)


def _choice(step: Step, index: int, x: Value) -> Value | Factor:
    return step.value(index) if step.depends(index) else per_channel(step.where, step.constant(index), x)


def _not(step: Step) -> Value:
    return comparisons.inverted(step.builder, step.where, step.value())


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual"), _compared),
    "Not": _not,
    "Where": _where,
}
