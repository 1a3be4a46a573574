"""Recognise Git LFS pointers: a clone without Git LFS contains one, of a few lines, in the place of each large file."""

from __future__ import annotations

from pathlib import Path

from spikelet.errors import SpikeletError

BEGIN = b"version https://git-lfs.github.com/spec/"
REMEDY = "run `git lfs pull` in its repository, or download the file itself"
POINTER = f"is a Git LFS pointer, not the file that it stands for; {REMEDY}"


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer; False for one that cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(len(BEGIN)) == BEGIN
    except OSError:
        return False


def refuse_pointer(path: Path, kind: type[SpikeletError]) -> None:
    """Raise an error of type `kind` if a file is a pointer."""
    if is_pointer(path):
        raise kind.at(str(path), POINTER, found="a Git LFS pointer", remedy=REMEDY)
