"""Operators that pool values or average them over axes."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import rearranged
from spikelet_converters.frontends.layout import axes_of, sizes
from spikelet_converters.frontends.onnx.attributes import integer, integers
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.onnx.synapses import window
from spikelet_converters.frontends.values import Value, Window


def _average_pool(step: Step) -> Value:
    count = bool(integer(step.attributes, "count_include_pad", 0))
    windows = _window(step)
    if windows.dilation != (1, 1):
        raise ConversionError(f"{step.where}: dilation {windows.dilation} of an average pool is not supported; use 1")
    if step.value().view is not None:
        return rearranged.votes(step.builder, step.name, step.where, windows, step.value())
    return step.builder.averages_of(step.name, step.where, windows, count, step.value())


def _max_pool(step: Step) -> Value:
    return step.builder.maxima_of(step.name, step.where, _window(step), step.value())


def _window(step: Step) -> Window:
    x = step.value(padded=False)
    size = sizes(x)[1:]
    kernel = integers(step.attributes, "kernel_shape", [])
    if len(kernel) != len(size):
        raise ConversionError(
            f"{step.where}: a pool of {len(kernel)} axes takes a value of {len(kernel) + 2} axes, found (N, "
            f"{', '.join(map(str, (x.shape[0], *size)))})"
        )
    return window(step, kernel, size, ceil=bool(integer(step.attributes, "ceil_mode", 0)))


def _global_max_pool(step: Step) -> Value:
    x = step.value()
    ones = (1,) * (len(sizes(x)) - 1)
    return step.builder.adaptive(step.name, step.where, ones, x, maxima=True)


def _global_average_pool(step: Step) -> Value:
    x = step.value()
    pixels = [index + 1 for index, axis in enumerate(axes_of(x)) if axis != 0]
    return step.builder.mean(step.name, step.where, pixels, True, x)


def _axes(step: Step) -> list[int]:
    values = step.optional(1)
    return integers(step.attributes, "axes", [] if values is None else [int(axis) for axis in values.ravel()])


def _keeps_axes(step: Step) -> bool:
    return bool(integer(step.attributes, "keepdims", 1))


def _reduce_mean(step: Step) -> Value:
    return rearranged.mean(step.builder, step.name, step.where, _axes(step), _keeps_axes(step), step.value())


def _reduce_sum(step: Step) -> Value:
    x, axes = step.value(), _axes(step)
    count = np.prod([sizes(x)[axis % (len(sizes(x)) + 1) - 1] for axis in axes])
    mean = rearranged.mean(step.builder, step.name, step.where, axes, _keeps_axes(step), x)
    return step.builder.affine(step.where, float(count), 0.0, mean, alone=False)


def _reduce_max(step: Step) -> Value:
    return step.builder.largest(step.name, step.where, _axes(step), _keeps_axes(step), step.value())


HANDLERS: dict[str, Handler] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "MaxPool": _max_pool,
    "ReduceMax": _reduce_max,
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
}
