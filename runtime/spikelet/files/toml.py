"""Read TOML files: studies, hardware profiles, published results."""

from __future__ import annotations

import tomllib
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.decoded import Document


def read_toml(path: Path) -> Document:
    """Parse a TOML file.

    Raises:
        UsageError: The file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not a TOML file ({error})") from None
