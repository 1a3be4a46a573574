"""Check the sizes that a file of torch.save states, before torch allocates them.

torch allocates what a pickle or a record of the archive states, also if the file does not hold it. The opcodes of the
pickles are followed as far as the stated sizes of storages; nothing is executed.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from spikelet.errors import ConversionError
from spikelet.limits import Limits, expanded_at_most

BYTES = {
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8), **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2), "ComplexDouble": 16,
    **dict.fromkeys(("Char", "Byte", "Bool", "Untyped", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), 1),
}  # fmt: skip
"""Bytes of an element, by name of the class of a storage without `Storage`."""

MOST_PICKLES = 5  # before the data of a file in the form before ZIP archives
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")


class _Storage(NamedTuple):
    key: object
    size: int


class BoundedFile(io.BufferedReader):
    """A file whose `read` never allocates more than the rest of the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes."""
        rest = max(self.size - self.tell(), 0)
        return super().read(rest if size is None or size < 0 else min(size, rest))


def check_sizes(path: Path) -> None:
    """Compare the stated sizes with those of the file.

    Raises:
        ConversionError: A size is beyond the file.
        CostError: A compressed archive needs more memory than the limit permits.
        Exception: A damaged file may raise any exception of `zipfile` and `pickletools`.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.stat().st_size)
        return
    with BoundedFile(path) as file:
        for _ in range(MOST_PICKLES):
            for storage in _storages(file):
                if not 0 <= storage.size <= file.size:
                    raise ConversionError(f"a storage of {storage.size:,} bytes, the file has {file.size:,}")


def _check_archive(archive: zipfile.ZipFile, size: int) -> None:
    sizes, expanded = {}, 0
    for member in archive.infolist():
        packed, stored = member.compress_type != zipfile.ZIP_STORED, member.compress_size
        if stored > size:  # zipfile allocates them, also for a record of 0 bytes
            raise ConversionError(f"a record states {stored:,} stored bytes, the file has {size:,}")
        if member.file_size > expanded_at_most(stored, packed):
            raise ConversionError(f"a record states {member.file_size:,} bytes, of which {stored:,} are stored")
        expanded += member.file_size if packed else 0
        sizes[member.filename] = member.file_size
    Limits().check("compressed records", expanded)
    for name in sizes:
        folder, _, last = name.rpartition("/")
        if last == "data.pkl":
            for storage in _storages(io.BytesIO(archive.read(name))):
                stored = sizes.get(f"{folder}/data/{storage.key}", 0)
                if not 0 <= storage.size <= stored:
                    raise ConversionError(f"storage {storage.key} states {storage.size:,} bytes, {stored:,} are stored")


def _storages(file: BinaryIO) -> Iterator[_Storage]:
    """Yield the storages that one pickle refers to: ("storage", class, key, device, elements) or one more, None."""
    values: list[object] = []
    memo: dict[object, object] = {}
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in _PUTS:
            memo[len(memo) if argument is None else argument] = values[-1] if values else None
        elif opcode.name in _GETS:
            values.append(memo.get(argument))
        elif opcode.name == "BINPERSID":
            yield _storage(values)
        elif not opcode.name.startswith("TUPLE"):
            values.append(argument)
        del values[:-8]


def _storage(values: list[object]) -> _Storage:
    fields = values[:-1] if values and values[-1] is None else values
    match fields[-5:]:
        case ["storage", str(kind), key, _, int(count)]:
            width = BYTES.get(kind.rpartition(" ")[2].removesuffix("Storage"))
            if width is not None:
                return _Storage(key, count * width)
    raise ConversionError("a storage whose size is not stated in the form of torch.save")
