"""A file or folder of images or recordings with the options for reading it, as stored in the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spikelet.data.options import DEFAULTS, SPLITS, DataOptions, Split
from spikelet.errors import UsageError

CHOICES: tuple[Split, ...] = ("auto", *SPLITS)
Form = Literal["auto", "images", "time", "count"]
FORMS: dict[Form, str] = {
    "auto": "form: automatic",
    "images": "images",
    "time": "events, equal time",
    "count": "events, equal counts",
}
"""How data is read: by its content, as images, or as events in bins of equal time or of equal counts."""
DIALOG = "in the dialog (Ctrl+I)"
REMEDIES = (  # options of the command line in messages, and the lists of the dialog
    (r"give the value of white with --white", f"choose the value of white {DIALOG}"),
    (r"give its axes with --layout", f"choose its axes {DIALOG}"),
    (r"give --(?:layout|split) (\w+)", rf"choose \1 {DIALOG}"),
    (r"--layout (\w+) reads", r"the axes \1 read"),
)


@dataclass(frozen=True)
class DataFile:
    """Images or recordings that can be opened again.

    Attributes:
        path: File or folder.
        options: Axes of arrays, and the value of white.
        split: Split of data with several.
        form: Any of `FORMS`.
    """

    path: Path
    options: DataOptions = DEFAULTS
    split: Split = "auto"
    form: Form = "auto"

    def entry(self) -> list[object]:
        """Convert to an entry of the settings."""
        return [str(self.path.resolve()), self.options.layout, self.options.white, self.split, self.form]

    @classmethod
    def of_entry(cls, entry: object) -> DataFile | None:
        """Return the file of an entry of the settings, or None if the entry is none; older entries have no form."""
        if not isinstance(entry, list) or len(entry) not in (4, 5):
            return None
        path, layout, white, part, form_name = [*entry, "auto"][:5]
        split = next((split for split in CHOICES if split == part), None)
        form = next((form for form in FORMS if form == form_name), None)
        if not isinstance(path, str) or not path or split is None or form is None:
            return None
        try:
            return cls(Path(path), DataOptions(layout, white), split, form)
        except UsageError:
            return None

    @classmethod
    def latest(cls, entries: Sequence[object]) -> DataFile | None:
        """Return the first file of the recent images, or None."""
        return cls.of_entry(entries[0]) if entries else None

    @property
    def title(self) -> str:
        """Name for a menu, with the options that are not the defaults."""
        white = "" if self.options.white is None else f"white {self.options.white:g}"
        form = "" if self.form == "auto" else FORMS[self.form]
        parts = [part for part in (self.options.layout, white, self.split, form) if part not in ("auto", "")]
        return f"{self.path.name} ({', '.join(parts)})" if parts else self.path.name


def remedy_of_dialog(text: str) -> str:
    """Return a message of the readers with the lists of the dialog in place of the options of the command line."""
    for pattern, replacement in REMEDIES:
        text = re.sub(pattern, replacement, text)
    return text
