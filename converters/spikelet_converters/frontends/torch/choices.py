"""Torch operations that compare values with numbers, and choose values by comparisons."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends import comparisons, masks, pieces
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import Factor, Value

_ABOVE = {"ge": True, "greater": True, "greater_equal": True, "gt": True, "heaviside": True}
_BELOW = {"le": False, "less": False, "less_equal": False, "lt": False}


def _compared(call: Call) -> Value:
    first, second = call.get("self", call.get("input")), call.get("other")
    above, reverse = {**_ABOVE, **_BELOW}[call.kind], isinstance(second, Value)
    x = second if isinstance(second, Value) else call.x
    if call.kind == "heaviside":
        call.get("values")  # at 0, where the choices of a rectifier are equal
    threshold = np.zeros(()) if call.kind == "heaviside" else call.per_channel("self" if reverse else "other", x)
    advice = ADVICE["gt"]
    if threshold is None or not call.builder.calibrate or (reverse and isinstance(first, Value)):
        raise ConversionError(f"{call.where}: {advice}")
    return comparisons.compared(call.where, x, threshold, above=above != reverse, advice=advice)


def _where(call: Call) -> Value:
    return _chosen(call, call.get("condition"), "self" if "self" in call.arguments else "input", "other")


def _masked_fill(call: Call) -> Value:
    return _chosen(call, call.get("mask"), "value", "self")


def _assigned(call: Call) -> Value:
    """Assign where a comparison holds, x[x < 0] = 0, or at constant indices along one axis."""
    if call.get("accumulate", False):
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    x, indices, other = call.get("self", call.get("input")), call.get("indices"), call.get("values")
    entries = list(indices) if isinstance(indices, tuple | list) else []
    if len(entries) == 1 and isinstance(entries[0], Value):
        return _chosen(call, entries[0], "values", "self")
    axes = [axis for axis, entry in enumerate(entries) if entry is not None]
    index = entries[axes[0]] if len(axes) == 1 else None
    match index, x, other:
        case np.ndarray(ndim=1), Value() | np.ndarray(), Value() | np.ndarray():
            return pieces.assigned(call.builder, call.name, call.where, x, {axes[0]: index}, other)
    raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")


def _chosen(call: Call, mask: object, held: str, other: str) -> Value:
    if isinstance(mask, np.ndarray):
        return _by_constants(call, mask, held, other)
    if not isinstance(mask, Value) or mask.compared is None:
        raise ConversionError(f"{call.where}: {ADVICE['where']}")
    choices = [_choice(call, name, mask.compared.value) for name in (held, other)]
    return comparisons.chosen(call.builder, call.name, call.where, mask, *choices)


def _by_constants(call: Call, mask: npt.NDArray[np.generic], held: str, other: str) -> Value:
    choices = [x if isinstance(x, Value) else np.asarray(x) for x in (call.get(held), call.get(other))]
    return masks.chosen(call.builder, call.name, call.where, mask, *choices, alone=call.alone)


def _choice(call: Call, name: str, x: Value) -> Value | Factor:
    choice = call.get(name)
    if isinstance(choice, Value):
        return choice
    numbers = call.per_channel(name, x)
    if numbers is None:
        raise ConversionError(f"{call.where}: {ADVICE['where']}")
    return numbers


def _inverted(call: Call) -> Value:
    if call.x.compared is None:
        raise ConversionError(f"{call.where}: {ADVICE['gt']}")
    return comparisons.inverted(call.builder, call.where, call.x)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys((*_ABOVE, *_BELOW), _compared),
    **dict.fromkeys(("bitwise_not", "logical_not"), _inverted),
    "index_put": _assigned,
    "masked_fill": _masked_fill,
    "where": _where,
}
"""Functions that add a call to the graph, by the name of its operation."""
