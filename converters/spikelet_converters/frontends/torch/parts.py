"""Torch operations that assign to parts of a value, or of zeros, in the functional form of a program.

`t = zeros(…); t[:, :4] = x` is a copy of x into a slice of zeros, and a slice_scatter of the copy into the zeros.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends import pieces
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler, Result
from spikelet_converters.frontends.values import BATCH, Value


def _scattered(call: Call) -> Result:
    """Replace a slice of a value, or of constants, along one axis."""
    x, other = call.get("self", call.get("input")), call.get("src")
    if not isinstance(x, Value | np.ndarray) or not isinstance(other, Value | np.ndarray):
        raise ConversionError(f"{call.where}: {ADVICE[call.kind]}")
    size = sizes(x) if isinstance(x, Value) else x.shape[1:]
    axis = int(call.number("dim", 0)) % (len(size) + 1)
    start, end, step = _slice(call)
    if axis == start == 0 and step == 1 and end >= BATCH:
        return other  # all samples
    places = np.arange(size[axis - 1])[start:end:step]
    if call.kind == "select_scatter":  # gets the axis back that the index took
        if isinstance(other, Value):
            target = [BATCH, *size[: axis - 1], 1, *size[axis:]]
            other = call.builder.reshaped(f"{call.name}.part", call.where, target, None, other)
        else:
            other = np.expand_dims(other, axis)
    return pieces.assigned(call.builder, call.name, call.where, x, {axis: places}, other)


def _slice(call: Call) -> tuple[int, int, int]:
    if call.kind == "select_scatter":
        index = int(call.number("index", 0))
        return index, index + 1 or BATCH, 1
    defaults = (("start", 0), ("end", BATCH), ("step", 1))
    start, end, step = (int(call.number(name, default)) for name, default in defaults)
    return start, end, step


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
