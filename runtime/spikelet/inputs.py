"""Validate user input and convert it to the engine's (T, N, …) layout."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.choices import DEFAULT_STEPS
from spikelet.errors import DataError, UsageError, translated
from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet.pictures import are_pictures, is_picture, pixels

BatchLayout = Literal["auto", "NCHW", "NHWC"]
BATCH_LAYOUTS = ("auto", "NCHW", "NHWC")
ENGINE_BATCH = 32  # samples per call of an engine
MAX_STEPS = 2**16  # of a run
MAX_STREAM = 2**28  # of a stream: the magnitudes of a float32 network are proven for as many
CHECKED = 2**20  # values that are checked at a time, so that the masks are small
Frame = npt.NDArray[np.float32]  # the input of one time-step, (N, *shape)
Values = npt.NDArray[np.generic]  # of a real dtype: integers or floating point


def as_sequence(graph: Graph, value: object, layout: BatchLayout = "auto") -> Values:
    """Return the input as a sequence (T, N, *shape) of unchanged dtype, with T = 1 for constant input.

    Args:
        graph: The network.
        value: One sample (*shape), a batch (N, *shape) or a sequence (T, N, *shape) of a real dtype; for a network of
            one channel also (H, W) and (N, H, W), for one of lines (C, 1, L) also (C, L) and (N, C, L). Or a Pillow
            image or a list of them. Exact networks require integer values within the range of their input.
        layout: "NCHW" or "NHWC"; "auto" prefers channel first where both are possible.

    Raises:
        DataError: Wrong shape, no samples, NaN, values out of range, or fractional values for an exact network.

    Examples:
        >>> import numpy as np
        >>> from spikelet import bundle, shipped
        >>> graph = bundle.read(shipped.demo()).graph
        >>> as_sequence(graph, np.zeros((5, 32, 32, 3), np.uint8)).shape
        (1, 5, 3, 32, 32)
    """
    options.choice("layout", layout, BATCH_LAYOUTS)
    options.instance("graph", graph, Graph)
    shape = graph.input.shape
    if is_picture(value):
        value, layout = pixels(value, shape), "NCHW"
    elif are_pictures(value):
        value, layout = np.stack([pixels(picture, shape) for picture in value]), "NCHW"
    if isinstance(value, str | os.PathLike):
        raise DataError(
            f"input: expected numbers or an image, found the path {os.fspath(value)!r}; open it, for example with "
            "PIL.Image.open, or read a data set with spikelet.data.read"
        )
    array = _array("input", value)
    if array.ndim == 0 and array.dtype.kind in "OSU":  # NumPy makes an array of any object
        expected, given = "numbers or an image", options.shown(value)
        raise DataError.at("input", f"expected {expected}, found {given}", expected=expected, found=given)
    if array.dtype.kind not in "uif":
        raise DataError(
            f"input: expected numbers, found an array of {array.dtype}; convert it, such as with "
            "array.astype('float32')"
        )
    array = _channel_first(array, shape, layout)
    if array.size == 0:
        raise DataError(f"input: expected one sample or more, found shape {array.shape}")
    array = array.reshape((1,) * (len(shape) + 2 - array.ndim) + array.shape)
    _check_values(graph, array)
    return array


def as_labels(labels: object, count: int, classes: int) -> npt.NDArray[np.int64]:
    """Return labels as (N,) int64.

    Raises:
        DataError: There are not `count` whole numbers, or one is not the index of one of the classes.
    """
    array = _array("labels", labels)
    if array.dtype.kind not in "ui" or array.shape != (count,):
        found = f"{array.dtype} {array.shape}"
        raise DataError.at("labels", f"expected {count} whole numbers, one per sample, found {found}", found=found)
    indices = array.astype(np.int64)  # of an integer beyond int64: a negative number
    wrong = array[(indices < 0) | (indices >= classes)]
    if wrong.size:
        expected = f"indices of classes, 0…{classes - 1}"
        raise DataError.at("labels", f"expected {expected}, found {wrong[0]}", expected=expected, found=str(wrong[0]))
    return indices


def _array(name: str, value: object) -> Values:
    """Convert to an array; any exception of NumPy or the object becomes a DataError."""
    options.unmasked(name, value)
    try:
        return np.asarray(value)
    except Exception as error:
        raise translated(error, f"{name}, converted to an array", DataError) from error


def resolve_steps(
    steps: int | None,
    length: int,
    limit: int | None,
    endless: bool = False,
    most: int = MAX_STEPS,
    default: int = DEFAULT_STEPS,
) -> int:
    """Validate the number of time-steps and apply the default.

    Args:
        steps: Number of time-steps, or None for the default, or the length of the sequence.
        length: Time-steps of the input sequence; 1 for constant input.
        limit: Time-steps within which the network is proven exact (`exact_steps`), or None.
        endless: Whether `steps` may exceed `limit`.
        most: Largest number of time-steps of any network.
        default: Time-steps of a constant input, see `Bundle.default_steps`.

    Raises:
        UsageError: `steps` is not a whole number, below 1, above `most`, not the length of the sequence, or beyond
            `limit`.
    """
    if steps is None:
        steps = default if length == 1 else length
    steps = options.whole("steps", steps, 1, most)
    if 1 < length != steps:
        raise UsageError(f"steps: the sequence has {length} time-steps, {steps} were requested")
    if limit is not None and steps > limit and not endless:
        raise beyond_exact_steps(steps, limit)
    return steps


def beyond_exact_steps(steps: int, limit: int) -> UsageError:
    """Return the error for more time-steps than are proven exact."""
    return UsageError(
        f"steps: {steps} requested, but this bundle is proven exact for {limit} "
        f"time-steps (exact_steps); use fewer steps, or convert with --steps {steps}"
    )


def _channel_first(array: Values, shape: Shape, layout: BatchLayout) -> Values:
    axes = len(shape)
    if axes <= array.ndim <= axes + 2:
        sample_shape = array.shape[array.ndim - axes :]
        if sample_shape == shape and layout != "NHWC":
            return array
        if axes == 3 and sample_shape == (*shape[1:], shape[0]) and layout != "NCHW":
            return np.moveaxis(array, -1, -3)
    if axes == 3 and shape[0] == 1 and array.shape[-2:] == shape[1:] and array.ndim in (2, 3):
        return np.expand_dims(array, -3)  # greyscale images without an axis of channels
    if axes == 3 and shape[1] == 1 and array.shape[-2:] == (shape[0], shape[2]) and array.ndim in (2, 3):
        return np.expand_dims(array, -2)  # lines (C, L), which a bundle keeps as images of one row
    alternatives = f" or, channel last, {(*shape[1:], shape[0])}" if axes == 3 else ""
    alternatives += f" or, without channels, {shape[1:]}" if axes == 3 and shape[0] == 1 else ""
    raise DataError(
        f"input: expected one sample of shape {shape}{alternatives}, a batch (N, …) or a sequence (T, N, …) of them, "
        f"found {array.shape}"
    )


def _check_values(graph: Graph, array: Values) -> None:
    if array.dtype == np.uint8 and graph.input.low <= 0 and graph.input.high >= 255:
        return  # an image of bytes, which are in range
    size = max(1, CHECKED // max(1, array[0, 0].size))
    for frame in array:
        for start in range(0, len(frame), size):
            _check_part(graph, frame[start : start + size])


def _check_part(graph: Graph, array: Values) -> None:
    low, high = graph.input.low, graph.input.high
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError("input: contains NaN or infinity")
        if graph.exact and (array != np.floor(array)).any():
            fractional = array[array != np.floor(array)].flat[0]
            raise DataError(
                f"input: this network takes whole numbers {low}…{high}, found {fractional:g}; "
                "multiply images scaled to 0…1 by 255 and round them"
            )
    least, most = array.min(), array.max()
    if least < low or most > high:
        raise DataError(f"input: this network takes values {low}…{high}, found {least:g}…{most:g}")
