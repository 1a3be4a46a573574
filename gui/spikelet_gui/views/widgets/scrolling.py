"""Scroll areas."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QScrollArea, QWidget

LEAST = 1188, 624  # pixels of a panel in which no word is cut: what a window of 1280 by 720 gives it


def scrolled(inner: QWidget, name: str) -> QScrollArea:
    """A widget that may be higher than its place."""
    area = QScrollArea()
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    _hold(area, inner)
    return area


class Page(QScrollArea):
    """A whole panel, which scrolls where the window has no room for it; what gets the keyboard comes in sight."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        panel.setMinimumSize(*LEAST)
        _hold(self, panel)

    def turn(self, pages: int) -> None:
        """Down, or up where negative."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + pages * bar.pageStep())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()  # arrows move time


def _hold(area: QScrollArea, inner: QWidget) -> None:
    area.setWidgetResizable(True)
    area.setWidget(inner)
    area.viewport().setAutoFillBackground(False)
    inner.setAutoFillBackground(False)
