"""Values at the points of a widget that are visited with the arrow keys, in the box of those under the pointer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from spikelet_gui.views.widgets.readout import Reading, Readout
from spikelet_gui.views.widgets.theme import theme

Keys = tuple[Qt.Key, Qt.Key]  # to the previous and to the next point
ALONG: Keys = (Qt.Key.Key_Left, Qt.Key.Key_Right)
DOWN: Keys = (Qt.Key.Key_Up, Qt.Key.Key_Down)


class KeyReading(QObject):
    """Shows the values of a widget while it has the keyboard focus, and describes them for screen readers.

    Args:
        widget: The widget, which becomes a stop of Tab.
        read: Returns what is at a point in pixels of the widget (of a scroll area, of its viewport), or None.
        points: Returns the points whose values can be read, in the order of the keys. A single point, such as that of
            the time cursor, leaves the keys to the window, which moves it.
        changed: Called when the values are others.
        keys: The keys.
    """

    _shown: tuple[QPoint, Reading] | None = None  # attributes of this object may be deleted before Qt hides the widget
    _box: Readout | None = None

    def __init__(
        self,
        widget: QWidget,
        read: Callable[[QPointF], Reading | None],
        points: Callable[[], Sequence[QPointF]],
        changed: Callable[[], object],
        keys: Keys = ALONG,
    ) -> None:
        super().__init__(widget)
        self._widget, self._read, self._points, self._changed, self._keys = widget, read, points, changed, keys
        self._area = widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget
        self._index = 0
        widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        widget.installEventFilter(self)

    @property
    def text(self) -> str:
        """The values that are shown, on one line; "" while the widget does not have the focus."""
        return "" if self._shown is None else self._shown[1].text.replace("\n", ", ")

    def point(self) -> QPointF | None:
        """Return the point whose values are shown, or None."""
        points = self._points() if self._widget.hasFocus() else ()
        return points[min(self._index, len(points) - 1)] if points else None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        kind = event.type()
        if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and watched is self._widget:
            return self._pressed(event)
        if kind in (QEvent.Type.FocusOut, QEvent.Type.Hide):
            self._show(None)
        elif kind in (QEvent.Type.FocusIn, QEvent.Type.Paint):
            self.soon()
        return False

    def _pressed(self, event: QKeyEvent) -> bool:
        """Go to the previous or the next point, and return whether the key did it."""
        count = len(self._points())
        if event.key() not in self._keys or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or count < 2:
            return False
        step = 1 if event.key() == self._keys[1] else -1
        self._index = min(max(min(self._index, count - 1) + step, 0), count - 1)
        self._refresh()
        self._widget.update()
        return True

    def soon(self) -> None:
        """Show the values as they are then, in the next iteration of the event loop; called while they are drawn."""
        if self._widget.hasFocus():
            QTimer.singleShot(0, self, self._refresh)

    def _refresh(self) -> None:
        point = self.point()
        reading = None if point is None else self._read(point)
        self._show(None if point is None or reading is None else (point.toPoint(), reading))

    def _show(self, shown: tuple[QPoint, Reading] | None) -> None:
        if shown == self._shown:
            return
        self._shown = shown
        if shown is not None:
            self._box = Readout.of(self._widget)
            self._box.show_at(shown[1], self._area.mapToGlobal(shown[0]))
        elif self._box is not None and shiboken6.isValid(self._box):
            self._box.show_at(None, QPoint())
        self._changed()


def row_centres(width: float, height: float, rows: int) -> list[QPointF]:
    """Return the centres of rows of equal height that fill an area."""
    return [QPointF(width / 2, (row + 0.5) * height / rows) for row in range(rows)]


def frame_row(painter: QPainter, point: QPointF | None, width: float, height: float) -> None:
    """Draw a frame around the row whose centre is `point`, or nothing."""
    if point is not None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme().accent), 1.4))
        painter.drawRect(QRectF(0.7, point.y() - height / 2 - 1, width - 1.4, height + 2))  # around the text
