"""Store an image from the clipboard in a temporary file, so that it is read like any other file."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Protocol

from spikelet.errors import DataError


class Saves(Protocol):
    """An image that can be written to a file, such as QImage."""

    def save(self, name: str) -> bool:
        """Write to a file; return whether it was written."""
        ...


_folder: list[tempfile.TemporaryDirectory[str]] = []


def keep(picture: Saves) -> Path:
    """Write the image to a temporary file, which is deleted when the program ends.

    Raises:
        DataError: The file cannot be written.
    """
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="spikelet-"))
        atexit.register(_folder[0].cleanup)
    path = Path(_folder[0].name) / "pasted image.png"
    if not picture.save(str(path)):
        raise DataError.at(path.name, f"cannot be written to {path.parent}; is the disk full?")
    return path
