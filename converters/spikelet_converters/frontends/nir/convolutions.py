"""Read NIR's convolutions and pools. A line (C, L) is an image (C, 1, L) of one row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.exports.nir import NirNode
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import window_of
from spikelet_converters.frontends.nir.parameters import whole
from spikelet_converters.frontends.values import Pads, Pair, Value, Window


def convolution(builder: Builder, name: str, where: str, node: NirNode, x: Value) -> Value:
    """Add a Conv1d of lines or a Conv2d of images.

    Raises:
        ConversionError: It does not fit its input, or a size or its padding has no meaning.
    """
    axes, line = (1, True) if type(node).__name__ == "Conv1d" else (2, False)
    if len(x.shape) != 3 or (line and x.shape[1] != 1):
        raise ConversionError(f"{where}: expected an input {'(C, L)' if line else '(C, H, W)'}, found {x.shape}")
    kernel = np.asarray(node.weight)
    if kernel.ndim != axes + 2:
        raise ConversionError(
            f"{where}: weights of shape {kernel.shape}; expected (C_out, C_in / groups, {'k' if line else 'kh, kw'})"
        )
    if line:
        kernel = kernel[:, :, None]
    (groups,) = whole(where, "groups", node.groups, 1, 1)
    if len(kernel) % groups:
        raise ConversionError(f"{where}: has {len(kernel)} output channels in {groups} groups; expected a multiple")
    stride, dilation = (_sizes(where, node, field, axes) for field in ("stride", "dilation"))
    window = window_of(
        x, kernel.shape[2:], stride, _pads(where, node, axes, (*kernel.shape[2:],), stride, dilation), dilation
    )
    return builder.convolution(name, where, kernel, node.bias, window, groups, x)


def pool(builder: Builder, name: str, where: str, node: NirNode, x: Value) -> Value:
    """Add a SumPool2d or AvgPool2d; zeros around the image are pixels of its windows.

    Raises:
        ConversionError: Its input is no image, or a size has no meaning.
    """
    if len(x.shape) != 3:
        raise ConversionError(f"{where}: expected an input (C, H, W), found {x.shape}")
    kernel, stride = (_sizes(where, node, field, 2) for field in ("kernel_size", "stride"))
    rows, columns = whole(where, "padding", node.padding, 2, 0)
    sums = type(node).__name__ == "SumPool2d"
    if (rows, columns) == (0, 0):
        return (builder.sum_pool if sums else builder.pool)(name, where, kernel, stride, x)
    averages = builder.averages_of(name, where, Window(kernel, stride, (rows, columns, rows, columns)), True, x)
    pixels = kernel[0] * kernel[1] if sums else 1
    return replace(averages, factor=averages.factor * pixels, offset=averages.offset * pixels)


def _pads(where: str, node: NirNode, axes: int, kernel: tuple[int, ...], stride: Pair, dilation: Pair) -> Pads:
    """Return the zeros around the image; of an odd number for 'same', the additional one is after it."""
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if not isinstance(padding, str):
        numbers = whole(where, "padding", padding, axes, 0)
        return (*(0,) * (2 - axes), *numbers) * 2  # type: ignore[return-value]
    if padding == "valid":
        return 0, 0, 0, 0
    if padding != "same" or stride != (1, 1):
        raise ConversionError(
            f"{where}: its padding is {padding!r} with a stride of {max(stride)}; expected numbers, 'valid', or 'same' "
            "with a stride of 1; write the padding as numbers"
        )
    rows, columns = (step * (size - 1) for step, size in zip(dilation, kernel, strict=True))
    return rows // 2, columns // 2, rows - rows // 2, columns - columns // 2


def _sizes(where: str, node: NirNode, field: str, axes: int) -> Pair:
    """Return sizes along rows and columns, 1 along the rows of a line."""
    numbers = whole(where, field, getattr(node, field), axes, 1)
    return (1, numbers[0]) if axes == 1 else (numbers[0], numbers[1])
