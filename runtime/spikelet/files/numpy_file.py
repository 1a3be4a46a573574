"""Read untrusted NumPy files, `.npy` and `.npz`.

`numpy.load` allocates the size that a header declares before it reads, and passes on exceptions of the tokenizer, zlib
and zipfile. Here the declared size is first compared with that of the file or member, and any damage is a DataError.
"""

from __future__ import annotations

import math
import sys
import zipfile
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from spikelet.errors import CostError, DataError, pass_out_of_memory
from spikelet.files.substitute import substitute_of
from spikelet.limits import Limits, expanded_at_most

MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"
PART = 2**22  # bytes that are read at a time
MOST_REASON = 200  # characters of another package's message
Values = npt.NDArray[np.generic]


def read_numpy(path: Path) -> Values | dict[str, Values]:
    """Return the array of a `.npy` file, or the arrays of an `.npz` file by name. The content decides which it is.

    Pickled objects are refused. Members of an archive that are not arrays are ignored.

    Raises:
        DataError: The file cannot be read, is damaged, or contains other values than numbers and texts. The
            message does not name the file, see `DataError.locate`.
        CostError: Compressed arrays need more memory than the limit permits.
        OutOfMemory: The system has no memory left for an array that the file does contain.
    """
    substitute = substitute_of(path, "ZIP")
    if substitute is not None:
        raise DataError(substitute.reason)
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            file.seek(0)
            if not start.startswith(ZIP_MAGIC):
                return _array(file, path.stat().st_size)
            with zipfile.ZipFile(file) as archive:
                return _members(archive)
    except CostError as error:
        raise error.locate(path) from None
    except Exception as error:  # tokenize, zlib, zipfile and NumPy raise errors of many types
        pass_out_of_memory(error, str(path))
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"cannot be read ({error.strerror})") from None
        reason = error.reason if isinstance(error, DataError) else _first_line(error)
        raise DataError(f"not a complete NumPy file of plain numbers ({reason})") from None


def _members(archive: zipfile.ZipFile) -> dict[str, Values]:
    arrays: dict[str, Values] = {}
    expanded = 0  # bytes of the arrays that were compressed
    for member in archive.infolist():
        with archive.open(member) as file:
            if file.read(len(MAGIC)) == MAGIC:
                file.seek(0)
                packed = member.compress_type != zipfile.ZIP_STORED
                size = min(member.file_size, expanded_at_most(member.compress_size, packed))
                array = _array(cast("BufferedIOBase", file), size, expanded if packed else None)
                expanded += array.nbytes if packed else 0
                arrays[member.filename.removesuffix(".npy")] = array
    return arrays


def _array(file: BufferedIOBase, size: int, expanded: int | None = None) -> Values:
    """Read one array from a stream of `size` bytes.

    expanded: Bytes of the compressed arrays read before it; None if the stream is not compressed.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"version {version[0]}.{version[1]} of the format; expected 1.0 or 2.0")
    form = np.lib.format
    read_header = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    shape, by_columns, dtype = read_header(file)
    if dtype.hasobject or dtype.itemsize == 0:
        raise DataError(f"values of {dtype}; expected numbers or texts")
    if not all(type(axis) is int and axis >= 0 for axis in shape):
        raise DataError(f"a shape of {shape}")
    count = math.prod(shape)
    if count * dtype.itemsize > size - file.tell():
        raise DataError(f"{shape} of {dtype} are {count * dtype.itemsize} bytes, found {size - file.tell()}")
    if expanded is not None:
        Limits().check(f"compressed arrays, up to one {shape} of {dtype}", expanded + count * dtype.itemsize)
    array = np.empty(count, dtype)
    content = memoryview(array.view(np.uint8))  # type: ignore[arg-type]
    for start in range(0, len(content), PART):
        part = content[start : start + PART]
        if file.readinto(part) < len(part):
            raise DataError("it ends early")
    _check_texts(array)
    return array.reshape(shape, order="F" if by_columns else "C")


def _check_texts(array: npt.NDArray[Any]) -> None:
    """Raise DataError if a text contains a code that is not a character: NumPy cannot convert it to str."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            _check_texts(array[name])
    elif array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        invalid = codes[(codes > sys.maxunicode) | ((codes >= 0xD800) & (codes <= 0xDFFF))]
        if invalid.size:
            raise DataError(f"a text contains {invalid[0]:#x}, which is not a character")


def _first_line(error: Exception) -> str:
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    return text if len(text) <= MOST_REASON else f"{text[:MOST_REASON]}…"
