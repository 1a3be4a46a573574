"""Read files that are decoded as a whole."""

from __future__ import annotations

from pathlib import Path

from spikelet.limits import Limits


def check_size(path: Path) -> None:
    """Raise CostError if a file is larger than the limit of memory."""
    Limits().check(str(path), path.stat().st_size)


def read_whole(path: Path) -> bytes:
    """Read a file.

    Raises:
        CostError: It is larger than the limit of memory.
        OSError: It cannot be read.
    """
    check_size(path)
    return path.read_bytes()
