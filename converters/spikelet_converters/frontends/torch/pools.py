"""Torch operations that reduce pixels: pools, means, sums and maxima over axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import rearranged
from spikelet_converters.frontends.layout import sizes, window_of
from spikelet_converters.frontends.torch.activations import maximum
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.torch.casts import check_type
from spikelet_converters.frontends.values import Value, Window


def _window(call: Call) -> Window:
    axes = len(sizes(call.x)) - 1
    if f"{axes}d" not in call.kind:
        raise ConversionError(f"{call.where}: takes images or lines, found (N, {', '.join(map(str, sizes(call.x)))})")
    kernel = call.along("kernel_size", axes)
    stride = call.along("stride", axes) if call.get("stride", []) not in ([], ()) else kernel
    pads = call.along("padding", axes, [0]) * 2
    ceil = bool(call.get("ceil_mode", False))
    return window_of(call.x, kernel, stride, pads, call.along("dilation", axes, [1]), ceil=ceil)


def _average_pool(call: Call) -> Value:
    window, divisor = _window(call), call.get("divisor_override")
    if call.x.view is not None:
        return rearranged.votes(call.builder, call.name, call.where, window, call.x)
    count = bool(call.get("count_include_pad", True)) or divisor is not None
    pooled = call.builder.averages_of(call.name, call.where, window, count, call.x)
    if divisor is None:
        return pooled
    if window.ceil or not isinstance(divisor, int) or divisor == 0:
        raise ConversionError(f"{call.where}: divides by {divisor}, with ceil_mode = {window.ceil}; expected a number "
                              "other than 0 and ceil_mode = False")  # fmt: skip
    return call.builder.affine(call.where, window.kernel[0] * window.kernel[1] / divisor, 0.0, pooled, alone=False)


def _max_pool(call: Call) -> Value:
    if call.get("return_indices", False):
        raise ConversionError(f"{call.where}: returns the positions of its maxima; expected return_indices=False")
    return call.builder.maxima_of(call.name, call.where, _window(call), call.x)


def _adaptive(call: Call) -> Value:
    argument = call.get("output_size")
    axes = len(sizes(call.x)) - 1
    pixels = tuple(argument) if isinstance(argument, tuple | list) else (argument,)
    pixels = pixels * axes if len(pixels) == 1 else pixels
    if len(pixels) != axes or not all(size is None or isinstance(size, int) for size in pixels):
        raise ConversionError(f"{call.where}: has an output of {argument!r} pixels for {axes} axes")
    maxima = "max" in call.kind
    return call.builder.adaptive(call.name, call.where, pixels, call.x, maxima=maxima)


def _mean(call: Call) -> Value:
    check_type(call)
    axes, keep = call.integers("dim", [0]), bool(call.get("keepdim", False))
    return rearranged.mean(call.builder, call.name, call.where, axes, keep, call.x)


def _sum(call: Call) -> Value:
    shape, axes = sizes(call.x), call.integers("dim", [0])
    count = float(np.prod([shape[axis % (len(shape) + 1) - 1] for axis in axes]))
    return call.builder.affine(call.where, count, 0.0, _mean(call), alone=False)


def _amax(call: Call) -> Value:
    keep, axes = bool(call.get("keepdim", False)), call.integers("dim", [0])
    return call.builder.largest(call.name, call.where, axes, keep, call.x)


def _max(call: Call) -> Value | list[Value]:
    """Return the maximum along an axis, without the indices, or of two values."""
    other = call.arguments.get("other")
    if isinstance(other, int):  # max(dim), whose form is that of two values
        call = replace(call, arguments={"self": call.x, "dim": other})
    return [_amax(call)] if "dim" in call.arguments else maximum(call)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _average_pool),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool2d_with_indices"), _max_pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), _adaptive),
    "amax": _amax,
    "max": _max,
    "mean": _mean,
    "sum": _sum,
}
"""Functions that add a call to the graph, by the name of its operation."""
