"""Raster of spikes, drawn as one image at the resolution of the screen: a row of pixels can show many neurons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikelet.display import number_of
from spikelet_gui.models.activity.raster import Image, binned, kinds, rows_of
from spikelet_gui.views.widgets.key_reading import DOWN, ENTER, KeyReading
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.theme import colour, font, length, ramp, theme

LEFT, BOTTOM, TOP, RIGHT = 60, 24, 4, 10  # margins around the spikes
LINE, NUMBER = 16, 26  # height of a number, and smallest distance of two time-steps that are numbered
ROW = 9  # pixels of the frame around the neurons that are read with the keyboard, of which a row can be one pixel
KINDS = ("", "both", "first only", "second only")  # values of `difference`


class Raster(QWidget):
    """Raster of spikes with a time cursor, and with the neurons and their spikes under the pointer.

    With the keyboard focus, Up and Down choose the neurons whose spikes at the time cursor are shown.

    Attributes:
        spikes: The spikes, (T, rows).
        time: Time-step of the cursor.
        label: Returns the name of a row.

    Args:
        name: Name for screen readers.
        moved: Called with the time-step that is clicked or dragged to.
        touched: Called with the row that is clicked, or confirmed with Enter.
    """

    def __init__(
        self, name: str, moved: Callable[[int], object], touched: Callable[[int], object] = lambda row: None
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(length(160), length(90))
        self._moved, self._touched = moved, touched
        self.spikes: Image = np.zeros((1, 0), np.uint8)
        self.time = 1
        self._marks: list[tuple[int, str]] = []
        self._picture: QPixmap | None = None
        self._palette: list[str] | None = None
        self.label: Callable[[int], str] = str
        self._hover, self._size_text = Hover(self, self.reading), ""
        self._keys = KeyReading(self, self.reading, self.points, self._describe, DOWN)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(480, 240)

    def show_spikes(self, spikes: Image, palette: list[str] | None = None) -> None:
        """Show (T, rows) of 0 and 1; with a palette, of indices of its colours, as from `difference`."""
        self.spikes, self._palette = spikes, palette
        self._picture = None
        steps, rows = spikes.shape
        size = f"{number_of(rows, 'neuron')}, {number_of(steps, 'time-step')}"
        spike_count = Value("spikes", f"{spikes.sum(dtype=np.int64):,}")
        read = [spike_count] if palette is None else self._values(spikes.ravel())
        texts = [f"{value.name} {value.text}".strip() for value in read]
        self._size_text = ": ".join((size, ", ".join(texts))) if rows else ""
        self._describe()
        self.update()

    def _describe(self) -> None:
        """Describe the neurons that are read with the keyboard and all spikes, for screen readers."""
        self.setAccessibleDescription(". ".join(filter(None, (self._keys.text, self._size_text))))

    def points(self) -> list[QPointF]:
        """Return the points of all rows of pixels at the time cursor; of each neuron, if it has more than one row."""
        area, (steps, neurons) = self.area, self.spikes.shape
        rows = min(neurons, int(area.height()))
        x = area.left() + (min(self.time, steps) - 0.5) * area.width() / steps
        return [QPointF(x, area.top() + (row + 0.5) * area.height() / rows) for row in range(rows)]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Click the neuron that is read, with Enter."""
        point = self._keys.point()
        if event.key() in ENTER and point is not None:
            self._touch(point)
        else:
            event.ignore()

    def _touch(self, point: QPointF) -> None:
        y, rows = point.y() - self.area.top(), self.spikes.shape[1]
        if rows and 0 <= y < self.area.height():
            self._touched(min(rows - 1, int(y * rows / self.area.height())))

    def clear(self) -> None:
        """Show no spikes."""
        self.show_spikes(np.zeros((1, 0), np.uint8))

    def mark(self, rows: list[tuple[int, str]]) -> None:
        """Draw dots at the left of rows: (row, colour)."""
        self._marks = rows
        self.update()

    def go(self, time: int) -> None:
        """Move the time cursor."""
        if time != self.time:
            self.time = time
            self.update()
            self._keys.soon()

    @property
    def area(self) -> QRectF:
        """Area of the spikes, in pixels of the widget."""
        left, below = length(LEFT), length(BOTTOM)
        return QRectF(left, TOP, max(1, self.width() - left - RIGHT), max(1, self.height() - TOP - below))

    def reading(self, point: QPointF) -> Reading | None:
        """Return the spikes of the row of pixels at a point; None outside of the raster."""
        area, (steps, neurons) = self.area, self.spikes.shape
        if not neurons or not area.contains(point):
            return None
        time = min(steps - 1, int((point.x() - area.left()) * steps / area.width()))
        share = (point.y() - area.top()) / area.height()
        first, last = rows_of(share, neurons, int(area.height() * self.devicePixelRatioF()))
        title = f"neuron {self.label(first)}"
        if last > first:
            title = f"{number_of(last - first + 1, 'neuron')}, {self.label(first)} to {self.label(last)}"
        return Reading(f"{title}\ntime-step {time + 1}", self._values(self.spikes[time, first : last + 1]))

    def _values(self, values: Image) -> list[Value]:
        if self._palette is not None:
            counts = np.bincount(values, minlength=len(KINDS))
            read = [Value(KINDS[kind], f"{counts[kind]:,}", self._palette[kind]) for kind in (1, 2, 3) if counts[kind]]
            return read or [Value("no spike", "")]
        if len(values) == 1:
            return [Value("spike" if values[0] == 1 else f"{values[0]} spikes" if values[0] else "no spike", "")]
        return [Value("spikes", f"{values.sum(dtype=np.int64):,}"), Value("fired", f"{np.count_nonzero(values):,}")]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self._picture = None
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._go_to(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._touch(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._go_to(event)

    def _go_to(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            share = (event.position().x() - self.area.left()) / self.area.width()
            self._moved(int(share * len(self.spikes)) + 1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._picture is None:
            self._picture = self._drawn()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        steps = len(self.spikes)
        if self.spikes.shape[1]:
            column = self.area.width() / steps
            x = self.area.left() + (self.time - 1) * column
            painter.fillRect(QRectF(x, self.area.top(), max(column, 1), self.area.height()), colour(theme().text, 26))
            painter.setPen(QPen(colour(theme().text, 170), 1))
            middle = x + column / 2
            painter.drawLine(QRectF(middle, 0, 0, 0).topLeft(), QRectF(middle, self.area.bottom(), 0, 0).topLeft())
            self._draw_marks(painter)
            self._draw_row(painter, self._keys.point(), QRectF(x, 0, max(column, 1), ROW))
        painter.end()

    def _draw_row(self, painter: QPainter, point: QPointF | None, frame: QRectF) -> None:
        """Draw a frame around the neurons that are read with the keyboard."""
        if point is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme().accent), 2))
            frame.moveCenter(point)
            painter.drawRect(frame)

    def _draw_marks(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for row, value in self._marks:
            y = self.area.top() + (row + 0.5) * self.area.height() / self.spikes.shape[1]
            painter.setBrush(QColor(value))
            painter.drawEllipse(QRectF(length(LEFT) - 9, y - 3, 6, 6))

    def _drawn(self) -> QPixmap:
        """Draw everything except the cursor."""
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setFont(font(8.5))
        height = int(self.area.height() * ratio)
        rows = binned(self.spikes, height) if self._palette is None else kinds(self.spikes, height)
        if rows.size:
            painter.drawImage(self.area, as_image(rows, self._palette or ramp_colours()))
            self._draw_axes(painter)
        painter.end()
        return picture

    def _draw_axes(self, painter: QPainter) -> None:
        area, steps, neurons = self.area, len(self.spikes), self.spikes.shape[1]
        if steps <= 64:  # separates the time-steps
            painter.setPen(QPen(QColor(theme().card), 1 if steps > 24 else 2))
            for t in range(1, steps):
                x = area.left() + t * area.width() / steps
                painter.drawLine(QRectF(x, area.top(), 0, 0).topLeft(), QRectF(x, area.bottom(), 0, 0).topLeft())
        painter.setPen(QColor(theme().muted))
        stride = max(1, -(-steps * length(NUMBER) // max(int(area.width()), 1)))
        stride = next(n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if n >= stride)
        for t in range(stride, steps + 1, stride):
            x = area.left() + (t - 0.5) * area.width() / steps
            below = QRectF(x - length(20), area.bottom() + 3, length(40), length(18))
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(t))
        right = Qt.AlignmentFlag.AlignRight
        width, height = length(LEFT - 12), length(LINE)
        painter.drawText(QRectF(0, area.top() - 2, width, height), right, "0")
        last = QRectF(0, area.bottom() + 1 - height, width, height)
        painter.drawText(last, right, f"{neurons - 1:,}")


def ramp_colours() -> list[str]:
    """Return the 256 colours of the ramp of the theme."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in ramp()]


def as_image(rows: Image, palette: list[str]) -> QImage:
    """Convert (rows, T) indices of a palette to an image."""
    data: npt.NDArray[np.uint8] = np.ascontiguousarray(rows)
    height, width = data.shape
    image = QImage(data.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable([QColor(value).rgb() for value in palette])
    return image.copy()
