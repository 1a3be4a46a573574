"""Casts to other types of numbers. Those of comparisons and pending roundings, and those to float32, change nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from spikelet.errors import ConversionError
from spikelet.nodes import IF, LIF
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import Value

_METHODS = {
    "bfloat16": torch.bfloat16, "bool": torch.bool, "byte": torch.uint8, "char": torch.int8, "double": torch.float64,
    "float": torch.float32, "half": torch.float16, "int": torch.int32, "long": torch.int64, "short": torch.int16,
}  # fmt: skip
CASTS = (*_METHODS, "_to_copy", "to", "type", "type_as")
"""Operations that cast values."""

_CLASSES = {
    "BFloat16Tensor": torch.bfloat16, "BoolTensor": torch.bool, "ByteTensor": torch.uint8, "CharTensor": torch.int8,
    "DoubleTensor": torch.float64, "FloatTensor": torch.float32, "HalfTensor": torch.float16,
    "IntTensor": torch.int32, "LongTensor": torch.int64, "ShortTensor": torch.int16,
}  # fmt: skip
_EXACT = (torch.float32, torch.float64)
_WIDE = (*_EXACT, torch.int32, torch.int64)  # that contain the whole numbers of a quantiser


def type_of(kind: str, arguments: Iterable[object]) -> torch.dtype:
    """Return the type to which a call casts, float32 for a call that states none.

    Args:
        kind: Name of the operation.
        arguments: The arguments other than the value: types, their names, devices, other values.
    """
    if kind in _METHODS:
        return _METHODS[kind]
    for argument in arguments:
        name = str(getattr(argument, "__name__", argument)).rpartition(".")[2]  # of torch.FloatTensor
        if isinstance(argument, torch.dtype):
            return argument
        if isinstance(argument, torch.Tensor | np.ndarray):
            return torch.as_tensor(argument).dtype
        if isinstance(argument, str | type) and name in _CLASSES:
            return _CLASSES[name]
        if argument in (bool, float, int):
            return {bool: torch.bool, float: torch.float64, int: torch.int64}[argument]
    return torch.float32


def is_exact(kind: str, arguments: Iterable[object]) -> bool:
    """Return whether a call casts to float32 or float64, so that no number is rounded. Arguments as for `type_of`."""
    return type_of(kind, arguments) in _EXACT


def check_type(call: Call) -> None:
    """Check that an operation with an argument `dtype` computes in float32 or float64.

    Raises:
        ConversionError: It casts values to another type.
    """
    _check(call, type_of(call.kind, [call.get("dtype")]))


def _check(call: Call, kind: torch.dtype) -> None:
    if kind not in _EXACT:
        raise ConversionError(f"{call.where}: casts to {kind}, which rounds; cast to float32, or leave it out")


def _cast(call: Call) -> Value:
    x = call.x
    others = [
        (torch.bool if value.compared else torch.float32) if isinstance(value, Value) else value
        for _, value in list(call.arguments.items())[1:]
    ]
    kind = type_of(call.kind, others)
    if x.compared is None and not (kind in _WIDE and (x.rounded is not None or _is_whole(call, x))):
        _check(call, kind)
    return x


def _is_whole(call: Call, x: Value) -> bool:
    """Return whether a value is a whole number: spikes, or multiples of the step of a quantiser."""
    if not isinstance(call.builder.nodes.get(x.node), IF | LIF) or x.node in call.builder.relus:
        return False
    numbers = np.append(x.channels() / call.builder.levels.get(x.node, 1), x.offsets())
    return bool(np.allclose(numbers, np.rint(numbers), atol=1e-6))


HANDLERS: dict[str, Handler] = dict.fromkeys(CASTS, _cast)
"""Functions that add a call to the graph, by the name of its operation."""
