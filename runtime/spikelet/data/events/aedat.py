"""Read AEDAT recordings of iniVation cameras: AEDAT 3.1 directly, AEDAT 4 with the package `aedat`.

An AEDAT 3.1 file is a header of lines that begin with `#`, followed by packets. A packet has a header of 28 bytes (type
of the events, source, bytes per event, offset of the time, overflow of the time, capacity, number of events, number of
valid events) and its events. A polarity event has 32 bits of data (valid, polarity, 15 bits row, 15 bits column) and 31
bits of time in microseconds.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import struct
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.events.header import header_end
from spikelet.errors import DataError, MissingDependency
from spikelet.files.reading import read_whole
from spikelet.limits import Limits, size

Column = npt.NDArray[np.generic]
SUFFIXES = (".aedat", ".aedat4")
POLARITY = 1  # type of polarity events
HEADER = struct.Struct("<hhiiiiii")
CONVERT = "convert it with the software of the camera, or save its columns t, x, y, p as .npz"
END = b"#!END-HEADER"
SECONDS, BYTES_PER_SECOND = 60, 2**20  # most time for an AEDAT 4 file, and what is added for its size
INTERPRETER = 2**30  # bytes of address space of Python and NumPy
DECODER = """
import io, sys
import aedat
import numpy as np
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except (ImportError, ValueError, OSError):
    pass  # the system has no such limit
packets, streams = [], set()
for packet in aedat.Decoder(sys.argv[1]):
    if "events" in packet:
        packets.append(packet["events"])
        streams.add(packet["stream_id"])
def send(values):
    file = io.BytesIO()  # NumPy asks a file for its position, which a pipe does not have
    np.save(file, values)
    sys.stdout.buffer.write(file.getbuffer())
send(np.array(sorted(streams), np.int64))
for field in ("t", "x", "y", "on"):
    arrays = [np.asarray(packet[field]).astype(np.int64) for packet in packets]
    send(np.concatenate([np.zeros(0, np.int64), *arrays]))
"""


def read(path: Path) -> dict[str, Column]:
    """Read a recording as columns t, x, y, p.

    Raises:
        DataError: The file has another version, is damaged, or has no polarity events.
        MissingDependency: AEDAT 4 needs the package `aedat`, which is not installed.
    """
    with path.open("rb") as file:
        head = file.read(16)
    version = re.match(rb"#!AER-DAT(\d+\.\d+)", head)
    if version is None:
        raise DataError("does not begin with #!AER-DAT and a version; expected an AEDAT file")
    number = version[1].decode()
    if number.startswith("4"):
        columns = _version_4(path)
    elif number in ("3.0", "3.1"):
        columns = version_3(read_whole(path))
    else:
        raise DataError(
            f"is AEDAT {number}, in which the numbers of pixels depend on the camera; expected AEDAT 3.1 or 4: "
            f"{CONVERT}"
        )
    if not len(columns["t"]):
        raise DataError("contains no polarity events")
    return columns


def version_3(content: bytes) -> dict[str, Column]:
    """Decode an AEDAT 3.1 file.

    Raises:
        DataError: A part of a packet is missing.
    """
    start = _first_packet(content)
    data, times = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    sources = set()
    while start < len(content):
        if start + HEADER.size > len(content):
            raise DataError(f"ends inside the header of a packet, after {len(content):,} bytes; is the file complete?")
        kind, source, size, offset, overflow, _, number, _ = HEADER.unpack_from(content, start)
        start += HEADER.size
        if kind < 0:
            raise DataError("has compressed packets; expected packets of the format RAW: " + CONVERT)
        if number < 0 or size < 0 or start + number * size > len(content):
            raise DataError(f"ends inside a packet of {number} events of {size} bytes; is the file complete?")
        if kind == POLARITY:
            if size != 8 or offset != 4:
                raise DataError(f"has events of {size} bytes with their time at byte {offset}; expected 8 and 4")
            events = np.frombuffer(content, "<u4", 2 * number, start).reshape(-1, 2).astype(np.int64)
            valid = events[events[:, 0] & 1 == 1]
            sources.add(source)
            data.append(valid[:, 0])
            times.append(valid[:, 1] + (overflow << 31))
        start += number * size
    _check_one("sources", sources)
    address = np.concatenate(data)
    return {"t": np.concatenate(times), "x": address >> 17, "y": address >> 2 & 0x7FFF, "p": address >> 1 & 1}


def _check_one(name: str, numbers: Collection[int]) -> None:
    """Raise DataError for events of several sensors, or of one sensor before and after a filter."""
    if len(numbers) > 1:
        listed = ", ".join(map(str, sorted(numbers)))
        raise DataError(f"has events of several {name}, {listed}; expected those of one: {CONVERT}")


def _first_packet(content: bytes) -> int:
    """Return the position of the first packet."""
    end = content.find(END)
    return content.find(b"\n", end) + 1 if end >= 0 else header_end(content, b"#")


def _version_4(path: Path) -> dict[str, Column]:
    """Decode an AEDAT 4 file in another process.

    The package is compiled code that ends the process, or takes all memory, for some damaged files.
    """
    if importlib.util.find_spec("aedat") is None:
        raise MissingDependency("aedat", "aedat")
    memory = Limits().max_memory
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RUST_BACKTRACE": "0"}
    command = [sys.executable, "-c", DECODER, str(path.absolute()), str(memory + INTERPRETER)]
    seconds = SECONDS + path.stat().st_size // BYTES_PER_SECOND
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise DataError(f"not decoded by the package aedat within {seconds} s; the file may be damaged") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1].partition(": ")[2] or lines[-1] if lines else "no message"
        if done.returncode < 0:
            reason = f"the package aedat ended by signal {-done.returncode}, with at most {size(memory)} of memory"
        raise DataError(f"not an AEDAT 4 file that can be read ({reason[:200]})")
    stream = io.BytesIO(done.stdout)
    _check_one("streams", np.load(stream).tolist())
    return {name: np.load(stream) for name in ("t", "x", "y", "p")}
