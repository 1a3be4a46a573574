"""Decode the fields of untrusted Protocol Buffers messages, of permitted numbers only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from spikelet.errors import BundleError

MAX_FIELDS = 2**18

Value = int | memoryview


class UntrustedMessages:
    """The fields of the messages of one file, which have a limited number.

    Args:
        member: Name of the member of a bundle, for errors.
        permitted: Permitted fields by kind of message: number and name.
    """

    def __init__(self, member: str, permitted: Mapping[str, Mapping[int, str]]) -> None:
        self.member, self.permitted, self.left = member, permitted, MAX_FIELDS

    def refuse(self, problem: str) -> BundleError:
        """Return the error for content that spikelet does not write."""
        return BundleError.at(self.member, f"{problem}; spikelet writes no such thing")

    def one_of(self, values: list[Value], allowed: set[str] | frozenset[str], subject: str) -> str:
        """Return the last of the values of a field, which is one of the allowed texts."""
        text = self.text(values)
        if text not in allowed:
            raise self.refuse(f"{subject} {text!r}")
        return text

    def present(self, values: list[Value], problem: str) -> list[Value]:
        """Return the values of a required field."""
        if not values:
            raise self.refuse(problem)
        return values

    def text(self, values: list[Value]) -> str:
        """Return the last of the values of a field, or ""."""
        return self.texts(values)[-1] if values else ""

    def texts(self, values: list[Value]) -> list[str]:
        """Return all values of a field of texts."""
        texts = []
        for value in values:
            if isinstance(value, int) or len(value) > 256:
                raise self.refuse("a name that is none, or longer than 256 bytes")
            try:
                texts.append(str(value, "ascii"))
            except UnicodeDecodeError:
                raise self.refuse("a name that is not ASCII") from None
        return texts

    def number(self, values: list[Value], default: int) -> int:
        """Return the last of the values of a field, signed."""
        if any(not isinstance(value, int) for value in values):
            raise self.refuse("bytes in place of a number")
        return self.numbers(values)[-1] if values else default

    def numbers(self, values: list[Value]) -> list[int]:
        """Return all values of a field of whole numbers, signed; several may be packed into one."""
        numbers: list[int] = []
        for value in values:
            if isinstance(value, int):
                numbers.append(value)
                continue
            position = 0
            while position < len(value):
                self.count()
                number, position = self.varint(value, position)
                numbers.append(number)
        return [number - 2**64 if number >= 2**63 else number for number in numbers]

    def joined(self, values: list[Value], subject: str, last: bool = False) -> memoryview:
        """Return the content of a field that is not repeated.

        As in Protocol Buffers, the parts of a message are joined; with `last`, the last value counts (bytes).
        """
        parts = [value for value in values if isinstance(value, memoryview)]
        if len(parts) < len(values):
            raise self.refuse(f"a number in place of a {subject}")
        if last:
            parts = parts[-1:]
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def fields(self, content: Value, subject: str) -> defaultdict[int, list[Value]]:
        """Return the values of every field of a message by number. subject: a key of `permitted`."""
        if isinstance(content, int):
            raise self.refuse(f"a number in place of a {subject}")
        values: defaultdict[int, list[Value]] = defaultdict(list)
        permitted = self.permitted[subject]
        position, end = 0, len(content)
        while position < end:
            self.count()
            tag, position = self.varint(content, position)
            number, wire = tag >> 3, tag & 7
            value: Value
            value, position = self.varint(content, position)
            if wire != 0:
                start, position = position, position + value
                if wire != 2 or position > end:
                    raise BundleError.at(self.member, f"not an ONNX model (a {subject} is cut off or damaged)")
                value = content[start:position]
            if number not in permitted:
                raise self.refuse(f"field {number} in a {subject}")
            values[number].append(value)
        return values

    def count(self) -> None:
        """Count a field or a packed number."""
        self.left -= 1
        if self.left < 0:
            raise self.refuse(f"more than {MAX_FIELDS} fields")

    def varint(self, content: memoryview, position: int) -> tuple[int, int]:
        """Return the number at a position, modulo 2^64, and the position after it."""
        if position < len(content) and (value := content[position]) < 0x80:  # nearly every number has one byte
            return value, position + 1
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(content):
                break
            byte = content[position]
            value |= (byte & 0x7F) << shift
            position += 1
            if byte < 0x80:
                return value & (2**64 - 1), position
        raise BundleError.at(self.member, "not an ONNX model (a number is cut off)")
