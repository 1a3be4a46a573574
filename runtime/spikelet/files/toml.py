"""Read TOML files: studies, hardware profiles, published results."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.decoded import Document
from spikelet.files.reading import read_text

MAX_CHARACTERS = 2**20
MAX_PARTS = 32  # of a dotted key; the time of the parser grows with their square
_DOTTED = re.compile(r"[\w\"'-]+(?:[ \t]*\.[ \t]*[\w\"'-]+)*")


def read_toml(path: Path) -> Document:
    """Parse a TOML file.

    Raises:
        UsageError: The file cannot be read, is not TOML, has more than 2^20 characters or a key of more than 32 parts.
    """
    text = read_text(path, "TOML")
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"{path}: has {len(text):,} characters, expected at most {MAX_CHARACTERS:,}")
    parts = max((match[0].count(".") + 1 for match in _DOTTED.finditer(text)), default=1)
    if parts > MAX_PARTS:
        raise UsageError(f"{path}: has a dotted key of {parts:,} parts, expected at most {MAX_PARTS}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a ValueError: a number of too many digits
        raise UsageError(f"{path}: not a TOML file ({error})") from None
