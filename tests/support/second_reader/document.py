"""The rules for JSON and for text that section "manifest.json" states."""

from __future__ import annotations

import json
import math
import unicodedata

from second_reader.refused import Refused, require

Object = dict[str, object]
DIRECTION = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def parse(content: memoryview, where: str) -> Object:
    """Parse the JSON object of a member or of a tensor header."""
    require(len(content) <= 2**21, "json", f"{where}: {len(content)} bytes")
    raw = bytes(content)
    require(sum(map(raw.count, (b",", b"[", b"{"))) <= 2**17, "json", f"{where}: too many values")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_int=_whole, parse_float=_number,
                           parse_constant=_constant)  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise Refused("json", f"{where}: {error}") from None
    require(isinstance(value, dict), "json", f"{where}: not an object")
    _check(value, 1, where)
    return value


def check_text(text: str, where: str, allowed: str = "", most: int = 10_000) -> None:
    """Refuse characters that control a terminal, break a line or change the direction of text."""
    require(len(text) <= most, "json", f"{where}: a text of {len(text)} characters")
    if text.isascii() and text.isprintable():
        return
    for character in set(text) - set(allowed):
        # Cc: control characters, Zl and Zp: line and paragraph separators, Cs: halves of surrogate pairs
        bad = unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or ord(character) in DIRECTION
        require(not bad, "json", f"{where}: character U+{ord(character):04X}")


def _check(value: object, level: int, where: str) -> None:
    require(level <= 32, "json", f"{where}: deeper than 32 levels")
    if isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, list):
        for item in value:
            _check(item, level + 1, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(key, where, most=256)
            _check(key, level + 1, where)
            _check(item, level + 1, where)


def _object(pairs: list[tuple[str, object]]) -> Object:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _whole(text: str) -> int:
    if len(text) > 40:
        raise ValueError(f"a whole number of {len(text)} characters")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is beyond float64")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
