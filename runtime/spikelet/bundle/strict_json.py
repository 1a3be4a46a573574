"""Decode untrusted JSON: no duplicate keys, no NaN, bounded size, printable text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from spikelet.errors import BundleError

# Python needs up to 35 bytes of memory per byte of JSON, hence limits for both size and number of values.
MAX_BYTES = 2**21
MAX_VALUES = 2**17
MAX_DEPTH = 32
MAX_KEY = 256
MAX_TEXT = 10_000
MAX_DIGITS = 40
# Control characters, bidirectional overrides and lone surrogates.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def decode(member: str, content: bytes | memoryview) -> dict[str, Any]:
    """Decode a JSON object.

    Args:
        member: Name of the member, for error messages.
        content: UTF-8 bytes.

    Raises:
        BundleError: The content is not UTF-8, not JSON or not an object, has a duplicate key, NaN, infinity, a number
            of more than 40 digits or control characters, is nested deeper than 32 levels, or exceeds 2 MiB or 131,072
            values.
    """
    if len(content) > MAX_BYTES:
        raise BundleError.at(
            member,
            f"{len(content)} bytes of JSON, expected at most {MAX_BYTES}",
            expected=f"at most {MAX_BYTES} bytes",
            found=f"{len(content)} bytes",
        )
    raw = bytes(content)
    # upper bound of the number of values: one per comma, list and object; characters inside strings are counted too
    values = raw.count(b",") + raw.count(b"[") + raw.count(b"{")
    if values > MAX_VALUES:
        raise BundleError.at(
            member,
            f"{values} values of JSON, expected at most {MAX_VALUES}",
            expected=f"at most {MAX_VALUES} values",
            found=f"{values} values",
        )
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
        for text in _texts(value):
            check_text(text)
    except (ValueError, RecursionError) as error:
        raise BundleError.at(member, f"not valid JSON ({error})") from None
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise BundleError.at(member, f"expected a JSON object, found {kind}", expected="a JSON object", found=kind)
    return value


def check_text(text: str) -> None:
    """Raise ValueError if the text contains characters that are not printable."""
    match = UNPRINTABLE.search(text)
    if match is not None:
        raise ValueError(f"a text holds the character U+{ord(match[0]):04X}, which cannot be shown")


def _texts(value: object) -> Iterator[str]:
    """Yield every string of a value, including keys, level by level."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                deeper += item
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        if not deeper:
            return
        level = deeper
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        duplicate = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"duplicate key {duplicate[:MAX_KEY]!r}")
    for key in unique:
        if len(key) > MAX_KEY:
            raise ValueError(f"a key of {len(key)} characters, expected at most {MAX_KEY}")
    return unique


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits, expected at most {MAX_DIGITS}")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large")
    return value
