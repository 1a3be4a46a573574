"""Convert event-camera recordings, lists of (t, x, y, p), to one frame per time-step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.choices import Binning
from spikelet.data.events.recordings import FIELDS, Column, columns
from spikelet.errors import DataError
from spikelet.nodes import Shape

Float = npt.NDArray[np.float32]


def frames(t: Column, x: Column, y: Column, p: Column, shape: Shape, steps: int, by: Binning = "time") -> Float:
    """Count events in `steps` bins.

    Args:
        t: (E,) times in any unit.
        x: (E,) columns.
        y: (E,) rows.
        p: (E,) polarity: a channel 0…C-1, where -1 means 0. Ignored if C is 1.
        shape: (C, H, W) of the network's input.
        steps: T, the number of frames.
        by: Bins of equal "time", or of an equal number of events, "count".

    Returns:
        (T, C, H, W) float32: number of events per pixel and time-step.

    Raises:
        DataError: The columns differ in length, there are no events, or an event lies outside the shape.
    """
    if len(shape) != 3:
        raise DataError(f"events: the network takes inputs of shape {shape}; events fill (C, H, W)")
    columns = [np.asarray(column) for column in (t, x, y, p)]
    if len({len(column) for column in columns}) != 1 or len(columns[0]) == 0:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in zip(FIELDS, columns, strict=True))
        raise DataError(f"events: expected columns of one length above 0, found {lengths}")
    for name, column in zip(FIELDS[1:], columns[1:], strict=True):
        if column.dtype.kind == "f" and not (np.isfinite(column).all() and (column == np.floor(column)).all()):
            raise DataError(f"events: {name} has values that are not whole numbers")
    times = columns[0].astype(np.float64)
    if not np.isfinite(times).all():
        raise DataError("events: a time is NaN or infinity")
    channel = columns[3].astype(np.int64)
    channel = np.zeros_like(channel) if shape[0] == 1 else np.where(channel < 0, 0, channel)
    indices = [channel, columns[2].astype(np.int64), columns[1].astype(np.int64)]
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


def read(path: Path, shape: Shape, steps: int, by: Binning = "time") -> Float:
    """Read a recording as frames (T, C, H, W) float32.

    Args:
        path: Events or frames, see `spikelet.data.events.recordings`.
        shape: (C, H, W) of the network's input.
        steps: T for events; frames keep their own T.
        by: Bins of equal "time", or of an equal number of events, "count".

    Raises:
        DataError: The format is unknown, a column is missing, or the recording does not fit the network.
    """
    recording = columns(path)
    try:
        if isinstance(recording, dict):
            t, x, y, p = (recording[name] for name in FIELDS)
            return frames(t, x, y, p, shape, steps, by)
        if recording.dtype.kind not in "buif" or recording.shape[1:] != shape or len(recording) == 0:
            raise DataError(
                f"expected frames (T, {', '.join(map(str, shape))}), found {recording.dtype} {recording.shape}"
            )
        return recording.astype(np.float32)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
