"""Write the wire format of Protocol Buffers: numbered fields of a message."""

from __future__ import annotations

import struct

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types
_ONE_BYTE = tuple(bytes([value]) for value in range(128))
# Tag and value, or tag and length, of the fields 0 to 15 with one byte each, by `number << 7 | value`: a model has
# thousands of them, and a bundle is read only after its model has been written again.
_INTEGERS = tuple(bytes([number << 3 | VARINT, value]) for number in range(16) for value in range(128))
_HEADERS = tuple(bytes([number << 3 | LENGTH, length]) for number in range(16) for length in range(128))


def varint(value: int) -> bytes:
    """Encode an integer of up to 64 bits with 7 bits per byte; a negative one as its two's complement.

    Examples:
        >>> varint(300).hex(), varint(-1).hex()
        ('ac02', 'ffffffffffffffffff01')
    """
    if 0 <= value < 128:  # most tags, lengths and numbers
        return _ONE_BYTE[value]
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(number: int, value: int) -> bytes:
    """Encode an integer field."""
    if 0 <= value < 128 and number < 16:
        return _INTEGERS[number << 7 | value]
    return _tag(number, VARINT) + varint(value)


def message(number: int, content: bytes) -> bytes:
    """Encode a field of bytes, such as an encoded message."""
    length = len(content)
    if length < 128 and number < 16:
        return _HEADERS[number << 7 | length] + content
    return header(number, length) + content


def header(number: int, length: int) -> bytes:
    """Encode the start of a field of bytes, which `length` bytes follow."""
    return _tag(number, LENGTH) + varint(length)


def text(number: int, value: str) -> bytes:
    """Encode a text field."""
    return message(number, value.encode())


def float32(number: int, value: float) -> bytes:
    """Encode a float32 field."""
    return _tag(number, FIXED32) + struct.pack("<f", value)


def float64(number: int, value: float) -> bytes:
    """Encode a float64 field."""
    return _tag(number, FIXED64) + struct.pack("<d", value)


def _tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)
