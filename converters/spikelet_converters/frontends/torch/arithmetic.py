"""Torch operations that add or multiply values and constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import comparisons
from spikelet_converters.frontends.pixels import masked
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler, values_of
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


def multiply(call: Call) -> Value:
    """Multiply a value by a constant, or by a comparison with it."""
    if len(call.values) == 2 and any(x.compared is not None for x in call.values):
        return comparisons.multiplied(call.builder, call.name, call.where, *call.values)
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


def _add_product(call: Call) -> Value:
    """Add self + value tensor1 tensor2, or self + value tensor1 / tensor2."""
    factors = {"self": call.get("tensor1"), "other": call.get("tensor2")}
    kind, name = ("div", "quotient") if call.kind == "addcdiv" else ("mul", "product")
    if not values_of(list(factors.values())):
        raise ConversionError(f"{call.where}: adds a constant that it computes; add its value instead")
    product = HANDLERS[kind](replace(call, name=f"{call.name}.{name}", kind=kind, arguments=factors, alone=False))
    arguments = {"self": call.get("self", call.get("input")), "other": product, "alpha": call.number("value", 1)}
    return _add(replace(call, arguments=arguments, alone=False))


def _interpolate(call: Call) -> Value:
    """Add (1 - weight) self + weight end."""
    weight = call.number("weight", 0.0)

    def share(value: object, factor: float) -> object:
        if not isinstance(value, Value):
            return factor * np.asarray(value)
        return multiply(replace(call, arguments={"self": value, "other": factor}, alone=False))

    first, second = share(call.get("self", call.get("input")), 1 - weight), share(call.get("end"), weight)
    return _add(replace(call, arguments={"self": first, "other": second}, alone=False))


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("sub", "subtract"), _subtract),
    **dict.fromkeys(("mul", "multiply"), multiply),
    **dict.fromkeys(("div", "divide", "true_divide"), _divide),
    **dict.fromkeys(("neg", "negative"), _negate),
    "add": _add,
    **dict.fromkeys(("addcdiv", "addcmul"), _add_product),
    "lerp": _interpolate,
    "rsub": _subtract_reversed,
}
"""Functions that add a call to the graph, by the name of its operation."""
