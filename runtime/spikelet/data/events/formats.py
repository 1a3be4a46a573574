"""Read Prophesee RAW files (EVT 2.0 and 3.0), and events in HDF5 files.

A RAW file is a text header, lines that begin with `%`, followed by words of 32 bits (EVT 2.0) or 16 bits (EVT 3.0); see
Prophesee's documentation. HDF5 files contain columns t, x, y, p, at the top level or in one group, as those of DSEC.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.data.events.header import header_lines
from spikelet.errors import CostError, DataError, MissingDependency
from spikelet.files.hdf5 import check_stored, members
from spikelet.files.reading import read_whole
from spikelet.limits import Limits

Column = npt.NDArray[np.generic]
Whole = npt.NDArray[np.int64]
RAW = (".raw",)
HDF5 = (".h5", ".hdf5")
SUFFIXES = (*RAW, *HDF5)
CD_OFF, CD_ON, TIME_HIGH_2 = 0, 1, 8  # types of words of EVT 2.0
ADDR_Y, ADDR_X, VECT_BASE_X, VECT_12, VECT_8, TIME_LOW, TIME_HIGH = 0, 2, 3, 4, 5, 6, 8  # of EVT 3.0
PER_WORD, PER_VECTOR = 150, 1500  # bytes of memory while words of EVT 3.0 are decoded, and of 12 events of a vector
MOST_DEPTH = 4  # nested groups of an HDF5 file


def read(path: Path) -> Mapping[str, Column]:
    """Read a RAW or HDF5 file as columns by name.

    Raises:
        DataError: The format is unknown, the file is damaged, or it has no events.
        MissingDependency: The file is HDF5, and h5py is not installed.
    """
    return raw(read_whole(path)) if path.suffix.lower() in RAW else _hdf5(path)


def raw(content: bytes) -> dict[str, Column]:
    """Decode a RAW file.

    Raises:
        DataError: The header does not name a known format, or a part of a word is missing.
    """
    header, body = _divided(content)
    version = header.get("evt") or header.get("format", "").partition(";")[0].removeprefix("EVT")
    if version in ("2.0", "2"):
        columns = _evt2(_words(body, np.dtype("<u4")))
    elif version in ("3.0", "3"):
        columns = _evt3(_words(body, np.dtype("<u2")))
    else:
        known = f"is EVT {version}" if version else "does not name its format (evt 2.0 or 3.0) in its header"
        raise DataError(f"{known}; expected EVT 2.0 or 3.0: export it as .csv or .hdf5 with the software of the camera")
    if not len(columns["t"]):
        raise DataError("contains no events")
    return columns


def _divided(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return the entries of the header, and the bytes after it."""
    header: dict[str, str] = {}
    start = 0
    for line, end in header_lines(content, b"%"):
        start = end
        key, _, value = line.decode("latin-1").strip().partition(" ")
        if key == "end":
            break
        header[key] = value.strip()
    return header, content[start:]


def _words(body: bytes, kind: np.dtype[Any]) -> Whole:
    if len(body) % kind.itemsize:
        raise DataError(f"expected words of {kind.itemsize} bytes, found {len(body)} bytes; is the file complete?")
    return np.frombuffer(body, kind).astype(np.int64)


def _evt2(words: Whole) -> dict[str, Column]:
    """Decode words of EVT 2.0.

    Bits of an event: 4 type (the polarity), 6 time, 11 column, 11 row. Bits of "time high": 4 type, 28 time.
    """
    kind = words >> 28
    is_high = kind == TIME_HIGH_2
    high = _unwrapped(words & 0xFFFFFFF, is_high, 2**28)
    event = _known(is_high) & ((kind == CD_OFF) | (kind == CD_ON))
    chosen = words[event]
    return {
        "t": high[event] << 6 | chosen >> 22 & 0x3F,
        "x": chosen >> 11 & 0x7FF,
        "y": chosen & 0x7FF,
        "p": kind[event],
    }


def _evt3(words: Whole) -> dict[str, Column]:
    """Decode words of EVT 3.0.

    4 bits are the type of a word. The other 12 bits are a row, a column with a polarity, a vector of 12 or 8 columns,
    or a part of the time.
    """
    kind, value = words >> 12, words & 0xFFF
    index = np.arange(len(words))
    is_high = kind == TIME_HIGH
    high = _unwrapped(value, is_high, 2**12)
    # the lower bits of the time count from 0 when the higher bits change; cameras also repeat these unchanged
    changed = is_high & np.diff(high, prepend=-1).astype(bool)
    low = np.where(_last(changed, index) > _last(kind == TIME_LOW, index), 0, _filled(value, kind == TIME_LOW))
    time, row = high << 12 | low, _filled(value & 0x7FF, kind == ADDR_Y)
    known = _known(is_high, kind == ADDR_Y)
    single = np.flatnonzero(known & (kind == ADDR_X))
    base = _filled(value, kind == VECT_BASE_X)
    width = np.where(kind == VECT_12, 12, np.where(kind == VECT_8, 8, 0)) * (known & _known(kind == VECT_BASE_X))
    before = np.cumsum(width) - width
    first = (base & 0x7FF) + before - _filled(before, kind == VECT_BASE_X)
    vectors = np.flatnonzero(width)
    Limits().check(f"events of {len(words):,} words", PER_WORD * len(words) + PER_VECTOR * len(vectors))
    bits = (value[vectors, None] >> np.arange(12) & 1) & (np.arange(12) < width[vectors, None])
    word, bit = np.nonzero(bits)
    at = np.concatenate([single, vectors[word]])
    columns = {
        "t": time[at],
        "x": np.concatenate([value[single] & 0x7FF, first[vectors[word]] + bit]),
        "y": row[at],
        "p": np.concatenate([value[single] >> 11, base[vectors[word]] >> 11]),
    }
    order = np.argsort(at, kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _known(*kinds: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return, for every word, whether a word of each kind precedes it; a recording may begin between them."""
    known: npt.NDArray[np.bool_] = np.logical_and.reduce([np.logical_or.accumulate(chosen) for chosen in kinds])
    return known


def _last(chosen: npt.NDArray[np.bool_], index: Whole) -> Whole:
    """Return, for every word, the index of the last chosen word up to it; -1 before the first."""
    return np.maximum.accumulate(np.where(chosen, index, -1)) if len(index) else index


def _filled(values: Whole, chosen: npt.NDArray[np.bool_]) -> Whole:
    """Return, for every word, the value of the last chosen word up to it; 0 before the first."""
    last = _last(chosen, np.arange(len(values)))
    return np.where(last < 0, 0, values[last]) if len(values) else values


def _unwrapped(values: Whole, chosen: npt.NDArray[np.bool_], size: int) -> Whole:
    """As `_filled`, for a counter that wraps around at `size`: add `size` after each wrap.

    A decrease by less than half of `size` is not a wrap: some cameras send a lower time once in a while.
    """
    steps = values[chosen]
    loops = np.concatenate([[0], np.cumsum(np.diff(steps) < -size // 2)])[: len(steps)]
    continued = np.zeros_like(values)
    continued[chosen] = steps + size * loops
    return _filled(continued, chosen)


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
