"""Layouts, and the message of an empty panel."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from spikelet_gui.views.widgets.text import label


class Empty(QWidget):
    """A message that states why there is nothing to show, and what to do."""

    def __init__(self, text: str, *buttons: QWidget) -> None:
        super().__init__()
        self.message = label(text, "muted", wrap=True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        lines = QVBoxLayout(self)
        lines.addStretch(1)
        middle = QHBoxLayout()  # limits the length of a line
        middle.addStretch(1)
        middle.addWidget(self.message, 3)
        middle.addStretch(1)
        lines.addLayout(middle)
        button_row = QHBoxLayout()
        button_row.addStretch(1)
        for button in buttons:
            button_row.addWidget(button)
        button_row.addStretch(1)
        lines.addLayout(button_row)
        lines.addStretch(1)

    def set_message(self, text: str) -> None:
        """Set the message."""
        self.message.setText(text)


class Flexible(QWidget):
    """A widget with plots, which take the height that its wrapped texts leave.

    A layout with wrapped texts otherwise asks for the preferred height of its plots as the least one.
    """

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return False


def clear(layout: QBoxLayout | QGridLayout) -> None:
    """Remove and delete all widgets of a layout."""
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def row(*widgets: QWidget, stretch: Sequence[int] = (), spacing: int = 12) -> QHBoxLayout:
    """Return a layout of widgets side by side."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, stretch[index] if stretch else 0)
    return layout


def column(*widgets: QWidget, stretch: Sequence[int] = (), spacing: int = 12) -> QVBoxLayout:
    """Return a layout of widgets below each other."""
    layout = QVBoxLayout()
    layout.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, stretch[index] if stretch else 0)
    return layout
