"""Read the JSON files that other commands write: results of validations, fault sweeps and studies."""

from __future__ import annotations

import json
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.reading import read_text
from spikelet.files.texts import check_text, texts


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
    try:
        for item in texts(value):
            check_text(item, "\n\t")
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return value
