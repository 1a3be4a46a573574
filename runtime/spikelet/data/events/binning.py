"""Convert event-camera recordings, lists of events (t, x, y, p), to one frame per time-step."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.choices import Binning
from spikelet.data.events.recordings import FIELDS, Column, Columns, columns
from spikelet.data.pixels import as_float64
from spikelet.errors import DataError
from spikelet.limits import Limits
from spikelet.nodes import Shape
from spikelet.options import LARGEST

Float = npt.NDArray[np.float32]
MOST = 2**31 - 1  # magnitude of a coordinate and of a polarity


def frames(t: Column, x: Column, y: Column, p: Column, shape: Shape, steps: int, by: Binning = "time") -> Float:
    """Count events per pixel in `steps` bins.

    Args:
        t: (E,) times in any unit.
        x: (E,) columns.
        y: (E,) rows.
        p: (E,) polarity: a channel 0…C-1, where -1 means 0. Ignored if C is 1.
        shape: (C, H, W) of the network's input.
        steps: T, the number of frames.
        by: "time" for bins of equal duration, "count" for bins with equal numbers of events.

    Returns:
        (T, C, H, W) float32: number of events per pixel and time-step.

    Raises:
        DataError: The columns are not numeric or differ in length, there are no events, or an event lies outside the
            shape.
        CostError: The frames need more memory than the limit permits.
    """
    if len(shape) != 3:
        raise DataError(f"events: the network takes inputs of shape {shape}; events need (C, H, W)")
    needed = 4 * steps * math.prod(shape)
    Limits().check(f"events: frames of {steps:,} time-steps for inputs of shape {shape}", needed)
    columns = [np.asarray(column) for column in (t, x, y, p)]
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or columns[0].ndim != 1 or len(columns[0]) == 0:
        found = ", ".join(f"{name} {column.shape}" for name, column in zip(FIELDS, columns, strict=True))
        raise DataError(f"events: expected columns (E,) of one length above 0, found {found}")
    times = _times(columns[0])
    column, row, channel = (_whole(name, values) for name, values in zip(FIELDS[1:], columns[1:], strict=True))
    channel = np.zeros_like(channel) if shape[0] == 1 else np.where(channel < 0, 0, channel)
    indices = [channel, row, column]
    for name, index, size in zip(("p", "y", "x"), indices, shape, strict=True):
        if index.min() < 0 or index.max() >= size:
            raise DataError(
                f"events: {name} is {index.min()}…{index.max()}, the network takes 0…{size - 1} (shape {shape})"
            )
    if by == "count":
        bins = np.empty(len(times), np.int64)
        bins[np.argsort(times, kind="stable")] = np.arange(len(times)) * steps // len(times)
    else:
        span = times.max() - times.min()
        bins = np.minimum((times - times.min()) / (span if span > 0 else 1) * steps, steps - 1).astype(np.int64)
    counts = np.zeros((steps, *shape), np.float32)
    np.add.at(counts, (bins, *indices), 1)
    return counts


def _times(column: Column) -> npt.NDArray[np.float64]:
    """Return times as float64; whole numbers relative to the least of them.

    float64 has steps of 256 ns for nanoseconds since 1970, so that the difference is computed before the conversion.
    """
    values = _numbers("t", column)
    if column.dtype.kind not in "iu":
        return values
    differences = column - column.min()  # modulo 2^bits, which the unsigned type reverses
    relative: npt.NDArray[np.float64] = differences.view(f"u{column.dtype.itemsize}").astype(np.float64)
    return relative


def _numbers(name: str, column: Column) -> npt.NDArray[np.float64]:
    """Return a column as float64. Raises DataError for values other than real numbers of at most 2^64 in magnitude."""
    if column.dtype.kind not in "buif":
        raise DataError(f"events: {name}: expected numbers, found {column.dtype}")
    values = as_float64(column)
    if not (np.abs(values) <= LARGEST).all():
        raise DataError(f"events: {name}: a value is NaN, infinite or beyond 2^64")
    return values


def _whole(name: str, column: Column) -> npt.NDArray[np.int64]:
    """Return a column as int64. Raises DataError for values other than whole numbers of at most `MOST` in magnitude."""
    values = _numbers(name, column)
    if (values != np.floor(values)).any():
        raise DataError(f"events: {name} has values that are not whole numbers")
    if (np.abs(values) > MOST).any():
        raise DataError(f"events: {name}: expected at most {MOST:,}, found {values.min():g}…{values.max():g}")
    return values.astype(np.int64)


def read(path: Path, shape: Shape, steps: int, by: Binning = "time") -> Float:
    """Read a recording as frames (T, C, H, W) float32.

    Args:
        path: Events or frames, see `spikelet.data.events.recordings`.
        shape: (C, H, W) of the network's input.
        steps: T for events; frames keep their own T.
        by: "time" for bins of equal duration, "count" for bins with equal numbers of events.

    Raises:
        DataError: The format is unknown, a column is missing, or the recording does not fit the network.
        CostError: The frames, or a compressed recording, need more memory than the limit permits.
    """
    recording = columns(path)
    try:
        return binned(recording, shape, steps, by)
    except DataError as error:
        raise error.locate(path) from None


def binned(recording: Columns | Column, shape: Shape, steps: int, by: Binning = "time") -> Float:
    """Return the content of a recording, see `spikelet.data.events.recordings.columns`, as frames (T, C, H, W) float32.

    Args:
        recording: Columns of events, or frames.
        shape: (C, H, W) of the network's input.
        steps: T for events; frames keep their own T.
        by: Bins of equal "time", or of an equal number of events, "count".

    Raises:
        DataError: The recording does not fit the network.
        CostError: The frames need more memory than the limit permits.
    """
    if isinstance(recording, dict):
        t, x, y, p = (recording[name] for name in FIELDS)
        return frames(t, x, y, p, shape, steps, by)
    if recording.dtype.kind not in "buif" or recording.shape[1:] != shape or recording.size == 0:
        unnamed = recording.ndim == 2 and 4 in recording.shape
        remedy = "; name the columns of events: numpy.savez('events.npz', t=t, x=x, y=y, p=p)" if unnamed else ""
        raise DataError(
            f"expected frames (T, {', '.join(map(str, shape))}), found {recording.dtype} {recording.shape}{remedy}"
        )
    Limits().check(f"events: frames {recording.shape}", 4 * recording.size)
    if not (np.abs(as_float64(recording)) <= LARGEST).all():
        raise DataError("frames: a value is NaN, infinite or beyond 2^64")
    return recording.astype(np.float32)
