"""Quantisation-aware layers, whose clip-floor quantisers are equal to IF neurons.

    fq(z) = s clip(round(z / s), 0, L)      scale s, zero point 0, quant_min 0, quant_max L

is the quantiser of `spikelet_converters.source_model.activation` with lambda = s L, so theta = s L. The
fake-quantisers of torch.ao, their fused layers and Brevitas layers are supported. Brevitas classes are recognised by
name, so Brevitas need not be installed. Weights are taken after the quantisation that the layer applies.
"""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.ao.nn.intrinsic import qat as fused
from torch.ao.nn.qat import Conv2d, Linear
from torch.ao.quantization import DeQuantStub, FakeQuantizeBase, ObserverBase, QuantStub

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.source import PERTURBATION
from spikelet_converters.frontends.values import Rounding, Value
from spikelet_converters.source_model.activation import SpikingActivation

_Weights: TypeAlias = npt.NDArray[np.float32]
_Module: TypeAlias = Any
"""A module whose attributes have no types: of torch.ao, or of Brevitas, which may not be installed."""

_BREVITAS_ACTIVATIONS = ("QuantReLU", "QuantHardTanh", "QuantIdentity")
_CONV_BN = (fused.ConvBn2d, fused.ConvBnReLU2d)
_RECTIFIED = (fused.ConvReLU2d, fused.LinearReLU, fused.ConvBnReLU2d)


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a supported quantisation-aware layer."""
    layers = (FakeQuantizeBase, ObserverBase, QuantStub, DeQuantStub, Conv2d, Linear, *_CONV_BN, *_RECTIFIED)
    return isinstance(module, layers) or is_brevitas(module)


def is_brevitas(module: nn.Module) -> bool:
    """Return whether the module comes from Brevitas."""
    return type(module).__module__.startswith("brevitas.nn")


def has_scales(network: nn.Module) -> bool:
    """Return whether a network contains quantisers whose scales can be changed."""
    return any(_scale(module) is not None for module in network.modules())


def scales_changed(network: nn.Module) -> nn.Module:
    """Return a copy of a network with scales of quantisers changed by up to PERTURBATION, so that ties are rare.

    In the network itself, values are often at a tie between two integers, as a mean of integers that is quantised with
    their own scale.
    """
    changed = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(0)
    for module in changed.modules():
        scale = _scale(module)
        if scale is not None:
            noise = 2 * torch.rand(scale.shape, generator=generator) - 1
            scale.data.mul_((1 + PERTURBATION * noise).to(scale.device))
        if isinstance(module, FakeQuantizeBase):
            module.disable_observer()  # it would compute the scale again
    return changed


def _scale(module: nn.Module) -> torch.Tensor | None:
    """Return the scale of a quantiser, or None for another module."""
    scale: object = None
    if isinstance(module, FakeQuantizeBase):
        scale = module.scale
    elif isinstance(module, SpikingActivation):
        scale = module.lam
    elif type(module).__module__.startswith("brevitas.core.scaling"):
        scale = getattr(module, "value", None)
        scale = getattr(scale, "value", scale)  # a constant is the buffer of a module
    return scale if isinstance(scale, torch.Tensor) else None


def weight_of(module: nn.Module) -> _Weights:
    """Return the weights of a layer, quantised if the layer quantises them."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    with torch.no_grad():
        if hasattr(module, "weight_fake_quant"):
            weight = module.weight_fake_quant(weight)  # type: ignore[operator]
        elif is_brevitas(module) and hasattr(module, "quant_weight"):
            weight = module.quant_weight().value  # type: ignore[operator]
    return weight.detach().numpy()


def read(builder: Builder, name: str, module: nn.Module, x: Value) -> Value | None:
    """Add a quantisation-aware layer to a builder, or return None for a layer that is imported as a plain one.

    Raises:
        ConversionError: The quantiser of an activation has no equal neuron.
    """
    where = f"module {name} ({type(module).__name__})"
    if isinstance(module, QuantStub | DeQuantStub):
        return _hooked(builder, name, where, module, x)
    if isinstance(module, FakeQuantizeBase):
        return activation(builder, name, where, module, x)
    if isinstance(module, ObserverBase):
        return x  # no computation
    if isinstance(module, _CONV_BN):
        bn: _Module = module.bn
        with torch.no_grad():
            gain = bn.weight / torch.sqrt(bn.running_var + bn.eps)
            weight = module.weight_fake_quant(module.weight * gain.reshape(-1, 1, 1, 1))
            centred = -bn.running_mean if module.bias is None else module.bias - bn.running_mean
            bias = centred * gain + bn.bias
        x = _conv(builder, name, where, module, weight.numpy(), bias.numpy(), x)
        return _after(builder, name, where, module, x)
    if isinstance(module, Conv2d):
        bias = None if module.bias is None else module.bias.detach().numpy()
        x = _conv(builder, name, where, module, weight_of(module), bias, x)
        return _after(builder, name, where, module, x)
    if isinstance(module, Linear):
        bias = None if module.bias is None else module.bias.detach().numpy()
        x = builder.linear(name, where, weight_of(module), bias, x)
        return _after(builder, name, where, module, x)
    if type(module).__name__ in _BREVITAS_ACTIVATIONS:
        return _brevitas(builder, name, where, module, x)
    return None


