"""Calls of a traced network whose results are constants: sizes of values, parameters, and functions of these."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import RANDOM
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.in_place import changed_argument
from spikelet_converters.frontends.values import BATCH, Value

_NEW = ("new_empty", "new_full", "new_ones", "new_zeros")
_LIKE = ("empty_like", "full_like", "ones_like", "rand_like", "randn_like", "zeros_like")
_BY_EXAMPLE = ("expand_as", "reshape_as", "to", "type_as", "view_as")
_EMPTY = ("empty", "empty_like", "new_empty")
_SIZED = ("empty", "expand", "full", "ones", "repeat", "tile", "zeros", *_NEW)


def attribute(network: nn.Module, path: str) -> torch.Tensor:
    """Return a parameter or buffer by its path, such as "block.weight"."""
    value: object = network
    for name in path.split("."):
        value = getattr(value, name)
    assert isinstance(value, torch.Tensor)
    return value


def size_of(kind: str, args: tuple[Any, ...]) -> object:
    """Return the result of a call for sizes of a value of the network, or None for another call."""
    if not args or not isinstance(args[0], Value):
        return None
    shape = (BATCH, *sizes(args[0]))
    if kind == "size":
        return shape[args[1]] if len(args) > 1 else shape
    if kind in ("dim", "ndimension"):
        return len(shape)
    if kind in ("numel", "nelement"):
        return math.prod(shape)
    if kind == "getattr":
        attributes = {"shape": shape, "ndim": len(shape), "device": torch.device("cpu"), "dtype": torch.float32}
        return attributes.get(str(args[1]))
    return None


def without_values(kind: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a call, with zeros for a value of which only the type or the sizes matter."""
    if kind in (*_NEW, *_LIKE) and args and isinstance(args[0], Value):
        return np.zeros((1, *sizes(args[0])), np.float32), *args[1:]
    if kind in _BY_EXAMPLE and len(args) == 2 and isinstance(args[0], np.ndarray) and isinstance(args[1], Value):
        return args[0], np.zeros((1, *sizes(args[1])), np.float32)
    return args


def evaluated(
    where: str, step: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any], batch: int | None = None
) -> object:
    """Return the result of a call whose arguments are numbers and constants.

    A tensor with the batch as its first size, such as `torch.zeros(len(x), 10)`, gets 1 in its place.
    """
    kind = name_of(getattr(step.target, "overloadpacket", step.target))
    if kind in RANDOM:
        raise ConversionError(f"{where}: {ADVICE[kind]}")

    numbers: list[int] = []

    def given(value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic):
            return torch.from_numpy(np.asarray(value))
        if type(value) is int and kind in _SIZED:
            numbers.append(value)
            return 1 if len(numbers) == 1 and value in (BATCH, batch) else value
        return value

    (args, kwargs) = fx.node.map_aggregate((args, kwargs), given)
    if changed_argument(step.target, args, kwargs) is not None:
        (args, kwargs) = fx.node.map_aggregate(
            (args, kwargs), lambda value: value.clone() if isinstance(value, torch.Tensor) else value
        )
    try:
        with torch.no_grad():
            function = step.target if callable(step.target) else getattr(args[0], str(step.target))
            result = function(*args, **kwargs) if callable(step.target) else function(*args[1:], **kwargs)
            if kind in _EMPTY:  # of any numbers, none of which is read
                result = torch.zeros_like(result)
    except Exception as error:  # torch raises many types of errors
        pass_out_of_memory(error, where)
        raise ConversionError(f"{where}: computes a constant that cannot be evaluated ({one_line(error)})") from None
    if isinstance(result, tuple | list) and any(isinstance(entry, torch.Tensor) for entry in result):
        return [constant(entry) if isinstance(entry, torch.Tensor) else entry for entry in result]
    return constant(result) if isinstance(result, torch.Tensor) else result


def constant(value: torch.Tensor) -> npt.NDArray[np.generic]:
    """Return a tensor of the network as an array."""
    array: npt.NDArray[np.generic] = value.detach().cpu().numpy()
    return array
