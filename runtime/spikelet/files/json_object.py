"""Read the JSON files that other commands write: results of validations, fault sweeps and studies."""

from __future__ import annotations

import json
from pathlib import Path

from spikelet.display import UNPRINTABLE
from spikelet.errors import UsageError
from spikelet.files.text_file import read_text

MAX_DEPTH = 32  # levels of nesting


def read_object(path: Path) -> dict[str, object]:
    """Read a file that contains one JSON object.

    Raises:
        UsageError: The file cannot be read, is not JSON, contains another value, is nested too deeply, or has a text
            with characters that are not printable, other than newline and tab.
        CostError: The file needs more memory than the limit permits.
    """
    text = read_text(path, "JSON")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected one JSON object")
    _check(path, value)
    return value


def _check(path: Path, value: object) -> None:
    """Check the depth and every text of a value, level by level, without recursion."""
    values = [value]
    for level in range(MAX_DEPTH + 1):
        if level == MAX_DEPTH and any(isinstance(item, dict | list) for item in values):
            raise UsageError(f"{path}: nested more than {MAX_DEPTH} levels deep")
        deeper: list[object] = []
        for item in values:
            if isinstance(item, str):
                _check_text(path, item)
            elif isinstance(item, dict):
                deeper += item
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        values = deeper


def _check_text(path: Path, text: str) -> None:
    for match in UNPRINTABLE.finditer(text):
        if match[0] not in "\n\t":
            raise UsageError(f"{path}: a text contains U+{ord(match[0]):04X}; expected text without control characters")
