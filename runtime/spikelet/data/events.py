"""Convert event-camera recordings, lists of (t, x, y, p), to one frame per time-step."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError
from spikelet.nodes import Shape

FIELDS = ("t", "x", "y", "p")
Column = npt.NDArray[Any]


def frames(t: Column, x: Column, y: Column, p: Column, shape: Shape, steps: int) -> npt.NDArray[np.float32]:
    """Count events in `steps` time bins of equal length.

    Args:
        t: (E,) times in any unit.
        x: (E,) columns.
        y: (E,) rows.
        p: (E,) polarity: a channel 0…C-1, where -1 means 0. Ignored if C is 1.
        shape: (C, H, W) of the network's input.
        steps: T, the number of frames.

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
    span = times.max() - times.min()
    bins = np.minimum((times - times.min()) / (span if span > 0 else 1) * steps, steps - 1).astype(np.int64)
    counts = np.zeros((steps, *shape), np.float32)
    np.add.at(counts, (bins, *indices), 1)
    return counts


def read(path: Path, shape: Shape, steps: int) -> npt.NDArray[np.float32]:
    """Read a recording as frames (T, C, H, W) float32.

    Args:
        path: Events (`.csv` or `.npz` with columns t, x, y, p), or frames (`.npy`).
        shape: (C, H, W) of the network's input.
        steps: T for events; frames keep their own T.

    Raises:
        DataError: The format is unknown, a column is missing, or the recording does not fit the network.
    """
    if path.suffix == ".npy":
        return _frames(path, shape)
    if path.suffix not in (".csv", ".npz"):
        raise DataError(f"{path}: expected events as .csv or .npz with {', '.join(FIELDS)}, or frames as .npy")
    try:
        columns = _csv(path) if path.suffix == ".csv" else _npz(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as events ({error})") from None
    missing = [name for name in FIELDS if name not in columns]
    if missing:
        raise DataError(f"{path}: has no {', '.join(missing)}; expected columns {', '.join(FIELDS)}")
    try:
        t, x, y, p = (columns[name] for name in FIELDS)
        return frames(t, x, y, p, shape, steps)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _frames(path: Path, shape: Shape) -> npt.NDArray[np.float32]:
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a whole NumPy file of plain numbers ({error})") from None
    if stored.dtype.kind not in "buif" or stored.shape[1:] != shape or len(stored) == 0:
        raise DataError(
            f"{path}: expected frames (T, {', '.join(map(str, shape))}), found {stored.dtype} {stored.shape}"
        )
    frames: npt.NDArray[np.float32] = stored.astype(np.float32)
    return frames


def _npz(path: Path) -> dict[str, Column]:
    with path.open("rb") as file:
        loaded = np.load(file, allow_pickle=False)
        return {key: loaded[key] for key in loaded.files}


def _csv(path: Path) -> dict[str, Column]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        names = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = names
        table = [[float(row[name]) for name in names] for row in rows]
    array = np.array(table).reshape(-1, len(names))
    return {name: array[:, i] for i, name in enumerate(names)}
