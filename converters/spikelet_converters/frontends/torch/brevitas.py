"""Layers of Brevitas: their quantised weights and biases, and the quantisers of their inputs and outputs.

Classes are recognised by name, so Brevitas need not be installed. A layer with weights is read as the layer of torch
that it is a subclass of, an activation without a quantiser as the module of torch that it applies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import per_channel
from spikelet_converters.frontends.values import Factor, Rounding, Value

TorchLayer: TypeAlias = Callable[[nn.Module, Value], Value]
"""A function that adds a module to the builder as the layer of torch that it is, or is a subclass of."""

_Weights: TypeAlias = npt.NDArray[np.float32]
_Module: TypeAlias = Any  # attributes of a package that may not be installed have no types

_ACTIVATIONS = ("QuantReLU", "QuantHardTanh", "QuantIdentity")


def is_layer(module: nn.Module) -> bool:
    """Return whether the module comes from Brevitas."""
    return type(module).__module__.startswith("brevitas.nn")


def weight_of(module: _Module) -> _Weights:
    """Return the weights of a layer, quantised if the layer quantises them."""
    with torch.no_grad():
        return _plain(module.quant_weight() if hasattr(module, "quant_weight") else module.weight)


def bias_of(module: _Module) -> _Weights | None:
    """Return the bias of a layer, quantised if the layer quantises it, or None.

    One that has the scale of the layer's sums is not quantised: it is rounded to their unit, which is far below that
    of an activation.
    """
    if module.bias is None:
        return None
    quantiser: _Module = getattr(module, "bias_quant", None)
    plain = quantiser is None or not quantiser.is_quant_enabled or quantiser.requires_input_scale
    with torch.no_grad():
        return _plain(module.bias if plain else quantiser(module.bias))


def _plain(tensor: _Module) -> _Weights:
    """Return the numbers of a tensor, or of a quantised tensor."""
    numbers: torch.Tensor = tensor if isinstance(tensor, torch.Tensor) else tensor.value
    return numbers.detach().numpy()


def read(
    builder: Builder, name: str, module: _Module, inputs: list[Value], torch_layer: TorchLayer, *, alone: bool
) -> Value:
    """Add a layer to a builder.

    Args:
        builder: The builder to add to.
        name: The module's name in the network.
        module: The layer.
        inputs: Its inputs: one, or the two of a sum.
        torch_layer: Adds the module, or the activation in it, as a layer of torch.
        alone: Whether no other layer uses the input.

    Raises:
        ConversionError: A quantiser has no equal neuron, or the layer is not supported.
    """
    kind = type(module).__name__
    where = f"module {name} ({kind})"
    _refuse_paddings(where, module)
    _refuse_roundings(builder, where, module, inputs[0])
    before, after = getattr(module, "input_quant", None), getattr(module, "output_quant", None)
    if before is not None and before.is_quant_enabled:
        inputs = [_quantised(builder, f"{name}.input", where, before, x, alone=alone) for x in inputs]
    x = inputs[0]
    if kind == "QuantEltwiseAdd":
        y = builder.add(name, where, inputs)
    elif hasattr(module, "runtime_shape"):  # QuantScaleBias, which replaces batch norm
        bias = bias_of(module)
        y = builder.affine(where, weight_of(module), np.zeros(1) if bias is None else bias, x, alone=alone)
    elif hasattr(module, "act_quant"):
        y = _activation(builder, name, where, module, x, torch_layer, alone=alone)
    else:
        y = torch_layer(module, x)
    if after is not None and after.is_quant_enabled:
        y = _quantised(builder, f"{name}.output", where, after, y, alone=True)
    return y


def _refuse_paddings(where: str, module: _Module) -> None:
    if getattr(module, "is_same_padded_strided", False):
        raise ConversionError(f"{where}: has a stride and padding='same'; expected a number of pixels as padding")


def _refuse_roundings(builder: Builder, where: str, module: _Module, x: Value) -> None:
    """Raise ConversionError for a layer that rounds means or interpolated pixels to integers."""
    if getattr(module, "mode", "nearest") != "nearest":
        raise ConversionError(f"{where}: rounds interpolated pixels; expected nn.Upsample, or mode='nearest'")
    if not getattr(module, "is_trunc_quant_enabled", False):
        return
    bits = float(module.trunc_quant.tensor_quant.msb_clamp_bit_width_impl())
    window = x.shape[1:] if hasattr(module, "output_size") else np.broadcast_to(module.kernel_size, 2)
    if x.node not in builder.levels or builder.levels[x.node] * math.prod(window) >= 2**bits:
        raise ConversionError(
            f"{where}: rounds sums to {bits:g} bits; expected a bit width that holds those of its window, or "
            "nn.AvgPool2d"
        )


def _activation(
    builder: Builder, name: str, where: str, module: _Module, x: Value, torch_layer: TorchLayer, *, alone: bool
) -> Value:
    """Add the quantiser of an activation, or the activation alone if it has none."""
    quantiser = module.act_quant
    fused = quantiser.fused_activation_quant_proxy
    plain = fused is None or type(fused.activation_impl).__name__ == "Identity"
    if quantiser.is_quant_enabled and type(module).__name__ not in _ACTIVATIONS:
        return torch_layer(module, x)  # which is not supported
    y = x if plain else torch_layer(fused.activation_impl, x)
    if not quantiser.is_quant_enabled:
        return y
    needed = type(module).__name__ != "QuantIdentity"
    return _quantised(builder, name, where, quantiser, y, alone=alone or y.node != x.node, needed=needed)


def _quantised(
    builder: Builder, name: str, where: str, quantiser: _Module, x: Value, *, alone: bool, needed: bool = False
) -> Value:  # fmt: skip
    """Add a quantiser, see `Builder.quantised`.

    Raises:
        ConversionError: It has no equal neuron.
    """
    try:
        fields = [getattr(quantiser, field)() for field in ("scale", "zero_point", "bit_width")]
        scale, zero, bits = (_numbers(where, value, x) for value in fields)
    except (AttributeError, RuntimeError):  # of floats, or with a scale of every input
        raise ConversionError(f"{where}: expected a quantiser to integers with a constant scale") from None
    if quantiser.rounding_mode.upper() != "ROUND":
        raise ConversionError(f"{where}: rounds by {quantiser.rounding_mode}; expected rounding to the nearest integer")
    narrow, width = bool(quantiser.is_narrow_range), int(bits.flat[0])
    low = narrow - 2 ** (width - 1) if quantiser.is_signed else 0
    rounding = Rounding(scale, zero, low, low + 2**width - 1 - narrow)
    return builder.quantised(name, where, rounding, x, alone=alone, needed=needed)


def _numbers(where: str, value: object, x: Value) -> Factor:
    """Return a parameter of a quantiser, () or (C,)."""
    array = np.asarray(value.detach().numpy() if isinstance(value, torch.Tensor) else value, np.float64)
    return array.reshape(()) if array.size == 1 else per_channel(where, array, x)
