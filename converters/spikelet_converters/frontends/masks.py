"""Choices by constants: a mask chooses between two values, or between a value and numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.pixels import scaled, shifted
from spikelet_converters.frontends.values import Value

Constant = npt.NDArray[np.generic]


def chosen(
    builder: Builder,
    name: str,
    where: str,
    mask: Constant,
    held: Value | Constant,
    other: Value | Constant,
    *,
    alone: bool,
) -> Value:
    """Add a value that is `held` where a mask is True, and `other` elsewhere: held mask + other (1 - mask).

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        mask: Constant that is broadcast with the choices.
        held: A value, or numbers.
        other: A value, or numbers.
        alone: Whether no other operation uses the value, of a choice between one and numbers.

    Raises:
        ConversionError: Both choices are numbers, chosen numbers are not finite, or the mask does not fit a value.
    """
    holds = np.asarray(mask, bool)
    both = isinstance(held, Value) and isinstance(other, Value)
    alone = alone and not both
    values: list[Value] = []
    numbers: list[Constant] = []
    for label, choice, selected in (("held", held, holds), ("other", other, ~holds)):
        if isinstance(choice, Value):
            layer = builder.free_name(f"{name}.{label}") if both else name
            values.append(scaled(builder, layer, where, selected.astype(np.float64), choice, alone=alone))
        else:
            numbers.append(np.where(selected, choice, 0.0))
    if not values:
        raise ConversionError(f"{where}: chooses between numbers by constants; expected a value of the network")
    if not all(np.isfinite(array).all() for array in numbers):
        raise ConversionError(f"{where}: sets values to NaN or infinity; expected finite numbers")
    total = builder.add(name, where, values) if len(values) > 1 else values[0]
    for array in numbers:
        total = shifted(builder, builder.free_name(name), where, array, total, alone=alone)
    return total
