"""Torch operations that add or multiply values and constants."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.pixels import masked
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import Value


def _add(call: Call, sign: float = 1.0) -> Value:
    """Add self + sign alpha other."""
    first, second, scale = call.get("self", call.get("input")), call.get("other"), sign * call.number("alpha", 1)
    builder, where = call.builder, call.where
    if isinstance(first, Value) and isinstance(second, Value):
        other = second if scale == 1 else builder.affine(where, scale, 0.0, second, alone=False)
        return builder.add(call.name, where, [first, other])
    if isinstance(first, Value):
        pixels = call.per_pixel("other", first)
        if pixels is not None:
            return builder.plus_constant(call.name, where, scale * np.asarray(pixels, np.float64), first)
        shift = call.per_channel("other", first)
        if shift is not None:
            return builder.affine(where, 1.0, scale * shift, first, alone=call.alone)
    if isinstance(second, Value):
        pixels = call.per_pixel("self", second)
        if pixels is not None:
            other = builder.affine(where, scale, 0.0, second, alone=False)
            return builder.plus_constant(call.name, where, pixels, other)
        shift = call.per_channel("self", second)
        if shift is not None:
            return builder.affine(where, scale, shift, second, alone=call.alone)
    raise ConversionError(f"{where}: expected values of the network, and constants of one number or one per channel")


def _subtract(call: Call) -> Value:
    return _add(call, -1.0)


def _subtract_reversed(call: Call) -> Value:
    """Add other - alpha self."""
    x = call.x
    other = call.per_channel("other", x)
    if other is None:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    return call.builder.affine(call.where, -call.number("alpha", 1), other, x, alone=call.alone)


def _multiply(call: Call) -> Value:
    if len(call.values) != 1:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    x = call.values[0]
    name = "other" if isinstance(call.get("self", call.get("input")), Value) else "self"
    pixels = call.per_pixel(name, x)
    if pixels is not None:
        return masked(call.builder, call.name, call.where, pixels, x)
    gain = call.per_channel(name, x)
    assert gain is not None
    return call.builder.affine(call.where, gain, 0.0, x, alone=call.alone)


def _divide(call: Call) -> Value:
    first = call.get("self", call.get("input"))
    divisor = call.per_channel("other", first) if isinstance(first, Value) else None
    if divisor is None or not isinstance(first, Value) or call.get("rounding_mode") is not None:
        raise ConversionError(f"{call.where}: {ADVICE['mul']}")
    if (divisor == 0).any():
        raise ConversionError(f"{call.where}: divides by zero")
    return call.builder.affine(call.where, 1 / divisor, 0.0, first, alone=call.alone)


def _negate(call: Call) -> Value:
    return call.builder.affine(call.where, -1.0, 0.0, call.x, alone=call.alone)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("sub", "subtract"), _subtract),
    **dict.fromkeys(("mul", "multiply"), _multiply),
    **dict.fromkeys(("div", "divide", "true_divide"), _divide),
    **dict.fromkeys(("neg", "negative"), _negate),
    "add": _add,
    "rsub": _subtract_reversed,
}
"""Functions that add a call to the graph, by the name of its operation."""
