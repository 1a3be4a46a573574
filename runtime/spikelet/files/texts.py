"""The texts in documents that are not trusted: JSON, TOML, model cards."""

from __future__ import annotations

from collections.abc import Iterator

from spikelet.escapes import UNPRINTABLE

MAX_DEPTH = 32  # levels of nesting


def check_text(text: str, allowed: str = "") -> None:
    """Raise ValueError if the text contains characters that are not printable, except those in `allowed`."""
    if UNPRINTABLE.search(text) is None:
        return
    match = next((match for match in UNPRINTABLE.finditer(text) if match[0] not in allowed), None)
    if match is not None:
        raise ValueError(f"contains U+{ord(match[0]):04X}; expected text without control characters")


def texts(value: object) -> Iterator[str]:
    """Yield every text of a decoded JSON value, including keys, level by level.

    Raises:
        ValueError: The value is nested deeper than 32 levels.
    """
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
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
