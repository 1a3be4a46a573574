"""Event cameras: lists of (t, x, y, p) as frames, one a time-step."""

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
    """Events counted into frames, (T, C, H, W).

    t: (E,) times in any unit. x, y: (E,) columns and rows. p: (E,) polarity, a channel 0…C-1 (-1 and 1 mean 0 and 1
    where C is 2; with C = 1 it is left aside). shape: (C, H, W). The span of t is cut into `steps` equal bins.

    Raises:
        DataError: columns of different lengths, no events, or an event outside the shape.
    """
    if len(shape) != 3:
        raise DataError(f"events: the network takes inputs of shape {shape}; events fill (C, H, W)")
    columns = [np.asarray(each) for each in (t, x, y, p)]
    if len({len(each) for each in columns}) != 1 or len(columns[0]) == 0:
        lengths = ", ".join(f"{name} {len(each)}" for name, each in zip(FIELDS, columns, strict=True))
        raise DataError(f"events: expected columns of one length above 0, found {lengths}")
    times = columns[0].astype(np.float64)
    if not np.isfinite(times).all():
        raise DataError("events: a time is NaN or infinity")
    channel = columns[3].astype(np.int64)
    channel = np.zeros_like(channel) if shape[0] == 1 else np.where(channel < 0, 0, channel)
    places = [channel, columns[2].astype(np.int64), columns[1].astype(np.int64)]
    for name, place, size in zip(("p", "y", "x"), places, shape, strict=True):
        if place.min() < 0 or place.max() >= size:
            raise DataError(
                f"events: {name} is {place.min()}…{place.max()}, the network takes 0…{size - 1} (shape {shape})"
            )
    span = times.max() - times.min()
    bins = np.minimum((times - times.min()) / (span if span > 0 else 1) * steps, steps - 1).astype(np.int64)
    found = np.zeros((steps, *shape), np.float32)
    np.add.at(found, (bins, *places), 1)
    return found


def read(path: Path, shape: Shape, steps: int) -> npt.NDArray[np.float32]:
    """Frames (T, C, H, W) of a recording: events in `.csv` or `.npz`, or frames in `.npy`, whose T is kept.

    Raises:
        DataError: a file of no known kind, without the columns t, x, y, p, or that does not fit the network.
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
            found = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a whole NumPy file of plain numbers ({error})") from None
    if found.dtype.kind not in "buif" or found.shape[1:] != shape or len(found) == 0:
        raise DataError(f"{path}: expected frames (T, {', '.join(map(str, shape))}), found {found.dtype} {found.shape}")
    frames: npt.NDArray[np.float32] = found.astype(np.float32)
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
