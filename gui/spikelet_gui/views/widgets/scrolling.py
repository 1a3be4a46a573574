"""Scroll areas."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QScrollArea, QWidget


def scrolled(inner: QWidget, name: str) -> QScrollArea:
    """Return a scroll area for a widget that can be higher than the space."""
    area = QScrollArea()
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    _set_content(area, inner)
    return area


class Page(QScrollArea):
    """A panel that scrolls if the window is too small. A control that gets the focus is scrolled into view."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_panel(self, panel: QWidget) -> None:
        """Set the panel."""
        _set_content(self, panel)

    def turn(self, pages: int) -> None:
        """Scroll down by a number of pages; negative scrolls up."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + pages * bar.pageStep())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()  # arrow keys move the time cursor


def _set_content(area: QScrollArea, inner: QWidget) -> None:
    area.setWidgetResizable(True)
    area.setWidget(inner)
    area.viewport().setAutoFillBackground(False)
    inner.setAutoFillBackground(False)
