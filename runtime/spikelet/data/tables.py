"""Detect tables of labels beside images.

Such tables are not read, and without them the images would have no label or a wrong one.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from spikelet.errors import DataError

LABELS = ("label", "class", "category", "target", "species", "breed", "diagnosis")  # beginnings of names of columns
CHARACTERS = 2**16  # number of characters of a table that are read


def check_tables(folder: Path, images: Sequence[Path]) -> None:
    """Check that no table in a folder has labels of its images.

    Args:
        folder: The folder.
        images: Its images.

    Raises:
        DataError: There is a table with a column of labels and a column of the images' names.
    """
    names = {name for path in images for name in (path.name, path.stem)}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".csv", ".tsv") and path.is_file() and _labels(path, names):
            raise DataError(
                f"{path}: has labels of the images beside it; labels in a table are not read: move the images into one "
                "folder for each class, or save them with numpy.savez(…, images=…, labels=…)"
            )


def _labels(path: Path, names: set[str]) -> bool:
    """Return whether a table has a column of labels, and the name of an image near its beginning."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file.read(CHARACTERS).splitlines(), delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False  # not a table that states labels
    head = [cell.strip().casefold() for cell in rows[0]] if rows else []
    cells = {Path(cell.strip()).name for row in rows[1:] for cell in row}
    return any(cell.startswith(LABELS) for cell in head) and bool(cells & names)
