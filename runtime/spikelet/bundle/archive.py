"""The container of a bundle: a ZIP archive in one canonical form.

Members are stored uncompressed and aligned to 64 bytes, so that they can be memory-mapped. Dates, flags and
attributes are fixed. Any ZIP tool can read the archive, and equal members give identical bytes. The reader
recomputes all bytes outside the members' data from names, sizes and checksums, and rejects any difference before the
data is used: hidden bytes, overlaps, duplicates, links, comments, inconsistent headers.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from spikelet.errors import BundleError

ALIGNMENT = 64
MAX_MEMBERS = 32
NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}\.[a-z0-9]{1,16}")
Buffer = bytes | memoryview

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
ZIP64 = 2**32 - 1  # the size is stored in a ZIP64 field
ZIP64_ID = b"\x01\x00"  # id of the extra field with 64-bit sizes
EPOCH = 0x21  # 1 January 1980, the earliest date of the ZIP format
# Id of the extra field used for padding, as in Android's zipalign.
PADDING_ID = 0xD935
REMEDY = "get the file again, or write it again with spikelet"


class _Entry(NamedTuple):
    name: bytes
    crc: int
    size: int
    offset: int  # of the local header


def pack(members: Mapping[str, bytes]) -> list[bytes]:
    """Return the archive as a list of byte strings, to be concatenated.

    Raises:
        BundleError: A member's name is invalid, or a member is too large for a ZIP without 64-bit fields.
    """
    parts: list[bytes] = []
    entries = []
    offset = 0
    for name, data in members.items():
        _check_name(name)
        if len(data) >= 2**32 - 2**20:
            raise BundleError.at(f"member {name}", f"{len(data)} bytes are more than a bundle can contain")
        entry = _Entry(name.encode(), zlib.crc32(data), len(data), offset)
        header = _local(entry)
        parts += [header, data]
        entries.append(entry)
        offset += len(header) + len(data)
    parts.append(_directory(entries, offset))
    return parts


def unpack(buffer: Buffer) -> dict[str, memoryview]:
    """Check an archive, including checksums, and return its members by name, as views into `buffer`.

    Raises:
        BundleError: The archive is not in canonical form. The message names the member and the rule.
    """
    view = memoryview(buffer)
    if bytes(view[:4]) != b"PK\x03\x04":
        raise BundleError(
            "not a bundle: the file does not begin as a ZIP archive",
            expected="a ZIP archive",
        )
    entries: list[_Entry] = []
    members: dict[str, memoryview] = {}
    offset = 0
    while bytes(view[offset : offset + 4]) == b"PK\x03\x04":
        if len(entries) == MAX_MEMBERS:
            expected = f"at most {MAX_MEMBERS} members"
            raise BundleError(f"expected {expected}, found more", expected=expected)
        entry, start = _read_local(view, offset)
        name = entry.name.decode()
        if name in members:
            raise _refused(name, "is in the archive twice")
        members[name] = view[start : start + entry.size]
        entries.append(entry)
        offset = start + entry.size
    directory = _directory(entries, offset)
    if len(view) - offset != len(directory) or bytes(view[offset:]) != directory:
        raise BundleError(
            "the archive's directory does not match its members: the file was cut off, changed or re-packed by "
            f"another tool; {REMEDY}",
            remedy=REMEDY,
        )
    for entry in entries:
        if zlib.crc32(members[entry.name.decode()]) != entry.crc:
            raise _refused(entry.name.decode(), "its bytes were changed (checksum differs)")
    return members


def _read_local(view: memoryview, offset: int) -> tuple[_Entry, int]:
    """Return the entry whose local header is at `offset`, and the offset of its data."""
    if len(view) < offset + LOCAL.size:
        raise BundleError("the file ends inside a member's header; it was cut off")
    fields = LOCAL.unpack_from(view, offset)
    crc, stored, size, name_length, extra_length = fields[6:]
    raw = bytes(view[offset + LOCAL.size : offset + LOCAL.size + name_length])
    name = raw.decode("ascii", "replace")
    _check_name(name)
    start = offset + LOCAL.size + name_length + extra_length
    if size == ZIP64 or bytes(view[start - extra_length : start][:2]) == ZIP64_ID:
        raise _refused(name, "is packed as ZIP64; expected a bundle, found another kind of ZIP file")
    if stored == size and start + size > len(view):
        raise _refused(name, f"expected {size} bytes, but the file ends before; it was cut off")
    entry = _Entry(raw, crc, size, offset)
    if bytes(view[offset:start]) != _local(entry):
        reason = f"its header is not in the bundle's form (stored, aligned to {ALIGNMENT} bytes)"
        raise _refused(name, f"{reason}; it was changed or re-packed by another tool")
    return entry, start


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        expected = "a plain lower-case file name, without folders"
        raise BundleError.at(f"member {name!r}", f"expected {expected}", expected=expected, found=name)


def _refused(name: str, reason: str) -> BundleError:
    """Return the error for an invalid member."""
    return BundleError(f"member {name}: {reason}", where=name, reason=reason).within(name)


def _local(entry: _Entry) -> bytes:
    bare = entry.offset + LOCAL.size + len(entry.name) + 4
    padding = -bare % ALIGNMENT
    head = LOCAL.pack(
        b"PK\x03\x04", 20, 0, 0, 0, EPOCH, entry.crc, entry.size, entry.size, len(entry.name), 4 + padding
    )
    return head + entry.name + struct.pack("<2H", PADDING_ID, padding) + bytes(padding)


def _directory(entries: list[_Entry], offset: int) -> bytes:
    records = b"".join(
        CENTRAL.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, EPOCH, e.crc, e.size, e.size, len(e.name), 0, 0, 0, 0, 0, e.offset)
        + e.name
        for e in entries
    )
    count = len(entries)
    return records + END.pack(b"PK\x05\x06", 0, 0, count, count, len(records), offset, 0)
