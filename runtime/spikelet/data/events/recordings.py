"""Read recordings of event cameras as columns t, x, y, p.

| file | events |
|---|---|
| `.csv` | columns with a header |
| `.npz` | arrays t, x, y, p, or one structured array |
| `.npy` | a structured array with these fields, as tonic returns it |
| `.bin` | N-MNIST and N-Caltech101: 40 bits per event (Orchard et al., 2015) |
| `.dat` | Prophesee: 64 bits per event after a text header |
| `.raw` | Prophesee: EVT 2.0 and 3.0 |
| `.aedat`, `.aedat4` | iniVation: AEDAT 3.1, and AEDAT 4 with the package `aedat` |
| `.h5`, `.hdf5` | columns, at the top level or in a group, as in DSEC |

Other common names of columns are accepted: `ts`, `time` and `timestamp` for t, `pol` and `polarity` for p.
"""

from __future__ import annotations

import array
import csv
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.data.events import aedat, prophesee
from spikelet.data.names import visible
from spikelet.errors import CostError, DataError, MissingDependency
from spikelet.files.hdf5 import check_stored, members
from spikelet.files.numpy_file import read_numpy
from spikelet.files.reading import read_whole
from spikelet.files.substitute import refuse_substitute

Column = npt.NDArray[np.generic]
Columns = dict[str, Column]
FIELDS = ("t", "x", "y", "p")
NAMES = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
    "x": ("x", "xs", "col", "column"),
    "y": ("y", "ys", "row"),
    "p": ("p", "ps", "pol", "polarity", "polarities"),
}
HDF5 = (".h5", ".hdf5")
SUFFIXES = (".csv", ".npz", ".npy", ".bin", ".dat", *aedat.SUFFIXES, ".raw", *HDF5)
MOST_DEPTH = 4  # nested groups of an HDF5 file
OVERFLOW_ROW, OVERFLOW_TIME = 240, 2**13  # N-MNIST marks a wrap of its clock by an event in this row


def columns(path: Path) -> Columns | Column:
    """Read a recording.

    Returns:
        The columns t, x, y, p, or an array of frames.

    Raises:
        DataError: The format is unknown, the file is damaged, or a column is missing.
    """
    suffix = _suffix(path)
    refuse_substitute(path, DataError, "ZIP" if suffix in (".npz", ".npy") else None)
    try:
        reader = _READERS.get(suffix)
        if reader is not None:
            return _named(reader(path))
        arrays: Mapping[str, Column] = _csv(path) if suffix == ".csv" else _numpy(path)
        if len(arrays) == 1 and suffix != ".csv":
            only = next(iter(arrays.values()))
            fields = only.dtype.names
            if fields is None:
                return only
            arrays = {name: np.asarray(only[name]) for name in fields}  # type: ignore[call-overload]
        elif "frames" in arrays:
            return arrays["frames"]
        return _named(arrays)
    except DataError as error:
        raise error.locate(path) from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as events ({error})") from None


def is_recording(path: Path) -> bool:
    """Whether a file name has the suffix of a recording."""
    return path.suffix.lower() in SUFFIXES and visible(path)