def activation(builder: Builder, name: str, where: str, module: _Module, x: Value) -> Value:
    """Add a torch.ao fake-quantiser as neurons; at the input or on a current it is omitted, with a note."""
    scale, zero = module.scale.numpy(), module.zero_point.numpy()
    low, high = int(module.quant_min), int(module.quant_max)
    rectified = x.node in builder.relus
    if scale.size != 1:
        raise ConversionError(f"{where}: quantises activations per channel; expected one scale per tensor")
    if rectified or (low == zero[0] and x.node != "input"):
        if int(zero[0]) != low:
            raise ConversionError(
                f"{where}: has zero point {int(zero[0])} and least value {low}, so its output is negative or has an "
                "offset; expected both equal, as for an activation after ReLU"
            )
        return _quantised(builder, name, where, float(scale[0]), high - low, x)
    rounding = Rounding(np.asarray(scale[0], np.float64), np.asarray(zero[0], np.float64), low, high)
    builder.unrounded(where, "no activation", rounding, x)
    return x


def _quantised(builder: Builder, name: str, where: str, step: float, levels: int, x: Value) -> Value:
    if x.node in builder.relus:
        return builder.quantise_relu(where, step * levels, levels, x)
    return builder.quantiser(name, where, step * levels, levels, x)


def _after(builder: Builder, name: str, where: str, module: nn.Module, x: Value) -> Value:
    """Add the rectifier and the quantiser after the weights of a fused or hooked layer."""
    if isinstance(module, _RECTIFIED):
        x = builder.relu(f"{name}.relu", where, None, x)
    return _hooked(builder, f"{name}.quantiser", where, module, x)


def _hooked(builder: Builder, name: str, where: str, module: nn.Module, x: Value) -> Value:
    """Add the fake-quantiser that eager mode attaches to a layer."""
    quantiser = getattr(module, "activation_post_process", None)
    return activation(builder, name, where, quantiser, x) if isinstance(quantiser, FakeQuantizeBase) else x


def _conv(
    builder: Builder,
    name: str,
    where: str,
    module: _Module,
    weight: _Weights,
    bias: _Weights | None,
    x: Value,
) -> Value:
    if module.dilation != (1, 1) or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise ConversionError(f"{where}: expected dilation 1 and a number of zeros as padding")
    return builder.conv(name, where, weight, bias, module.stride, module.padding, module.groups, x)


def _brevitas(builder: Builder, name: str, where: str, module: _Module, x: Value) -> Value:
    quantiser = module.act_quant
    if not quantiser.is_quant_enabled:
        if type(module).__name__ == "QuantReLU":
            return builder.relu(name, where, None, x)
        return x
    scale, zero, bits = (_number(getattr(quantiser, field)()) for field in ("scale", "zero_point", "bit_width"))
    if scale is None or zero is None or bits is None:
        raise ConversionError(f"{where}: quantises activations per channel; expected one scale per tensor")
    if quantiser.is_signed or zero != 0:
        if x.node == "input" or type(module).__name__ == "QuantIdentity":
            narrow = bool(quantiser.is_narrow_range)
            low, high = (-(2 ** (int(bits) - 1)) + narrow, 2 ** (int(bits) - 1) - 1)
            if not quantiser.is_signed:
                low, high = 0, 2 ** int(bits) - (2 if narrow else 1)
            rounding = Rounding(np.asarray(scale), np.asarray(zero), low, high)
            builder.unrounded(where, "no rectified activation", rounding, x)
            return x
        reason = "is signed" if quantiser.is_signed else f"has a zero point of {zero:g}"
        raise ConversionError(f"{where}: {reason}; expected an unsigned quantiser with zero point 0, as in QuantReLU")
    levels = 2 ** int(bits) - (2 if quantiser.is_narrow_range else 1)
    return _quantised(builder, name, where, scale, levels, x)


def _number(value: object) -> float | None:
    array = np.asarray(value.detach().numpy() if isinstance(value, torch.Tensor) else value, np.float64)
    return float(array.ravel()[0]) if array.size == 1 else None
