"""Torch operations that take the pixels of windows as channels, and the reverse: unfold and fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import rearranged
from spikelet_converters.frontends.layout import axes_of, sizes, window_of
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import BATCH, Factor, Value


def _numbers(call: Call, name: str, default: int) -> tuple[int, int]:
    first, second = call.along(name, 2, [default])
    return first, second


def _kernels(kernel: tuple[int, int], channels: int) -> Factor:
    """Return weights (channels kh kw, 1, kh, kw) that take every pixel of a window."""
    pixels = kernel[0] * kernel[1]
    return np.tile(np.eye(pixels).reshape(pixels, 1, *kernel), (channels, 1, 1, 1))


def _unfold(call: Call) -> Value:
    if "kernel_size" not in call.arguments or len(sizes(call.x)) != 3:
        raise ConversionError(f"{call.where}: {ADVICE['unfold']}")
    x, kernel = call.x, _numbers(call, "kernel_size", 1)
    padding, stride = _numbers(call, "padding", 0), _numbers(call, "stride", 1)
    window = window_of(x, kernel, stride, (*padding, *padding), _numbers(call, "dilation", 1))
    y = call.builder.convolution(call.name, call.where, _kernels(kernel, x.shape[0]), None, window, x.shape[0], x)
    return rearranged.reshape(call.builder, call.name, call.where, [BATCH, y.shape[0], -1], None, y)


def _fold(call: Call) -> Value:
    x, kernel = call.x, _numbers(call, "kernel_size", 1)
    padding, stride = _numbers(call, "padding", 0), _numbers(call, "stride", 1)
    size, dilation = _numbers(call, "output_size", 1), _numbers(call, "dilation", 1)
    reach = [
        after + 2 * pad - rate * (width - 1) - 1
        for after, width, pad, rate in zip(size, kernel, padding, dilation, strict=True)
    ]
    before = tuple(reached // step + 1 for reached, step in zip(reach, stride, strict=True))
    channels = x.shape[0] // (kernel[0] * kernel[1])
    inner = channels * kernel[0] * kernel[1]
    if x.shape != (inner, *before) or axes_of(x)[0] != 0 or sizes(x) != (inner, before[0] * before[1]):
        raise ConversionError(
            f"{call.where}: takes (N, {', '.join(map(str, sizes(x)))}); expected (N, C·{kernel[0]}·{kernel[1]}, "
            f"{before[0]}·{before[1]}), the pixels of an image as one axis"
        )
    extra = reach[0] % stride[0], reach[1] % stride[1]
    image = replace(x, merged=False, axes=None)
    window = window_of(image, kernel, stride, (*padding, *padding), dilation)
    kernels = _kernels(kernel, channels)
    return call.builder.transposed(call.name, call.where, kernels, None, window, extra, channels, image)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("fold", "col2im"), _fold),
    **dict.fromkeys(("unfold", "im2col"), _unfold),
}
"""Functions that add a call to the graph, by the name of its operation."""
