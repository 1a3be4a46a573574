"""A list of facts: names on the left, values on the right, with headings."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from spikelet_gui.views.widgets.layouts import clear
from spikelet_gui.views.widgets.text import label

Groups = Sequence[tuple[str, Sequence[tuple[str, str]]]]
SHORT = 24  # largest number of letters of a value that is not wrapped, such as a number with its unit


def unbroken(value: str) -> str:
    """Return a short value that is not wrapped, except after the … of a range, in a narrow card."""
    return value.replace(" ", "\u00a0").replace("…\u00a0", "… ") if len(value) <= SHORT else value


class Facts(QWidget):
    """Names and values in two columns."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self._names: list[tuple[str, list[str]]] = []
        self._values: list[QLabel] = []

    def show_facts(self, groups: Groups) -> None:
        """Show groups of facts. groups: (heading, [(name, value)]). The labels remain if only values change."""
        names = [(heading, [name for name, _ in facts]) for heading, facts in groups]
        if names != self._names:
            self._names = names
            self._build(groups)
        values = [value for _, facts in groups for _, value in facts]
        for text, value in zip(self._values, values, strict=True):
            text.setText(unbroken(value))

    def _build(self, groups: Groups) -> None:
        clear(self._grid)
        self._values = []
        row = 0
        for heading, facts in groups:
            if heading:
                title = label(heading, "title", wrap=True)
                title.setContentsMargins(0, 8 if row else 0, 0, 2)
                self._grid.addWidget(title, row, 0, 1, 2)
                row += 1
            for name, _ in facts:
                self._grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
                text = label("", wrap=True)
                text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
                text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._grid.addWidget(text, row, 1)
                self._values.append(text)
                row += 1
        self._grid.setRowStretch(row, 1)
