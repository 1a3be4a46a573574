"""Write scalars as event files of TensorBoard, without the package `tensorboard`.

A file is a sequence of records: the length of an event (8 bytes), its checksum, the event, and its checksum. Checksums
are CRC-32C, masked as in TFRecord files. An event is a message of protobuf with these fields (event.proto and
summary.proto of TensorFlow): wall_time 1, step 2, file_version 3, summary 5, session_log 7; a value of a summary has
tag 1 and simple_value 2.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from spikelet.files.protobuf import float32, float64, integer, message, text

VERSION = "brain.Event:2"
START = 1  # status of a session log: earlier files are discarded from its step on
POLYNOMIAL = 0x82F63B78  # of CRC-32C, bits reversed
MASK = 0xA282EAD8


class EventFile:
    """An event file, to which steps are appended.

    Args:
        folder: Folder of the file, created if it is missing. A new file is created beside existing ones.
        first: First step that will be written. TensorBoard discards it and later steps of earlier files.
    """

    def __init__(self, folder: Path, first: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns() // 10**9}.spikelet.{first}"
        self._append(text(3, VERSION))
        self._append(integer(2, first) + message(7, integer(1, START)))

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append the values of one step.

        Args:
            step: Number of the step, such as the epoch.
            scalars: Values by name; slashes in a name make groups.
        """
        values = b"".join(message(1, text(1, name) + float32(2, value)) for name, value in scalars.items())
        self._append(integer(2, step) + message(5, values))

    def _append(self, content: bytes) -> None:
        event = float64(1, time.time()) + content
        with self.path.open("ab") as file:
            file.write(record(event))


def record(event: bytes) -> bytes:
    """Return the record of an event."""
    length = struct.pack("<Q", len(event))
    return length + struct.pack("<I", masked(crc32c(length))) + event + struct.pack("<I", masked(crc32c(event)))


def crc32c(content: bytes) -> int:
    """Return the checksum CRC-32C (Castagnoli).

    Examples:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    table, value = _table(), 0xFFFFFFFF
    for byte in content:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """Return the stored form of a checksum, so that data that contain checksums have no special checksum."""
    rotated = (checksum >> 15) | (checksum << 17)
    return (rotated + MASK) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        rows.append(value)
    return tuple(rows)
