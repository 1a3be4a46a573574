"""Values that are rounded before they are clipped, floor(x + shift), as in quantisers that networks write out.

Rounding and clipping at whole numbers commute. A value that is rounded first therefore stays as it is, with the pending
rounding in `Value.rounded`, until it is clipped: then both are one neuron.
"""

from __future__ import annotations

from dataclasses import replace

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.quantisers import WHOLE
from spikelet_converters.frontends.values import NOTHING, ONE, Rounded, Value


def rounded(builder: Builder, where: str, shift: float, x: Value, *, alone: bool, advice: str) -> Value:
    """Add the rounding floor(x + shift), or keep it until the value is clipped.

    Args:
        builder: The graph under construction.
        where: The rounding in error messages.
        shift: 0 to round down, 1/2 to round to the nearest integer.
        x: The value.
        alone: Whether no other layer uses it.
        advice: Why the rounding alone is refused, and an alternative.

    Raises:
        ConversionError: The rounding has no spiking form.
    """
    quantised = builder.rounded(where, shift, x, alone=alone)
    if quantised is not None:
        return quantised
    refusal = f"{where}: {advice}"
    if x.parts or x.rounded is not None or not builder.calibrate:
        raise ConversionError(refusal)
    return replace(x, factor=ONE, offset=NOTHING, rounded=Rounded(x, shift, refusal))


def clipped(
    builder: Builder, name: str, where: str, low: float | None, high: float | None, x: Value, *, alone: bool = False
) -> Value:
    """Add a value that is clipped, see `Builder.clipped`, and the rounding that is pending before it.

    Raises:
        ConversionError: The clipped integers are not those from 0 to a whole number.
    """
    if x.rounded is None:
        return builder.clipped(name, where, low, high, x, alone=alone)
    if low is None or high is None or x.factor.size != 1 or x.offset.size != 1 or x.factor.min() <= 0:
        raise ConversionError(x.rounded.refusal)
    factor, offset = float(x.factor.ravel()[0]), float(x.offset.ravel()[0])
    least, most = (low - offset) / factor, (high - offset) / factor
    levels = round(most)
    if abs(least) > WHOLE or levels < 1 or abs(most - levels) > WHOLE * levels:
        raise ConversionError(
            f"{where}: clips integers from {least:g} to {most:g}; expected from 0 to a whole number, the levels of a "
            "quantiser"
        )
    bounded = builder.relu(name, where, float(levels), x.rounded.value)
    integers = builder.rounded(where, x.rounded.shift, bounded, alone=True)
    if integers is None:
        raise ConversionError(x.rounded.refusal)
    return builder.affine(where, factor, offset, integers, alone=False)


def check(values: list[Value], kind: str, allowed: tuple[str, ...] = ()) -> None:
    """Raise ConversionError for an operation on a value whose rounding is pending, unless it scales or clips it.

    Args:
        values: Values that the operation takes.
        kind: Name of the operation.
        allowed: Names of the operations that scale or clip one value.
    """
    pending = next((x.rounded for x in values if x.rounded is not None), None)
    if pending is not None and (kind not in allowed or len(values) != 1):
        raise ConversionError(pending.refusal)
