"""Parcels: groups of files, packed into a few files of limited size.

A parcel is the concatenation of its parts NAME-1-of-N.parcel, NAME-2-of-N.parcel, …: the length of a header, the
header (JSON: path, lengths and digest of every file) and the files. A file is compressed as four byte planes, which
makes float32 tensors about 15% smaller, because the bytes of their exponents are adjacent.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spikelet.errors import DataError
from spikelet.files.atomic import replacing, write_files
from spikelet.files.decoded import Document

SUFFIX = ".parcel"
PART = re.compile(r"(?P<name>.+)-\d+-of-(?P<count>\d+)\.parcel")
PLANES = 4


@dataclass(frozen=True)
class Limits:
    """Largest number of parts, and of bytes in each."""

    parts: int
    size: int

    @property
    def total(self) -> int:
        """Largest number of bytes of a parcel."""
        return self.parts * self.size


NETWORKS = Limits(8, 16_000_000)
IMAGES = Limits(8, 60_000_000)

Group = Mapping[str, bytes]
"""Content of files by path in the parcel. A group is packed as a whole or not at all."""


def pack(groups: Mapping[str, Group], out: Path, name: str, limits: Limits = NETWORKS) -> list[str]:
    """Write a parcel of the groups that fit, in their order.

    Args:
        groups: Files by name of their group.
        out: Folder for the parts.
        name: Name of the parcel.
        limits: Number and size of the parts.

    Returns:
        Names of the packed groups. Without any, nothing is written.
    """
    entries: list[Document] = []
    content: list[bytes] = []
    packed: list[str] = []
    for group, files in groups.items():
        rows = [(path, data, _compress(data)) for path, data in files.items()]
        added: list[Document] = [
            {"path": path, "size": len(data), "packed": len(compressed), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data, compressed in rows
        ]
        size = len(_head([*entries, *added])) + sum(map(len, content)) + sum(len(compressed) for *_, compressed in rows)
        if size > limits.total:
            continue
        entries += added
        content += [compressed for *_, compressed in rows]
        packed.append(group)
    if not packed:
        return []
    stream = _head(entries) + b"".join(content)
    cuts = range(0, len(stream), limits.size)
    parts = {f"{name}-{i}-of-{len(cuts)}{SUFFIX}": stream[c : c + limits.size] for i, c in enumerate(cuts, 1)}
    write_files(out, parts)
    return packed


def read(parts: Sequence[Path]) -> dict[str, bytes]:
    """Return the files of one parcel by path.

    Args:
        parts: All parts of the parcel, in order.

    Raises:
        DataError: A part is missing or damaged.
    """
    first_part = parts[0]
    stream = b"".join(part.read_bytes() for part in parts)
    try:
        (length,) = struct.unpack_from("<Q", stream)
        entries: list[Document] = json.loads(stream[8 : 8 + length])
        files, start = {}, 8 + length
        for entry in entries:
            data = _expand(stream[start : start + entry["packed"]], entry["size"])
            start += entry["packed"]
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise DataError(f"{first_part}: {entry['path']} is damaged; fetch the parts again")
            files[_checked(entry["path"])] = data
    except (struct.error, ValueError, KeyError, TypeError, zlib.error) as error:
        raise DataError(f"{first_part}: not a whole parcel ({error}); fetch the parts again") from None
    return files


def find(folder: Path, complete: bool = True) -> dict[str, list[Path]]:
    """Return the parts of all parcels in a folder by name of the parcel, in order.

    Args:
        folder: The folder.
        complete: Refuse parcels with missing parts. Otherwise their paths are returned as well.

    Raises:
        DataError: A part of a parcel is missing.
    """
    parcels: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(f"*-of-*{SUFFIX}")):
        match = PART.fullmatch(path.name)
        if match is not None:
            name, count = match["name"], int(match["count"])
            parcels[name] = [folder / f"{name}-{i}-of-{count}{SUFFIX}" for i in range(1, count + 1)]
    missing = [part.name for parts in parcels.values() for part in parts if not part.is_file()]
    if missing and complete:
        raise DataError(f"{folder}: {', '.join(missing)}: missing part of a parcel; carry all of its parts")
    return parcels


def unpack(folder: Path, target: Path) -> list[str]:
    """Write the files of all parcels in a folder under `target`, and return their paths."""
    paths = []
    for parts in find(folder).values():
        for path, data in read(parts).items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(data)
            paths.append(path)
    return paths


def _head(entries: Sequence[Document]) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


def _compress(data: bytes) -> bytes:
    length = len(data) // PLANES * PLANES
    planes = b"".join(data[i:length:PLANES] for i in range(PLANES)) + data[length:]
    return zlib.compress(planes, 1)


def _expand(compressed: bytes, size: int) -> bytes:
    planes = zlib.decompress(compressed)
    if len(planes) != size:
        raise ValueError(f"a file has {len(planes)} bytes instead of {size}")
    length = size // PLANES
    data = bytearray(size)
    for i in range(PLANES):
        data[i : length * PLANES : PLANES] = planes[i * length : (i + 1) * length]
    data[length * PLANES :] = planes[length * PLANES :]
    return bytes(data)


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or ":" in path:
        raise ValueError(f"path {path!r} leads out of the folder")
    return path
