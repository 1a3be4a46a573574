"""Read and write the safetensors format with NumPy.

Layout: 8 bytes little-endian header length; a JSON header {name: {dtype, shape, data_offsets}}; one buffer without
gaps or overlaps (https://github.com/huggingface/safetensors). Tensors are little-endian; decoded tensors are views
into the file's memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from spikelet.bundle import strict_json
from spikelet.errors import BundleError
from spikelet.nodes import Array

DTYPES = {"U8": "<u1", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}
MAX_AXES = 8
MAX_NUMBER = 2**32 - 1  # of a shape or an offset
CODES = {np.dtype(code): name for name, code in DTYPES.items()}


def encode(tensors: Mapping[str, Array]) -> bytes:
    """Encode tensors in the given order. The header is padded so that the data is aligned to 64 bytes."""
    header: dict[str, object] = {}
    parts = []
    offset = 0
    for name, value in tensors.items():
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        parts.append(little.tobytes())
        end = offset + len(parts[-1])
        header[name] = {
            "dtype": CODES[little.dtype],
            "shape": list(value.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def data_offsets(content: bytes | memoryview) -> dict[str, tuple[int, int]]:
    """Return (offset from the start, length) of every tensor, in bytes, for content that `decode` accepts."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]))
    return {
        name: (start + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
    }


def decode(member: str, content: bytes | memoryview) -> dict[str, Array]:
    """Decode the tensors of a safetensors member as read-only views into `content`.

    Raises:
        BundleError: The header is invalid, or a tensor lies outside the buffer, overlaps another, leaves a gap, or has
            an unsupported dtype or a wrong size.
    """
    view = memoryview(content)
    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > len(view) - 8:
        raise BundleError.at(member, f"declares a header of {length} bytes in a member of {len(view)}")
    if bytes(view[8 : 8 + length][:1]) != b"{":  # JSON alone would permit whitespace before it
        raise BundleError.at(member, "its header does not begin with {", expected="{")
    header = strict_json.decode(member, view[8 : 8 + length])
    data = view[8 + length :]
    tensors: dict[str, Array] = {}
    position = 0
    for name, entry in header.items():
        dtype, shape, begin, end = _entry(member, name, entry)
        if begin != position or end > len(data):
            raise BundleError.at(
                member,
                f"tensor {name} lies at {begin}…{end} of {len(data)} bytes, expected it to begin at "
                f"{position}: tensors may not overlap, leave gaps or reach outside",
            )
        size = dtype.itemsize
        for axis in shape:
            size *= axis
        if size != end - begin:
            raise BundleError.at(member, f"tensor {name} of {shape} needs {size} bytes, it has {end - begin}")
        native = np.frombuffer(data[begin:end], dtype).reshape(shape)
        tensors[name] = native.astype(dtype.newbyteorder("="), copy=False)
        position = end
    if position != len(data):
        raise BundleError.at(member, f"{len(data) - position} bytes at the end belong to no tensor")
    return tensors


def _entry(member: str, name: str, entry: object) -> tuple[np.dtype[np.generic], tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BundleError.at(member, f"tensor {name}: expected dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise BundleError.at(member, f"tensor {name}: expected a dtype of {', '.join(DTYPES)}, found {code!r}")
    if not _whole_numbers(shape) or len(shape) > MAX_AXES or not _whole_numbers(offsets) or len(offsets) != 2:
        raise BundleError.at(member, f"tensor {name}: shape or data_offsets are not lists of whole numbers")
    return np.dtype(DTYPES[code]), tuple(shape), offsets[0], offsets[1]


def _whole_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= MAX_NUMBER for item in value)