def contains_events(path: Path) -> bool:
    """Whether a file contains events, or an array named `frames`; other arrays are images.

    Raises:
        DataError: A NumPy file is damaged.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        return is_recording(path)
    try:
        content = read_numpy(path)
    except DataError as error:
        raise error.locate(path) from None
    if isinstance(content, np.ndarray):
        return content.dtype.names is not None
    if "frames" in content or any(value.dtype.names is not None for value in content.values()):
        return True
    plain = {name.strip().casefold() for name in content}
    return all(plain.intersection(names) for names in NAMES.values())


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: expected events as {', '.join(SUFFIXES)} with {', '.join(FIELDS)}, or frames")
    return suffix


def _named(arrays: Mapping[str, Column]) -> Columns:
    """Return the columns under the names t, x, y, p."""
    plain = {name.strip().casefold(): value for name, value in arrays.items()}
    named: Columns = {}
    for field, names in NAMES.items():
        present = [name for name in names if name in plain]
        if len(present) > 1:
            raise DataError(f"has several columns for {field}: {', '.join(present)}; keep one of them")
        if present:
            named[field] = plain[present[0]]
    missing = [field for field in FIELDS if field not in named]
    if missing:
        raise DataError(f"has no {', '.join(missing)}; expected columns {', '.join(FIELDS)}, found {', '.join(arrays)}")
    return named


def _numpy(path: Path) -> dict[str, Column]:
    content = read_numpy(path)
    return {"frames": content} if isinstance(content, np.ndarray) else content


def _csv(path: Path) -> dict[str, Column]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        names = [name.strip() for name in next(rows, [])]
        values = array.array("d")  # 8 bytes per number; lists need ten times as much
        for row in rows:
            if row and len(row) < len(names):
                raise DataError(f"line {rows.line_num}: expected {len(names)} values, found {len(row)}")
            values.extend(map(float, row[: len(names)]))
    if not names:
        raise DataError("is empty; expected a line with the names of the columns")
    table = np.array(values).reshape(-1, len(names))
    return {name: table[:, i] for i, name in enumerate(names)}


def _n_mnist(content: bytes) -> Columns:
    """Decode events of 40 bits: 8 column, 8 row, 1 polarity, 23 time in microseconds."""
    if not content or len(content) % 5:
        raise DataError(f"expected events of 5 bytes, found {len(content)} bytes; is the file complete?")
    raw = np.frombuffer(content, np.uint8).reshape(-1, 5).astype(np.int64)
    time = (raw[:, 2] & 0x7F) << 16 | raw[:, 3] << 8 | raw[:, 4]
    wrapped = raw[:, 1] == OVERFLOW_ROW
    time = time + OVERFLOW_TIME * np.cumsum(wrapped)
    events = ~wrapped
    return {"t": time[events], "x": raw[events, 0], "y": raw[events, 1], "p": raw[events, 2] >> 7}


def _hdf5(path: Path) -> Mapping[str, Column]:
    """Read the columns at the top level of a file, or those of its group of events."""
    try:
        h5py: Any = importlib.import_module("h5py")
    except ModuleNotFoundError:
        raise MissingDependency("h5py", "events") from None
    try:
        with h5py.File(path, "r") as file:
            return _group(file, MOST_DEPTH)
    except (CostError, DataError):
        raise
    except Exception as error:  # h5py raises many types of errors
        raise DataError(f"not an HDF5 file of events that can be read ({error})") from None


def _group(group: Any, depth: int) -> Mapping[str, Column]:
    arrays, groups = members(group)
    tables = [value for value in arrays.values() if value.dtype.names]
    if len(tables) == 1:
        check_stored(tables)
        table = tables[0][()]
        return {field: np.asarray(table[field]) for field in table.dtype.names}
    chosen_arrays = {key: value for key, value in arrays.items() if value.ndim == 1 and value.shape[0] > 1}
    check_stored(chosen_arrays.values())
    columns = {key: np.asarray(value[()]) for key, value in chosen_arrays.items()}
    if len(columns) >= 4:
        longest = max(len(column) for column in columns.values())
        return {key: column for key, column in columns.items() if len(column) == longest}
    chosen = [value for key, value in groups.items() if key.casefold() in ("events", "cd")] or list(groups.values())
    if len(chosen) == 1 and depth:
        return _group(chosen[0], depth - 1)
    raise DataError(f"has no columns t, x, y, p: {group.name} contains {', '.join([*arrays, *groups]) or 'nothing'}")


_READERS: dict[str, Callable[[Path], Mapping[str, Column]]] = {
    ".bin": lambda path: _n_mnist(read_whole(path)),
    ".dat": lambda path: prophesee.dat(read_whole(path)),
    ".raw": lambda path: prophesee.raw(read_whole(path)),
    **dict.fromkeys(aedat.SUFFIXES, aedat.read),
    **dict.fromkeys(HDF5, _hdf5),
}
"""Readers of the formats of cameras and data sets, by suffix."""
