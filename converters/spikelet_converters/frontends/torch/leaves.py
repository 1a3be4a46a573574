"""Conversion of torch modules without a state to calls of operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from spikelet.errors import ConversionError
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch import quant_aware
from spikelet_converters.frontends.torch.calls import Arguments
from spikelet_converters.frontends.torch.constants import constant

Module = Any  # attributes of modules are not typed


def _tensor(value: torch.Tensor | None) -> object:
    return None if value is None else constant(value)


def _options(module: Module, *names: str) -> Arguments:
    return {name: getattr(module, name) for name in names}


def _weights(module: Module) -> Arguments:
    return {"weight": quant_aware.weight_of(module), "bias": quant_aware.bias_of(module)}


def _convolution(module: Module) -> Arguments:
    names = ("stride", "padding", "dilation", "groups")
    extra = _options(module, "output_padding") if module.transposed else {}
    if module.padding_mode != "zeros":
        around = list(module._reversed_padding_repeated_twice)
        extra = {**extra, "padding": 0, "padding_mode": module.padding_mode, "pixels": around}
    return {**_weights(module), **_options(module, *names), **extra}


def _batch_norm(module: Module) -> Arguments:
    tensors = {name: _tensor(getattr(module, name)) for name in ("weight", "bias", "running_mean", "running_var")}
    return {**tensors, "eps": module.eps}


def _instance_norm(module: Module) -> Arguments:
    if module.running_mean is None:
        raise ConversionError(ADVICE["InstanceNorm2d"])
    return _batch_norm(module)


def _interpolate(module: Module) -> Arguments:
    scale = module.scale_factor
    given = {"size": module.size} if module.size is not None else {"scale_factor": scale}
    return {**given, "mode": module.mode, "align_corners": module.align_corners}


def _pixels_around(module: Module) -> Arguments:
    return {"padding": list(module.padding)}


def _average(module: Module) -> Arguments:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    return {name: getattr(module, name) for name in names if hasattr(module, name)}


def _maximum(module: Module) -> Arguments:
    return _options(module, "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


def _zeros(module: Module) -> Arguments:
    padding = module.padding
    return {"pad": list(padding), "value": float(getattr(module, "value", 0.0))}


Interpret = Callable[[Module], Arguments]
LEAVES: dict[type[nn.Module], tuple[str, Interpret]] = {
    nn.AdaptiveAvgPool1d: ("adaptive_avg_pool1d", lambda module: _options(module, "output_size")),
    nn.AdaptiveAvgPool2d: ("adaptive_avg_pool2d", lambda module: _options(module, "output_size")),
    nn.AdaptiveMaxPool1d: ("adaptive_max_pool1d", lambda module: _options(module, "output_size")),
    nn.AdaptiveMaxPool2d: ("adaptive_max_pool2d", lambda module: _options(module, "output_size")),
    nn.AvgPool1d: ("avg_pool1d", _average),
    nn.AvgPool2d: ("avg_pool2d", _average),
    nn.BatchNorm1d: ("batch_norm", _batch_norm),
    nn.BatchNorm2d: ("batch_norm", _batch_norm),
    nn.SyncBatchNorm: ("batch_norm", _batch_norm),
    nn.ChannelShuffle: ("channel_shuffle", lambda module: _options(module, "groups")),
    nn.ConstantPad1d: ("pad", _zeros),
    nn.ConstantPad2d: ("pad", _zeros),
    **{kind: (f"circular_pad{axes}d", _pixels_around) for axes, kind in ((1, nn.CircularPad1d), (2, nn.CircularPad2d))},
    nn.Conv1d: ("conv1d", _convolution),
    nn.Conv2d: ("conv2d", _convolution),
    nn.ConvTranspose1d: ("conv_transpose1d", _convolution),
    nn.ConvTranspose2d: ("conv_transpose2d", _convolution),
    nn.Flatten: ("flatten", lambda module: _options(module, "start_dim", "end_dim")),
    nn.Hardsigmoid: ("hardsigmoid", lambda module: {}),
    nn.Hardtanh: ("hardtanh", lambda module: _options(module, "min_val", "max_val")),
    nn.InstanceNorm1d: ("batch_norm", _instance_norm),
    nn.InstanceNorm2d: ("batch_norm", _instance_norm),
    nn.LeakyReLU: ("leaky_relu", lambda module: _options(module, "negative_slope")),
    nn.Linear: ("linear", _weights),
    nn.LogSoftmax: ("log_softmax", lambda module: _options(module, "dim")),
    nn.MaxPool1d: ("max_pool1d", _maximum),
    nn.MaxPool2d: ("max_pool2d", _maximum),
    nn.PixelShuffle: ("pixel_shuffle", lambda module: _options(module, "upscale_factor")),
    nn.PixelUnshuffle: ("pixel_unshuffle", lambda module: _options(module, "downscale_factor")),
    nn.PReLU: ("prelu", lambda module: {"weight": _tensor(module.weight)}),
    nn.ReflectionPad1d: ("reflection_pad1d", _pixels_around),
    nn.ReflectionPad2d: ("reflection_pad2d", _pixels_around),
    nn.ReLU: ("relu", lambda module: {}),
    nn.ReLU6: ("relu6", lambda module: {}),
    nn.RReLU: ("rrelu", lambda module: _options(module, "lower", "upper")),
    nn.ReplicationPad1d: ("replication_pad1d", _pixels_around),
    nn.ReplicationPad2d: ("replication_pad2d", _pixels_around),
    nn.Sigmoid: ("sigmoid", lambda module: {}),
    nn.Softmax: ("softmax", lambda module: _options(module, "dim")),
    nn.Tanh: ("tanh", lambda module: {}),
    nn.Threshold: ("threshold", lambda module: _options(module, "threshold", "value")),
    nn.Fold: ("fold", lambda module: _options(module, "output_size", "kernel_size", "dilation", "padding", "stride")),
    nn.Unfold: ("unfold", lambda module: _options(module, "kernel_size", "dilation", "padding", "stride")),
    nn.Unflatten: ("unflatten", lambda module: {"dim": module.dim, "sizes": list(module.unflattened_size)}),
    nn.Upsample: ("interpolate", _interpolate),
    nn.UpsamplingBilinear2d: ("interpolate", _interpolate),
    nn.UpsamplingNearest2d: ("interpolate", _interpolate),
    nn.ZeroPad1d: ("pad", _zeros),
    nn.ZeroPad2d: ("pad", _zeros),
    **dict.fromkeys(
        (nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.FeatureAlphaDropout, nn.Identity),
        ("dropout", lambda module: {}),
    ),
}
"""The operation of a module and its arguments other than the input, by class."""


def passes_on(kind: type[nn.Module]) -> bool:
    """Return whether the output of a module in evaluation mode is its input."""
    return kind in LEAVES and LEAVES[kind][0] == "dropout"


def padding_for(where: str, module: Module, size: Sequence[int], pixels: Sequence[int]) -> list[int]:
    """Return the output padding with which a transposed convolution gives an image of the size that its call states.

    Args:
        where: The layer in error messages.
        module: The transposed convolution.
        size: Argument `output_size` of the call, with or without the batch and the channels.
        pixels: Pixels of the input along each axis.

    Raises:
        ConversionError: No output padding gives this size.
    """
    axes = len(pixels)
    after = [
        (count - 1) * module.stride[axis] - 2 * module.padding[axis]
        + module.dilation[axis] * (module.kernel_size[axis] - 1) + 1
        for axis, count in enumerate(pixels)
    ]  # fmt: skip
    padding = [int(wanted) - count for wanted, count in zip(size[-axes:], after, strict=True)]
    most = [max(pair) for pair in zip(module.stride, module.dilation, strict=True)]
    if any(not 0 <= extra < limit for extra, limit in zip(padding, most, strict=True)):
        raise ConversionError(
            f"{where}: output_size is {list(size)}; expected "
            + " × ".join(f"{count} to {count + limit - 1}" for count, limit in zip(after, most, strict=True))
        )
    return padding
