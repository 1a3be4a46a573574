"""Quantisation-aware layers, whose clip-floor quantisers are equal to IF neurons.

    fq(z) = s clip(round(z / s), 0, L)      scale s, zero point 0, quant_min 0, quant_max L

is the quantiser of `spikelet_converters.source_model.activation` with lambda = s L, so theta = s L. The
fake-quantisers of torch.ao, their fused layers and Brevitas layers (`brevitas`) are supported. Weights are taken after
the quantisation that the layer applies.
"""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.ao.nn.intrinsic import qat as fused
from torch.ao.nn.qat import Conv1d, Conv2d, Linear
from torch.ao.quantization import DeQuantStub, FakeQuantizeBase, ObserverBase, QuantStub

from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import per_channel, sizes
from spikelet_converters.frontends.source import PERTURBATION
from spikelet_converters.frontends.torch import brevitas
from spikelet_converters.frontends.values import Rounding, Value
from spikelet_converters.source_model.activation import SpikingActivation

_Weights: TypeAlias = npt.NDArray[np.float32]
_Module: TypeAlias = Any
"""A module of torch.ao, whose attributes have no types."""

_WITH_BN = (fused.ConvBn1d, fused.ConvBn2d, fused.LinearBn1d)  # and subclasses that rectify
_RECTIFIED = (
    fused.ConvBnReLU1d, fused.ConvBnReLU2d, fused.ConvReLU1d, fused.ConvReLU2d, fused.LinearReLU,
)  # fmt: skip


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a supported quantisation-aware layer."""
    layers = (FakeQuantizeBase, ObserverBase, QuantStub, DeQuantStub, Conv1d, Conv2d, Linear, *_WITH_BN, *_RECTIFIED)
    return isinstance(module, layers)


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


def weight_of(module: _Module) -> _Weights:
    """Return the weights of a layer, after its batch norm and quantised if the layer quantises them."""
    if brevitas.is_layer(module):
        return brevitas.weight_of(module)
    weight = module.weight
    with torch.no_grad():
        if isinstance(module, _WITH_BN):
            weight = weight * _gain(module.bn).reshape(-1, *(1,) * (weight.ndim - 1))
        if hasattr(module, "weight_fake_quant"):
            weight = module.weight_fake_quant(weight)
    numbers: _Weights = weight.detach().numpy()
    return numbers


def bias_of(module: _Module) -> _Weights | None:
    """Return the bias of a layer, after its batch norm and quantised if the layer quantises it, or None."""
    if brevitas.is_layer(module):
        return brevitas.bias_of(module)
    bias: torch.Tensor | None = module.bias
    if isinstance(module, _WITH_BN):
        bn: _Module = module.bn
        centred = -bn.running_mean if bias is None else bias - bn.running_mean
        bias = centred * _gain(bn) + bn.bias
    return None if bias is None else bias.detach().numpy()


def _gain(bn: _Module) -> torch.Tensor:
    """Return the factor of a batch norm in evaluation mode, (C,)."""
    gain: torch.Tensor = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return gain


def read(
    builder: Builder, name: str, module: nn.Module, x: Value, torch_layer: brevitas.TorchLayer, *, alone: bool
) -> Value:
    """Add a quantisation-aware layer to a builder.

    Args:
        builder: The builder to add to.
        name: The module's name in the network.
        module: The layer.
        x: Its input.
        torch_layer: Adds the module as the layer of torch that it is a subclass of.
        alone: Whether no other layer uses the input.

    Raises:
        ConversionError: The quantiser of an activation has no equal neuron.
    """
    where = f"module {name} ({type(module).__name__})"
    if isinstance(module, FakeQuantizeBase):
        return activation(builder, name, where, module, x, alone=alone)
    if isinstance(module, ObserverBase):
        return x  # no computation
    if not isinstance(module, QuantStub | DeQuantStub):
        x, alone = torch_layer(module, x), True
    if isinstance(module, _RECTIFIED):
        x = builder.relu(f"{name}.relu", where, None, x)
    quantiser = getattr(module, "activation_post_process", None)  # which eager mode attaches to a layer
    if not isinstance(quantiser, FakeQuantizeBase):
        return x
    return activation(builder, f"{name}.quantiser", where, quantiser, x, alone=alone)


def activation(builder: Builder, name: str, where: str, module: _Module, x: Value, *, alone: bool) -> Value:
    """Add a torch.ao fake-quantiser, see `Builder.quantised`."""
    scale, zero = module.scale.numpy(), module.zero_point.numpy()
    low, high = int(module.quant_min), int(module.quant_max)
    if scale.size != 1:
        shape = [1] * (len(sizes(x)) + 1)
        shape[module.ch_axis] = scale.size
        scale, zero = (per_channel(where, values.reshape(shape), x) for values in (scale, zero))
    parameters = (np.asarray(values, np.float64) for values in (scale, zero))
    size, origin = (values.reshape(()) if values.size == 1 else values for values in parameters)
    return builder.quantised(name, where, Rounding(size, origin, low, high), x, alone=alone)
