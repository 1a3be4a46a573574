"""Operators that add or multiply values and constants."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import comparisons
from spikelet_converters.frontends.layout import per_channel, varies
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.pixels import scaled, shifted
from spikelet_converters.frontends.refusals import PRODUCT
from spikelet_converters.frontends.values import Value


def _add(step: Step) -> Value:
    """Add values and constants."""
    live = step.live
    values = [step.value(index) for index in live]
    others = [step.constant(index) for index in range(len(step.node.input)) if index not in live]
    total = step.builder.add(step.name, step.where, values) if len(values) > 1 else values[0]
    for pixels in [constant for constant in others if varies(constant, total)]:
        total = step.builder.plus_constant(step.builder.free_name(step.name), step.where, pixels, total)
    constants = [per_channel(step.where, constant, total) for constant in others if not varies(constant, total)]
    if not constants:
        return total
    alone = len(values) > 1 or step.alone(live[0])
    return step.builder.affine(step.where, 1.0, sum(constants, np.zeros(())), total, alone=alone)


def _mean(step: Step) -> Value:
    """Average values."""
    return step.builder.affine(step.where, 1 / len(step.node.input), 0.0, _add(step), alone=len(step.live) > 1)


def _sub(step: Step) -> Value:
    if step.live == [0]:
        x = step.value()
        numbers = -np.asarray(step.constant(1), np.float64)
        return shifted(step.builder, step.name, step.where, numbers, x, alone=step.alone())
    if step.live == [1]:
        x = step.value(1)
        if varies(step.constant(0), x):
            negative = step.builder.affine(step.where, -1.0, 0.0, x, alone=False)
            return step.builder.plus_constant(step.name, step.where, step.constant(0), negative)
        shift = per_channel(step.where, step.constant(0), x)
        return step.builder.affine(step.where, -1.0, shift, x, alone=step.alone(1))
    negative = step.builder.affine(step.where, -1.0, 0.0, step.value(1), alone=False)
    return step.builder.add(step.name, step.where, [step.value(), negative])


def _mul(step: Step) -> Value:
    values = [step.value(index) for index in step.live]
    if len(values) == 2 and any(x.compared is not None for x in values):
        return comparisons.multiplied(step.builder, step.name, step.where, *values)
    if len(step.live) != 1:
        raise ConversionError(f"{step.where}: {PRODUCT}")
    (index,) = step.live
    x = step.value(index)
    return scaled(step.builder, step.name, step.where, step.constant(1 - index), x, alone=step.alone(index))


def _div(step: Step) -> Value:
    if step.live != [0]:
        raise ConversionError(f"{step.where}: {PRODUCT}")
    x = step.value()
    divisor = np.asarray(step.constant(1), np.float64)
    if (divisor == 0).any():
        raise ConversionError(f"{step.where}: divides by zero")
    return scaled(step.builder, step.name, step.where, 1 / divisor, x, alone=step.alone())


def _negative(step: Step) -> Value:
    return step.builder.affine(step.where, -1.0, 0.0, step.value(), alone=step.alone())


HANDLERS: dict[str, Handler] = {
    "Add": _add,
    "Div": _div,
    "Mean": _mean,
    "Mul": _mul,
    "Neg": _negative,
    "Sub": _sub,
    "Sum": _add,
}
