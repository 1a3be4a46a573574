"""Values that are compared with a number, as in rectifiers that networks write out: x * (x > 0).

The result, 1 or 0, has no spiking form. A value that it chooses has one, if both choices are multiples of the compared
value, plus a number, that are equal at the threshold: it is a leaky rectifier with an offset. A comparison therefore
stays as it is, in `Value.compared`, until it chooses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.values import NOTHING, ONE, Compared, Factor, Value, one_number

CLOSE = 1e-5  # largest relative difference of the choices at the threshold
_EXPECTED = "expected multiples of the compared value, plus a number, as those of a rectifier"


def compared(where: str, x: Value, threshold: Factor, *, above: bool, advice: str) -> Value:
    """Return a comparison, 1 where a value is above a threshold, or below it, and 0 elsewhere.

    Args:
        where: The comparison in error messages.
        x: The value.
        threshold: () or (C,).
        above: Whether the comparison holds above the threshold.
        advice: Why a comparison alone is refused, and an alternative.

    Raises:
        ConversionError: The value is one of several layers, or a comparison itself.
    """
    refusal = f"{where}: {advice}"
    if x.parts or x.maxima or x.rounded is not None or x.compared is not None or x.regrouped:
        raise ConversionError(refusal)
    return replace(x, factor=ONE, offset=NOTHING, compared=Compared(x, threshold, above, refusal))


def multiplied(builder: Builder, name: str, where: str, first: Value, second: Value) -> Value:
    """Add the product of a value and a comparison with it.

    Raises:
        ConversionError: It is no rectifier.
    """
    mask, x = (first, second) if first.compared is not None else (second, first)
    if mask.compared is None or x.compared is not None:
        raise ConversionError((mask.compared or x.compared).refusal)  # type: ignore[union-attr]
    held = builder.affine(where, mask.factor + mask.offset, 0.0, x, alone=False)
    other = builder.affine(where, mask.offset, 0.0, x, alone=False)
    return chosen(builder, name, where, replace(mask, factor=ONE, offset=NOTHING), held, other)


def chosen(builder: Builder, name: str, where: str, mask: Value, held: Value | Factor, other: Value | Factor) -> Value:
    """Add a value that a comparison chooses: `held` where it holds, and `other` elsewhere.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The choice in error messages.
        mask: The comparison.
        held: A value, or numbers () or (C,).
        other: The same.

    Raises:
        ConversionError: The choices are not multiples of the compared value, or differ at the threshold.
    """
    if (mask.factor == -1).all() and (mask.offset == 1).all():  # inverted
        mask, held, other = replace(mask, factor=ONE, offset=NOTHING), other, held
    if mask.compared is None or mask.offset.any() or not (mask.factor == 1).all():
        raise ConversionError(f"{where}: chooses by a value that is no comparison with a number")
    x, threshold = mask.compared.value, mask.compared.threshold
    (gain, shift), (gain_below, shift_below) = (_line(where, x, choice) for choice in (held, other))
    if not mask.compared.above:
        gain, shift, gain_below, shift_below = gain_below, shift_below, gain, shift
    at, at_below = gain * threshold + shift, gain_below * threshold + shift_below
    if (abs(at - at_below) > CLOSE * np.maximum(1.0, np.maximum(abs(at), abs(at_below)))).any():
        raise ConversionError(
            f"{where}: jumps at the threshold of its comparison, from {np.ravel(at_below)[0]:g} to "
            f"{np.ravel(at)[0]:g}; expected equal values there, as those of a rectifier"
        )
    if threshold.size == 1 and not gain_below.any():
        return builder.affine(where, gain, shift, builder.clipped(name, where, float(threshold), None, x), alone=False)
    if threshold.size == 1 and not gain.any():
        clipped = builder.clipped(name, where, None, float(threshold), x)
        return builder.affine(where, gain_below, shift_below, clipped, alone=False)
    if not gain.all():  # mirror it
        gain, gain_below, threshold, x = -gain_below, -gain, -threshold, builder.affine(where, -1, 0, x, alone=False)
    if not gain.all():
        raise ConversionError(f"{where}: chooses 0 on both sides of a threshold; {_EXPECTED}")
    shifted = builder.affine(where, 1.0, -threshold, x, alone=False)
    rectified = builder.leaky(name, where, one_number(np.atleast_1d(gain_below / gain)), shifted)
    return builder.affine(where, gain, at, rectified, alone=False)


def inverted(builder: Builder, where: str, mask: Value) -> Value:
    """Return a comparison that holds where another does not."""
    return builder.affine(where, -1.0, 1.0, mask, alone=False)


def check(values: list[Value], kind: str, allowed: tuple[str, ...] = ()) -> None:
    """Raise ConversionError for an operation on a comparison, unless it scales it or chooses by it.

    Args:
        values: Values that the operation takes.
        kind: Name of the operation.
        allowed: Names of the operations that scale a comparison or choose by it.
    """
    pending = next((x.compared for x in values if x.compared is not None), None)
    if pending is not None and kind not in allowed:
        raise ConversionError(pending.refusal)


def _line(where: str, x: Value, choice: Value | npt.ArrayLike) -> tuple[Factor, Factor]:
    """Return (gain, shift) of a choice gain x + shift."""
    if not isinstance(choice, Value):
        return np.zeros(()), np.asarray(choice, np.float64)
    same = choice.node == x.node and choice.shape == x.shape and choice.axes == x.axes and not choice.parts
    same = same and not choice.maxima and choice.rounded is None and not choice.regrouped and choice.pads == x.pads
    same = same and (choice.order is x.order or np.array_equal(choice.order, x.order))  # type: ignore[arg-type]
    if not same or choice.compared is not None or not x.factor.all():
        raise ConversionError(f"{where}: chooses between other values by a comparison; {_EXPECTED}")
    gain = choice.factor / x.factor
    return gain, choice.offset - gain * x.offset
