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
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
DIRECTIONS = {DOWN[0]: (-1, 0), DOWN[1]: (1, 0), ALONG[0]: (0, -1), ALONG[1]: (0, 1)}  # rows and columns of an image


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
        """Go to another point, and return whether the key did it."""
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or not self._move(Qt.Key(event.key())):
            return False
        self._refresh()
        self._widget.update()
        return True

    def _move(self, key: Qt.Key) -> bool:
        """Go to the previous or the next point, and return whether the key is one of these."""
        count = len(self._points())
        if key not in self._keys or count < 2:
            return False
        step = 1 if key == self._keys[1] else -1
        self._index = min(max(min(self._index, count - 1) + step, 0), count - 1)
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


class GridReading(KeyReading):
    """Shows the values of the pixels of an image, one at a time, which the four arrow keys choose.

    Args:
        widget: The widget, which becomes a stop of Tab.
        size: Returns the numbers of rows and columns, 0 while there is no image.
        read: Returns what a pixel (row, column) shows, or None, such as between two feature maps.
        point_of: Returns the point of a pixel, in pixels of the widget (of a scroll area, of its viewport).
        changed: Called when another pixel or other values are shown.
    """

    def __init__(
        self,
        widget: QWidget,
        size: Callable[[], tuple[int, int]],
        read: Callable[[int, int], Reading | None],
        point_of: Callable[[int, int], QPointF],
        changed: Callable[[], object],
    ) -> None:
        self._size, self._pixel, self._point_of, self._at = size, read, point_of, (0, 0)
        super().__init__(widget, lambda _: read(*self._inside()), lambda: (), changed)

    def cell(self) -> tuple[int, int] | None:
        """Return the pixel (row, column) whose values are shown, or None."""
        return self._inside() if all(self._size()) and self._widget.hasFocus() else None

    def point(self) -> QPointF | None:
        cell = self.cell()
        return None if cell is None else self._point_of(*cell)

    def _inside(self) -> tuple[int, int]:
        """Return the chosen pixel, or the nearest one of an image that is smaller."""
        row, column = (min(at, size - 1) for at, size in zip(self._at, self._size(), strict=True))
        return row, column

    def _move(self, key: Qt.Key) -> bool:
        """Go to the next pixel in a direction that shows something, if there is one."""
        if key not in DIRECTIONS or not all(self._size()):
            return False
        (down, right), (rows, columns) = DIRECTIONS[key], self._size()
        row, column = self._inside()
        while 0 <= (row := row + down) < rows and 0 <= (column := column + right) < columns:
            if self._pixel(row, column) is not None:
                self._at = row, column
                break
        return True


def row_centres(width: float, height: float, rows: int) -> list[QPointF]:
    """Return the centres of rows of equal height that fill an area."""
    return [QPointF(width / 2, (row + 0.5) * height / rows) for row in range(rows)]


def frame_row(painter: QPainter, point: QPointF | None, width: float, height: float) -> None:
    """Draw a frame around the row whose centre is `point`, or nothing."""
    if point is not None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme().accent), 1.4))
        painter.drawRect(QRectF(0.7, point.y() - height / 2 - 1, width - 1.4, height + 2))  # around the text
