"""Section "The container": five stored members, and every other byte of the file computed from them."""

from __future__ import annotations

import zlib

from second_reader.refused import require

MEMBERS = ("manifest.json", "weights.safetensors", "step.onnx", "golden.safetensors", "card.md")
HEADER = 30


def split(content: memoryview) -> dict[str, memoryview]:
    """Return the data of the five members of a canonical archive."""
    require(1 <= len(content) <= 2**31, "container", f"{len(content)} bytes")
    members: dict[str, memoryview] = {}
    central, offset = b"", 0
    for name in MEMBERS:
        require(offset + HEADER <= len(content), "container", f"ends before {name}")
        # CRC-32 and size are read here; all other bytes of the header follow from them
        crc, size = (int.from_bytes(content[offset + at : offset + at + 4], "little") for at in (14, 18))
        padding = -(offset + HEADER + len(name) + 4) % 64
        begin = offset + HEADER + len(name) + 4 + padding
        common = shorts(0, 0, 0, 0x21) + longs(crc, size, size) + shorts(len(name))
        header = b"PK\x03\x04" + shorts(20) + common + shorts(4 + padding) + name.encode()
        header += shorts(0xD935, padding) + bytes(padding)
        require(bytes(content[offset:begin]) == header, "container", f"local header of {name}")
        require(begin + size <= len(content), "container", f"{name} is cut off")
        members[name] = content[begin : begin + size]
        require(zlib.crc32(members[name]) == crc, "container", f"CRC-32 of {name}")
        central += b"PK\x01\x02" + shorts(20, 20) + common + shorts(0, 0, 0, 0) + longs(0, offset) + name.encode()
        offset = begin + size
    end = b"PK\x05\x06" + shorts(0, 0, 5, 5) + longs(len(central), offset) + shorts(0)
    require(bytes(content[offset : offset + len(central) + len(end) + 1]) == central + end, "container", "directory")
    return members


def shorts(*numbers: int) -> bytes:
    """Return numbers as 16-bit fields."""
    return b"".join(number.to_bytes(2, "little") for number in numbers)


def longs(*numbers: int) -> bytes:
    """Return numbers as 32-bit fields."""
    return b"".join(number.to_bytes(4, "little") for number in numbers)
