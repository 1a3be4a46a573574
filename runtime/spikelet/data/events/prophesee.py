"""Decode recordings of Prophesee cameras: DAT, and RAW in EVT 2.0 and 3.0.

Both begin with a text header, lines that begin with `%`. A RAW file then has words of 32 bits (EVT 2.0) or 16 bits
(EVT 3.0); see Prophesee's documentation.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.data.events.header import header_lines
from spikelet.errors import DataError
from spikelet.limits import Limits

Column = npt.NDArray[np.generic]
Whole = npt.NDArray[np.int64]
TRIGGER = 14  # type of the events in files of external triggers
CD_OFF, CD_ON, TIME_HIGH_2 = 0, 1, 8  # types of words of EVT 2.0
ADDR_Y, ADDR_X, VECT_BASE_X, VECT_12, VECT_8, TIME_LOW, TIME_HIGH = 0, 2, 3, 4, 5, 6, 8  # of EVT 3.0
PER_WORD, PER_VECTOR = 150, 1500  # bytes of memory while words of EVT 3.0 are decoded, and of 12 events of a vector


def dat(content: bytes) -> dict[str, Column]:
    """Decode a DAT file: lines that begin with `%`, two bytes (type and size of an event), and events of 32 + 32 bits.

    Raises:
        DataError: The file has another version or another kind of events, or is damaged.
    """
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
    events = np.frombuffer(body, "<u4").reshape(-1, 2).astype(np.int64)
    address = events[:, 1]
    return {"t": events[:, 0], "x": address & 0x3FFF, "y": address >> 14 & 0x3FFF, "p": address >> 28 & 1}


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
