"""Order of files and folders, which of them are hidden, and names of splits."""

from __future__ import annotations

import re
from pathlib import Path

from spikelet.choices import Split

HIDDEN = (".", "__", "@", "$")  # .git, .ipynb_checkpoints, __MACOSX, @eaDir, $RECYCLE.BIN
# names of the folders and arrays of a split
SPLIT_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation"),
    "test": ("test", "testing"),
}
_DIGITS = re.compile(r"([0-9]+)")
Key = tuple[tuple[object, ...], str]


def natural_key(name: str) -> Key:
    """Return a sort key in which numbers are compared by value: 0, 1, 2, …, 10, 11.

    Examples:
        >>> sorted(["10", "2", "b", "1", "A"], key=natural_key)
        ['1', '2', '10', 'A', 'b']
    """
    parts: list[object] = []
    for index, part in enumerate(_DIGITS.split(name.casefold())):
        digits = part.lstrip("0")
        parts.append((len(digits), digits) if index % 2 else part)
    return tuple(parts), name


def visible(path: Path) -> bool:
    """Whether a file or folder is read: its name does not begin with `.`, `__`, `@` or `$`."""
    return not path.name.startswith(HIDDEN)
