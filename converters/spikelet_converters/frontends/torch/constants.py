"""Calls of a traced network whose results are constants: sizes of values, parameters, and functions of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.values import BATCH, Value


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
    if kind == "getattr":
        return {"shape": shape, "ndim": len(shape)}.get(str(args[1]))
    return None


def evaluated(where: str, step: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Return the result of a call whose arguments are numbers and constants."""
    values = fx.node.map_aggregate((args, kwargs), lambda v: torch.from_numpy(v) if isinstance(v, np.ndarray) else v)
    (args, kwargs) = values
    try:
        with torch.no_grad():
            function = step.target if callable(step.target) else getattr(args[0], str(step.target))
            result = function(*args, **kwargs) if callable(step.target) else function(*args[1:], **kwargs)
    except Exception as error:  # torch raises many types of errors
        pass_out_of_memory(error, where)
        raise ConversionError(f"{where}: computes a constant that cannot be evaluated ({one_line(error)})") from None
    return constant(result) if isinstance(result, torch.Tensor) else result


def constant(value: torch.Tensor) -> npt.NDArray[np.generic]:
    """Return a tensor of the network as an array."""
    array: npt.NDArray[np.generic] = value.detach().cpu().numpy()
    return array
