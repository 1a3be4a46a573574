"""A picture from the clipboard, kept as a file so that it is read like any other."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Protocol

from spikelet.errors import DataError


class Saves(Protocol):
    """A picture that can write itself: QImage."""

    def save(self, name: str) -> bool:
        """Write to a file."""
        ...


_folder: list[tempfile.TemporaryDirectory[str]] = []


def keep(picture: Saves) -> Path:
    """A file with the picture; it goes when the program ends.

    Raises:
        DataError: it could not be written.
    """
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="spikelet-"))
        atexit.register(_folder[0].cleanup)
    path = Path(_folder[0].name) / "pasted picture.png"
    if not picture.save(str(path)):
        raise DataError(f"{path.name}: could not be kept in {path.parent}; is the disk full?")
    return path
