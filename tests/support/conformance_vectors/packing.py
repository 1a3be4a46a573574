"""Encoding of the members of a bundle: JSON, safetensors, ZIP. Nothing is checked, so that rules can be broken."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

Members = dict[str, bytes]
Entry = tuple[str, bytes]
CODES = {
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float32": "F32",
    "float64": "F64",
}


def safetensors(tensors: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """Return a safetensors member of the tensors, in their order."""
    header: dict[str, object] = {}
    data = b""
    for name, values in tensors.items():
        raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": CODES[values.dtype.name],
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    return with_header(header, data)


def with_header(header: Mapping[str, object] | bytes, data: bytes) -> bytes:
    """Return a safetensors member with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return len(text).to_bytes(8, "little") + text + data


def header_of(member: bytes) -> tuple[dict[str, dict[str, object]], bytes]:
    """Return the header and the data of a safetensors member."""
    end = 8 + int.from_bytes(member[:8], "little")
    return json.loads(member[8:end]), member[end:]


def fitted(members: Members, change: Callable[[dict], None] = lambda manifest: None) -> Members:
    """Update sizes and digests in the manifest, then change the manifest."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in members.items()
        if name != "manifest.json"
    }
    change(manifest)
    return members | {"manifest.json": json.dumps(manifest, indent=1, ensure_ascii=False).encode()}


def archive(entries: Iterable[Entry], comment: bytes = b"") -> bytes:
    """Return the canonical archive of members with any names."""
    content, central = b"", b""
    for name, data in entries:
        label, offset = name.encode("utf-8", "surrogatepass"), len(content)
        padding = -(offset + 34 + len(label)) % 64
        common = struct.pack("<4H3IH", 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(label))
        content += b"PK\x03\x04" + struct.pack("<H", 20) + common + struct.pack("<H", 4 + padding) + label
        content += struct.pack("<2H", 0xD935, padding) + bytes(padding) + data
        central += b"PK\x01\x02" + struct.pack("<2H", 20, 20) + common + struct.pack("<4H2I", 0, 0, 0, 0, 0, offset)
        central += label
    count = central.count(b"PK\x01\x02")
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(central), len(content), len(comment))
    return content + central + end + comment
