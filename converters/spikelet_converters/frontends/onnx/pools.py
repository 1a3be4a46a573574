"""Pools and means."""

from __future__ import annotations

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import arranged, axes_of, in_order
from spikelet_converters.frontends.onnx.attributes import integer, integers
from spikelet_converters.frontends.onnx.layers import window
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import Value
from spikelet_converters.frontends.windows import Averages, averages


def _average_pool(step: Step) -> Value:
    kernel, stride, rows, columns, x = _windows(step)
    return step.builder.average_pool(step.name, step.where, kernel, stride, rows, columns, x)


def _max_pool(step: Step) -> Value:
    if not step.state.average_pools:
        raise ConversionError(f"{step.where}: {ADVICE['MaxPool']}")
    kernel, stride, rows, columns, x = _windows(step)
    if any(axis.before or axis.after for axis in (rows, columns)):
        raise ConversionError(
            f"{step.where}: takes maxima at the border of the image (pads, auto_pad or ceil_mode), which no average "
            "pool replaces; train with a kernel that divides the image"
        )
    return step.builder.pool_of_maxima(step.name, step.where, kernel, stride, x)


def _global_max_pool(step: Step) -> Value:
    if not step.state.average_pools:
        raise ConversionError(f"{step.where}: {ADVICE['GlobalMaxPool']}")
    x = in_order(step.where, step.value())
    if len(x.shape) != 3:
        raise ConversionError(f"{step.where}: expected an input (N, C, H, W), found (N, {x.shape[0]})")
    kernel = x.shape[1], x.shape[2]
    return step.builder.pool_of_maxima(step.name, step.where, kernel, kernel, x)


def _windows(step: Step) -> tuple[tuple[int, int], tuple[int, int], Averages, Averages, Value]:
    x = in_order(step.where, step.value())
    shape = integers(step.attributes, "kernel_shape", [])
    if len(shape) != 2 or len(x.shape) != 3:
        raise ConversionError(f"{step.where}: a pool of {len(shape)} axes has no node; use two")
    kernel = shape[0], shape[1]
    stride, (top, left, bottom, right) = window(step, kernel, (x.shape[1], x.shape[2]))
    ceil = bool(integer(step.attributes, "ceil_mode", 0))
    count = bool(integer(step.attributes, "count_include_pad", 0))
    rows = averages(x.shape[1], kernel[0], stride[0], top, bottom, ceil=ceil, count_padding=count)
    columns = averages(x.shape[2], kernel[1], stride[1], left, right, ceil=ceil, count_padding=count)
    return kernel, stride, rows, columns, x


def _global_average_pool(step: Step) -> Value:
    return _mean(step, step.value(), keep=True)


def _reduce_mean(step: Step) -> Value:
    x = step.value()
    values = step.optional(1)
    axes = integers(step.attributes, "axes", [] if values is None else [int(axis) for axis in values.ravel()])
    rank = len(axes_of(x)) + 1
    averaged = sorted(axis % rank for axis in axes)
    pixels = sorted(index + 1 for index, axis in enumerate(axes_of(x)) if axis != 0)
    if averaged != pixels or len(x.shape) != 3 or rank != 4:
        raise ConversionError(f"{step.where}: a mean over axes {axes} has no node; expected height and width (2, 3)")
    return _mean(step, x, keep=bool(integer(step.attributes, "keepdims", 1)))


def _mean(step: Step, x: Value, *, keep: bool) -> Value:
    if len(x.shape) != 3:
        raise ConversionError(f"{step.where}: expected an input (N, C, H, W), found (N, {x.shape[0]})")
    kernel = x.shape[1], x.shape[2]
    pooled = arranged(step.builder.pool(step.name, step.where, kernel, kernel, x), axes_of(x))
    return pooled if keep else step.builder.flatten(f"{step.name}.flat", step.where, pooled)


HANDLERS: dict[str, Handler] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
}
