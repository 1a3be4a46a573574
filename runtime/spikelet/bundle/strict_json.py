"""JSON as a file from somebody else has to be read: no duplicate keys, no NaN, bounded size, plain text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from spikelet.errors import BundleError

# Python needs up to 35 bytes of memory for a byte of JSON, so that size and number of values are bounded both.
MAX_BYTES = 2**21
MAX_VALUES = 2**17
MAX_DEPTH = 32
MAX_KEY = 256
MAX_DIGITS = 40
# What a terminal obeys instead of showing, what turns the order of text round, and halves of a character.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def decode(member: str, content: bytes | memoryview) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BundleError: not UTF-8, not JSON, not an object, a key that stands twice, NaN or infinity, a number of more
            than 40 digits, control characters, nested deeper than 32, or larger than 2 MB or 131,072 values.
    """
    if len(content) > MAX_BYTES:
        raise BundleError(f"{member}: {len(content)} bytes of JSON, expected at most {MAX_BYTES}")
    raw = bytes(content)
    # every value but the first of its list stands behind a comma, every list and object opens; those inside
    # strings are counted too, which only errs on the safe side
    values = raw.count(b",") + raw.count(b"[") + raw.count(b"{")
    if values > MAX_VALUES:
        raise BundleError(f"{member}: {values} values of JSON, expected at most {MAX_VALUES}")
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
        raise BundleError(f"{member}: not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise BundleError(f"{member}: expected a JSON object, found {type(value).__name__}")
    return value


def check_text(text: str) -> None:
    """Refuse text that a terminal would obey instead of showing. Raises ValueError."""
    odd = UNPRINTABLE.search(text)
    if odd is not None:
        raise ValueError(f"a text holds the character U+{ord(odd[0]):04X}, which cannot be shown")


def _texts(value: Any) -> Iterator[str]:
    """Every string in a value, keys too, level by level."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, str):
                yield each
            elif isinstance(each, dict):
                deeper += each
                deeper += each.values()
            elif isinstance(each, list):
                deeper += each
        if not deeper:
            return
        level = deeper
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice[:MAX_KEY]!r} stands twice")
    for key in found:
        if len(key) > MAX_KEY:
            raise ValueError(f"a key of {len(key)} characters, expected at most {MAX_KEY}")
    return found


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
