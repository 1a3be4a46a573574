"""Read the JSON files that other commands write: results of validations, fault sweeps and studies."""

from __future__ import annotations

import json
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.text_file import read_text

MAX_DEPTH = 32  # levels of nesting


def read_object(path: Path) -> dict[str, object]:
    """Read a file that contains one JSON object.

    Raises:
        UsageError: The file cannot be read, is not JSON, contains another value, or is nested too deeply.
        CostError: The file needs more memory than the limit permits.
    """
    text = read_text(path, "JSON")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected one JSON object")
    if _depth(value) > MAX_DEPTH:
        raise UsageError(f"{path}: nested more than {MAX_DEPTH} levels deep")
    return value


def _depth(value: object) -> int:
    """Return the number of nested levels, without recursion; it stops above `MAX_DEPTH`."""
    level, values = 0, [value]
    while values and level <= MAX_DEPTH:
        containers = [
            list(item.values()) if isinstance(item, dict) else item for item in values if isinstance(item, dict | list)
        ]
        level += bool(containers)
        values = [item for container in containers for item in container]
    return level
