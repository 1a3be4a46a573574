"""From what a user holds to what an engine takes, with every misfit refused in words."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.nodes import Shape

Layout = Literal["auto", "NCHW", "NHWC"]


def as_sequence(graph: Graph, value: Any, layout: Layout = "auto") -> npt.NDArray[Any]:
    """An input as time-steps of a batch: (T, N, *shape) in its own dtype, with T = 1 for constant input.

    value: one sample (*shape), a batch (N, *shape) or a sequence (T, N, *shape) of uint8 or any other real
        type. Images may be channel first or channel last; "auto" takes channel first where both would fit.
        Exact networks take whole numbers within the range of their input.

    Raises:
        DataError: a wrong shape, no samples, NaN, values out of range or not whole.
    """
    array = np.asarray(value)
    shape = graph.input.shape
    if array.dtype.kind not in "uif":
        raise DataError(f"input: expected numbers, found an array of {array.dtype}")
    array = _channel_first(array, shape, layout)
    if array.size == 0:
        raise DataError(f"input: expected one sample or more, found shape {array.shape}")
    array = array.reshape((1,) * (len(shape) + 2 - array.ndim) + array.shape)
    _check_values(graph, array)
    return array


def _channel_first(array: npt.NDArray[Any], shape: Shape, layout: Layout) -> npt.NDArray[Any]:
    axes = len(shape)
    if axes <= array.ndim <= axes + 2:
        found = array.shape[array.ndim - axes :]
        if found == shape and layout != "NHWC":
            return array
        if axes == 3 and found == (*shape[1:], shape[0]) and layout != "NCHW":
            return np.moveaxis(array, -1, -3)
    last = f" or, channel last, {(*shape[1:], shape[0])}" if axes == 3 else ""
    raise DataError(
        f"input: expected one sample of shape {shape}{last}, a batch (N, …) or a sequence (T, N, …) of them, "
        f"found {array.shape}"
    )


def _check_values(graph: Graph, array: npt.NDArray[Any]) -> None:
    low, high = graph.input.low, graph.input.high
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError("input: holds NaN or infinity")
        if graph.exact and (array != np.floor(array)).any():
            odd = array[array != np.floor(array)].flat[0]
            raise DataError(
                f"input: this network takes whole numbers {low}…{high}, found {odd:g}; "
                "images scaled to 0…1 have to be multiplied by 255 and rounded"
            )
    least, most = array.min(), array.max()
    if least < low or most > high:
        raise DataError(f"input: this network takes values {low}…{high}, found {least:g}…{most:g}")
