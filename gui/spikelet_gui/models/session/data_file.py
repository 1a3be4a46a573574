"""A file or folder of images with the options for reading it, as stored in the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikelet.data.options import DEFAULTS, LAYOUTS, SPLITS, DataOptions, Split

CHOICES: tuple[Split, ...] = ("auto", *SPLITS)


@dataclass(frozen=True)
class DataFile:
    """Images that can be opened again.

    Attributes:
        path: File or folder.
        options: Axes of arrays, and the value of white.
        split: Split, for data with several splits.
    """

    path: Path
    options: DataOptions = DEFAULTS
    split: Split = "auto"

    def entry(self) -> list[object]:
        """Convert to an entry of the settings."""
        return [str(self.path.resolve()), self.options.layout, self.options.white, self.split]

    @classmethod
    def of_entry(cls, entry: object) -> DataFile | None:
        """Return the file of an entry of the settings, or None if the entry is invalid."""
        if not isinstance(entry, list) or len(entry) != 4:
            return None
        path, axes, white, part = entry
        layout = next((layout for layout in LAYOUTS if layout == axes), None)
        split = next((split for split in CHOICES if split == part), None)
        if not isinstance(path, str) or not path or layout is None or split is None:
            return None
        if white is not None and (type(white) not in (int, float) or not white > 0):
            return None
        return cls(Path(path), DataOptions(layout, None if white is None else float(white)), split)

    @classmethod
    def latest(cls, entries: Sequence[object]) -> DataFile | None:
        """Return the first file of the recent images, or None."""
        return cls.of_entry(entries[0]) if entries else None

    @property
    def title(self) -> str:
        """Name for a menu, with the options that are not the defaults."""
        white = "" if self.options.white is None else f"white {self.options.white:g}"
        parts = [part for part in (self.options.layout, white, self.split) if part not in ("auto", "")]
        return f"{self.path.name} ({', '.join(parts)})" if parts else self.path.name
