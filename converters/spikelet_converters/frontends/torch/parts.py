"""Torch operations that assign to parts of a value, or of zeros, in the functional form of a program.

`t = zeros(…); t[:, :4] = x` is a copy of x into a slice of zeros, and a slice_scatter of the copy into the zeros.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.channels import check_along_channels, concatenated, selected
from spikelet_converters.frontends.layout import axes_of, sizes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import BATCH, Value


def _scattered(call: Call) -> Value:
    """Replace some of the channels of a value by others, or the numbers of zeros by pixels of a value."""
    x, other = call.get("self", call.get("input")), call.get("src")
    if call.kind == "slice_scatter" and isinstance(other, Value):
        start, end, step = _slice(call)
        if int(call.number("dim", 0)) == start == 0 and step == 1 and end >= BATCH:
            return other  # all samples
    if isinstance(x, Value):
        return _assigned(call, x, other)
    assert isinstance(x, np.ndarray)
    assert isinstance(other, Value)
    if call.kind == "select_scatter":  # gets the axis back that the index took
        size = list(x.shape[1:])
        size[int(call.number("dim", 0)) % x.ndim - 1] = 1
        other = call.builder.reshaped(f"{call.name}.part", call.where, [BATCH, *size], None, other)
    surrounded = _among_zeros(call, x, other)
    return _assigned(call, _of_numbers(call, x, other), other) if surrounded is None else surrounded


def _assigned(call: Call, x: Value, other: object) -> Value:
    axis = int(call.number("dim", 0)) % (len(sizes(x)) + 1)
    check_along_channels(call.where, "assigns", x, axis)
    replaced = np.arange(x.shape[0])[slice(*_slice(call))]
    part = selected(x, replaced)
    if isinstance(other, np.ndarray):
        numbers = np.expand_dims(other, axis) if call.kind == "select_scatter" else other
        other = _of_numbers(call, numbers, part)
    if isinstance(other, Value) and sizes(other) != sizes(part):  # without the axis of channels
        other = call.builder.reshaped(f"{call.name}.part", call.where, [BATCH, *sizes(part)], None, other)
    if not isinstance(other, Value):
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    pick = np.arange(x.shape[0])
    pick[replaced] = x.shape[0] + np.arange(len(replaced))
    return selected(concatenated(call.where, [x, other]), pick)


def _slice(call: Call) -> tuple[int, int, int]:
    if call.kind == "select_scatter":
        index = int(call.number("index", 0))
        return index, index + 1 or BATCH, 1
    defaults = (("start", 0), ("end", BATCH), ("step", 1))
    start, end, step = (int(call.number(name, default)) for name, default in defaults)
    return start, end, step


def _among_zeros(call: Call, zeros: object, x: Value) -> Value | None:
    """Return pixels of zeros of which a slice is a value, or None for another axis or other numbers."""
    if not isinstance(zeros, np.ndarray) or zeros.any():
        return None
    axis = int(call.number("dim", 0)) % zeros.ndim
    start, end, step = _slice(call)
    if step != 1 or axis == 0 or zeros.ndim != len(sizes(x)) + 1 or axes_of(x)[axis - 1] == 0:
        return None
    first, last, _ = slice(start, end).indices(zeros.shape[axis])
    pads = [(0, 0)] * len(sizes(x))
    pads[axis - 1] = first, zeros.shape[axis] - last
    return call.builder.surrounded(call.name, call.where, tuple(pads), x)


def _of_numbers(call: Call, numbers: object, like: Value) -> Value:
    """Return numbers as a value with the axes of another one."""
    if not isinstance(numbers, np.ndarray):
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    return call.builder.constant_like(f"{call.name}.constant", call.where, numbers, like)


def _copied(call: Call) -> Value:
    x, other = call.get("self", call.get("input")), call.get("src")
    size = sizes(x) if isinstance(x, Value) else x.shape[1:] if isinstance(x, np.ndarray) else None
    if not isinstance(other, Value) or sizes(other) != size:
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    return other


def _filled(call: Call) -> npt.NDArray[np.generic]:
    number = call.number("value", 0)
    return np.full((1, *sizes(call.x)), number, np.float32)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("select_scatter", "slice_scatter"), _scattered),
    "copy": _copied,
    **dict.fromkeys(("fill", "zero"), _filled),
}
"""Functions that add a call to the graph, by the name of its operation."""
