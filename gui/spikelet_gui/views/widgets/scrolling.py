"""Scroll areas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QScrollArea, QWidget

BORDER = 1  # pixels, see the style sheet


class _HighArea(QScrollArea):
    """A scroll area that is at least as wide as its content, which can only be scrolled up and down."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("scrolled")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        inner, least = self.widget(), super().minimumSizeHint()
        beside = self.verticalScrollBar().sizeHint().width() + 2 * BORDER
        needed = 0 if inner is None else inner.minimumSizeHint().width() + beside
        return QSize(max(least.width(), needed), least.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


def scrolled(inner: QWidget, name: str) -> QScrollArea:
    """Return a scroll area for a widget that can be higher than the space."""
    area = _HighArea()
    area.setAccessibleName(name)
    _set_content(area, inner)
    return area


class Page(QScrollArea):
    """The scroll area of a window or panel. A control that gets the focus is scrolled into view."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_content(self, content: QWidget) -> None:
        """Set the widget that scrolls."""
        _set_content(self, content)

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
