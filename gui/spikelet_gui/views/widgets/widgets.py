"""Small parts that the panels are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from spikelet.report.figures import as_csv
from spikelet_gui.views.widgets.icons import icon


@dataclass(frozen=True)
class Numbers:
    """What a card shows, as a table. name: of the file that it is written to."""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def csv(self) -> str:
        """As CSV."""
        return as_csv(self.head, self.rows)


class Card(QFrame):
    """A titled box. numbers: gives what it shows, for CSV, or None before it is known; None where it has none at all.

    Words beside the title that do not fit there go under it.
    """

    def __init__(self, title: str, note: str = "") -> None:
        super().__init__()
        self.setObjectName("card")
        self.numbers: Callable[[], Numbers | None] | None = None
        self.name = title
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.title, self.below = label(title, "title"), label("", "caption", wrap=True)
        self.note = Elided(note, overflow=self.below)
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.head.addWidget(self.title)
        self.head.addWidget(self.note, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 10, 14, 12)
        outer.setSpacing(8)
        outer.addLayout(self.head)
        outer.addWidget(self.below)
        outer.addLayout(self.body, 1)

    def say(self, note: str) -> None:
        """Set the note next to the title."""
        self.note.say(note)


class Elided(QLabel):
    """A line of text, elided with … where it does not fit; the tooltip has the full text.

    overflow: label that shows the text where it does not fit here; hidden otherwise.
    """

    def __init__(self, text: str = "", name: str = "caption", overflow: QLabel | None = None) -> None:
        super().__init__()
        self.overflow = overflow
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._words = ""
        self.say(text)

    def say(self, text: str) -> None:
        """Set the text."""
        self._words = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        fits = self.fontMetrics().horizontalAdvance(self._words) <= self.width()
        if self.overflow is None:
            self.setText(self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, self.width()))
        else:
            self.setText(self._words if fits else "")
            self.overflow.setText(self._words)
            self.overflow.setVisible(not fits)


def label(text: str, name: str = "", wrap: bool = False) -> QLabel:
    """Words; `name` is their style."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def button(text: str, does: Callable[[], Any], hint: str = "", primary: bool = False) -> QPushButton:
    """A button with text."""
    made = QPushButton(text)
    made.setObjectName("primary" if primary else "")
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setAccessibleName(text)
    made.setToolTip(hint)
    made.clicked.connect(lambda: does())
    return made


def tool(glyph: str, name: str, does: Callable[[], Any] | None = None, flat: bool = True) -> QToolButton:
    """A button with an icon on it; `name` is its hint, and what a screen reader says."""
    made = QToolButton()
    made.setObjectName("flat" if flat else "")
    made.setIcon(icon(glyph))
    made.setIconSize(QSize(18, 18))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setToolTip(name)
    made.setAccessibleName(name.partition("  ")[0])
    if does is not None:
        made.clicked.connect(lambda: does())
    return made


class Segments(QWidget):
    """A row of options of which one is chosen."""

    def __init__(self, name: str, text: Sequence[str], chosen: Callable[[int], Any]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        for index, word in enumerate(text):
            made = QPushButton(word)
            made.setObjectName("segment")
            made.setCheckable(True)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            made.setAccessibleName(f"{name}: {word}")
            self._group.addButton(made, index)
            row.addWidget(made)
        self._group.idClicked.connect(lambda index: chosen(index))
        if text:
            self.choose(0)

    def choose(self, index: int) -> None:
        """Mark one, silently."""
        found = self._group.button(index)
        if found is not None:
            found.setChecked(True)

    @property
    def chosen(self) -> int:
        """Which one is marked."""
        return self._group.checkedId()


class Tabs(QTabBar):
    """Words of which one is chosen, as many as there may be: where they do not fit they scroll."""

    def __init__(self, name: str, text: Sequence[str], chosen: Callable[[int], Any]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for word in text:
            self.addTab(word)
        self.currentChanged.connect(lambda index: chosen(index))

    def choose(self, index: int) -> None:
        """Mark one, silently."""
        self.blockSignals(True)
        self.setCurrentIndex(index)
        self.blockSignals(False)


class Empty(QWidget):
    """A sentence that says why nothing is here, and what to do."""

    def __init__(self, text: str, *buttons: QWidget) -> None:
        super().__init__()
        self.message = label(text, "muted", wrap=True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.addStretch(1)
        middle = QHBoxLayout()  # lines of a length that can be read
        middle.addStretch(1)
        middle.addWidget(self.message, 3)
        middle.addStretch(1)
        column.addLayout(middle)
        row = QHBoxLayout()
        row.addStretch(1)
        for each in buttons:
            row.addWidget(each)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(1)

    def say(self, text: str) -> None:
        """Set the text."""
        self.message.setText(text)


def clear(layout: QBoxLayout | QGridLayout) -> None:
    """Take everything out of a layout."""
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def row(*widgets: QWidget, stretch: Sequence[int] = (), spacing: int = 12) -> QHBoxLayout:
    """Widgets side by side."""
    made = QHBoxLayout()
    made.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        made.addWidget(widget, stretch[index] if stretch else 0)
    return made


def column(*widgets: QWidget, stretch: Sequence[int] = (), spacing: int = 12) -> QVBoxLayout:
    """Widgets one under another."""
    made = QVBoxLayout()
    made.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        made.addWidget(widget, stretch[index] if stretch else 0)
    return made
