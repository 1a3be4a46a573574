"""Decode untrusted JSON: no duplicate keys, no NaN, bounded size, printable text."""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from spikelet.errors import BundleError
from spikelet.files.texts import check_text, texts

# Python needs up to 35 bytes of memory per byte of JSON, hence limits for both size and number of values.
MAX_BYTES = 2**21
MAX_VALUES = 2**17
MAX_KEY = 256
MAX_TEXT = 10_000
MAX_DIGITS = 40


def decode(member: str, content: bytes | memoryview) -> dict[str, object]:
    """Decode a JSON object.

    Args:
        member: Name of the member, for error messages.
        content: UTF-8 bytes.

    Raises:
        BundleError: The content is not UTF-8, not JSON or not an object, has a duplicate key, NaN, infinity, a number
            of more than 40 digits, control characters (newline and tab are among them), a text of more than 10,000
            characters, is nested deeper than 32 levels, or exceeds 2 MiB or 131,072 values.
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
            raw.decode("utf-8", "surrogatepass"),  # the check of texts names halves of surrogate pairs
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except (ValueError, RecursionError) as error:
        raise BundleError.at(member, f"not valid JSON ({error})") from None
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise BundleError.at(member, f"expected a JSON object, found {kind}", expected="a JSON object", found=kind)
    try:
        for text in texts(value):
            _check(member, value, text)
    except ValueError as error:
        raise BundleError(f"{member}: {error}") from None
    return value


def _check(member: str, value: object, text: str) -> None:
    """Raise BundleError, with its path, for a text of a decoded value that is too long or not printable."""
    try:
        check_text(text)
        if len(text) > MAX_TEXT:
            raise ValueError(f"has {len(text)} characters, expected at most {MAX_TEXT}")
    except ValueError as error:
        raise BundleError.at(_path(member, value, text), str(error)) from None


def _path(path: str, value: object, text: str) -> str:
    """Return the path of a text, which `value` contains."""
    if isinstance(value, dict):
        if text in value:
            return f"{path}: a key"
        for key, item in value.items():
            if _contains(item, text):
                return _path(f"{path}.{key}", item, text)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if _contains(item, text):
                return _path(f"{path}[{index}]", item, text)
    return path


def _contains(value: object, text: str) -> bool:
    if isinstance(value, dict):
        return text in value or any(_contains(item, text) for item in value.values())
    return any(_contains(item, text) for item in value) if isinstance(value, list) else value == text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        duplicate = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"duplicate key {duplicate[:MAX_KEY]!r}")
    for key in unique:
        if len(key) > MAX_KEY:
            raise ValueError(f"a key of {len(key)} characters, expected at most {MAX_KEY}")
    return unique


def _no_constant(text: str) -> NoReturn:
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
