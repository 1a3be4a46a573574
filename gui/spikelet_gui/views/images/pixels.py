"""An image of few pixels, or a pad on which an image is drawn with the mouse or with keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QImage, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikelet_gui.models.session.sources.pad import Pad
from spikelet_gui.models.session.sources.rgb import shown
from spikelet_gui.views.widgets.key_reading import GridReading
from spikelet_gui.views.widgets.readout import Hover, Reading
from spikelet_gui.views.widgets.theme import theme

LOW = 48  # pixels of the height of an image of few rows, such as an input of numbers, whose pixels are not squares then
HELP = "arrows move the pen, Space lowers or lifts it, Ctrl+Z undoes a stroke, Delete clears the pad, Esc leaves it"
READ = "Arrow keys move through the pixels"
MOVES = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}


class PixelView(QWidget):
    """Shows pixels as squares, as large as possible; those of an image of few rows are higher.

    Attributes:
        image: The image, or None before there is one.
        pad: The pad, or None while an image is shown.
        drawn: Called after every stroke on the pad.
        pixel: Returns what a pixel (row, column) of the image shows, or None.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.setMinimumSize(64, 64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.image: QImage | None = None
        self.drawn: Callable[[], object] = lambda: None
        self._last_point: tuple[float, float] | None = None
        self.pixel: Callable[[int, int], Reading | None] = lambda row, column: None
        self.pad: Pad | None = None
        self._hover = Hover(self, self.reading)
        self._keys = GridReading(
            self, self._size, lambda row, column: self.pixel(row, column), self._point_of, self._read
        )
        self.set_pad(None)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(220, 220)

    def show_pixels(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Show pixels, (H, W, 3)."""
        height, width, _ = pixels.shape
        self.image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def set_pad(self, pad: Pad | None) -> None:
        """Show a pad that receives keys, or with None an image."""
        self.pad = pad
        self.setAccessibleName(self._name if pad is None else "drawing pad")
        self.setCursor(Qt.CursorShape.ArrowCursor if pad is None else Qt.CursorShape.CrossCursor)
        self._describe()
        if pad is not None:
            self._show_pad(pad)

    def _show_pad(self, pad: Pad) -> None:
        self.show_pixels(shown(pad.pixels.astype(np.float32), 0, 255))

    def _describe(self) -> None:
        """Describe the pixel that is read with the keyboard, or the keys, for screen readers."""
        self.setAccessibleDescription((self._keys.text or READ) if self.pad is None else HELP)

    def _read(self) -> None:
        self._describe()
        self.update()

    def _size(self) -> tuple[int, int]:
        """Return the rows and columns whose values are read; none of a pad, where keys move the pen."""
        return (0, 0) if self.image is None or self.pad is not None else (self.image.height(), self.image.width())

    def _point_of(self, row: int, column: int) -> QPointF:
        return self._frame(row, column).center()

    def _frame(self, row: int, column: int) -> QRectF:
        """Return the area of a pixel."""
        area, (rows, columns) = self.area, self._size()
        width, height = area.width() / columns, area.height() / rows
        return QRectF(area.left() + column * width, area.top() + row * height, width, height)

    @property
    def area(self) -> QRectF:
        """Area of the image, in pixels of the widget."""
        if self.image is None:
            return QRectF(self.rect())
        scale = min(self.width() / self.image.width(), self.height() / self.image.height())
        width, height = self.image.width() * scale, max(self.image.height() * scale, min(LOW, self.height()))
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def reading(self, point: QPointF) -> Reading | None:
        """Return what the pixel at a point shows; None outside of the image."""
        area = self.area
        if self.image is None or not area.contains(point):
            return None
        row = int((point.y() - area.top()) * self.image.height() / area.height())
        column = int((point.x() - area.left()) * self.image.width() / area.width())
        return self.pixel(min(row, self.image.height() - 1), min(column, self.image.width() - 1))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self.image is None:
            return
        painter, area = QPainter(self), self.area
        painter.drawImage(area, self.image)
        pad = self.pad if self.hasFocus() else None
        painter.setPen(QPen(QColor(theme().line if pad is None else theme().accent), 1 if pad is None else 2))
        painter.drawRect(area.adjusted(1, 1, -1, -1))
        if pad is not None:
            self._draw_pen(painter, pad, area.width() / self.image.width())
        cell = self._keys.cell()
        if cell is not None:
            painter.setPen(QPen(QColor(theme().accent), 2))
            painter.drawRect(self._frame(*cell).adjusted(-2, -2, 2, 2))
        painter.end()

    def _draw_pen(self, painter: QPainter, pad: Pad, scale: float) -> None:
        """Draw a circle of the size of the brush, filled while the pen is down."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme().over), 2))
        painter.setBrush(QColor(theme().over) if pad.down else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(self.area.topLeft() + QPointF(*pad.pen) * scale, pad.radius * scale, pad.radius * scale)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()

    # keys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        pad, key = self.pad, Qt.Key(event.key())
        unmodified = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if pad is not None and event.matches(QKeySequence.StandardKey.Undo):
            self._changed(pad, pad.undo())
        elif pad is None or not unmodified:
            event.ignore()
        elif key in MOVES:
            self._changed(pad, pad.move(*MOVES[key]))
        elif key == Qt.Key.Key_Space:
            self._changed(pad, pad.press())
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            pad.clear()
            self._changed(pad, True)
        elif key == Qt.Key.Key_Escape:
            self.clearFocus()
        else:
            event.ignore()

    def _changed(self, pad: Pad, drawn: bool) -> None:
        self._show_pad(pad)
        if drawn:
            self.drawn()

    # mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._last_point = None
        if self.pad is not None:
            self.pad.begin()
        self._draw(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._draw(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.pad is not None and self._last_point is not None:
            self._last_point = None
            self.drawn()

    def _draw(self, event: QMouseEvent) -> None:
        if self.pad is None or self.image is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        area = self.area
        offset: QPointF = event.position() - area.topLeft()
        point = offset.x() * self.image.width() / area.width(), offset.y() * self.image.height() / area.height()
        self.pad.stroke(self._last_point or point, point)
        self._last_point = point
        self._show_pad(self.pad)
