"""JSON as a file from somebody else has to be read: no duplicate keys, no NaN, bounded size."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from spikelet.errors import BundleError

MAX_BYTES = 2**22


def decode(member: str, content: bytes | memoryview) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BundleError: not UTF-8, not JSON, not an object, a key that stands twice, NaN or infinity,
            nested deeper than Python's parser goes, or larger than 4 MB.
    """
    if len(content) > MAX_BYTES:
        raise BundleError(f"{member}: {len(content)} bytes of JSON, expected at most {MAX_BYTES}")
    try:
        value = json.loads(
            bytes(content).decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{member}: not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise BundleError(f"{member}: expected a JSON object, found {type(value).__name__}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice!r} stands twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large")
    return value
