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
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.events import aedat, formats
from spikelet.data.events.header import header_lines
from spikelet.data.names import visible
from spikelet.errors import DataError
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
SUFFIXES = (".csv", ".npz", ".npy", ".bin", ".dat", *aedat.SUFFIXES, *formats.SUFFIXES)
TRIGGER = 14  # type of the events in Prophesee's files of external triggers
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


def _prophesee(content: bytes) -> Columns:
    """Decode lines that begin with `%`, two bytes (type and size of an event), and events of 32 + 32 bits."""
    lines = list(header_lines(content, b"%"))
    start = lines[-1][1] if lines else 0
    version = next((line.split()[1] for line, _ in lines if re.match(rb"\s*version\s+\d", line.lower())), b"2")
    if version in (b"0", b"1"):
        raise DataError(
            f"is DAT version {version.decode()}, with other bits for columns and rows; expected version 2: save its "
            "columns t, x, y, p as .npz"
        )
    if len(content) < start + 2 or content[start + 1] != 8:
        raise DataError("expected events of 8 bytes after the header")
    if content[start] == TRIGGER:
        raise DataError("contains triggers, not events of pixels; expected the file of the CD events beside it")
    body = content[start + 2 :]
    if not body or len(body) % 8:
        raise DataError(f"expected events of 8 bytes, found {len(body)} bytes; is the file complete?")
    raw = np.frombuffer(body, "<u4").reshape(-1, 2).astype(np.int64)
    address = raw[:, 1]
    return {"t": raw[:, 0], "x": address & 0x3FFF, "y": address >> 14 & 0x3FFF, "p": address >> 28 & 1}


_READERS: dict[str, Callable[[Path], Mapping[str, Column]]] = {
    ".bin": lambda path: _n_mnist(read_whole(path)),
    ".dat": lambda path: _prophesee(read_whole(path)),
    **dict.fromkeys(aedat.SUFFIXES, aedat.read),
    **dict.fromkeys(formats.SUFFIXES, formats.read),
}
"""Readers of the formats of cameras and data sets, by suffix."""
