"""Bars of the residuals by layer."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikelet_gui.models.analysis.residuals import LayerResidual
from spikelet_gui.views.panels.residuals.state import ResidualState
from spikelet_gui.views.widgets.key_reading import DOWN, ENTER, KeyReading, frame_row, row_centres
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.theme import colour, font, length, theme

NUMBER, RMS = 50, 96  # widths of a number beside a bar, and of the rms residual
HEAD, ROW = 18, 18  # heights of the titles and, at least, of a layer


class LayerBars(QWidget):
    """Bars of every layer: the mean excess of the spike rate on the right, its mean deficit on the left."""

    def __init__(self, state: ResidualState) -> None:
        super().__init__()
        self.state = state
        self.setAccessibleName("over- and under-firing by layer")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(length(220))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._texts = ""
        self._hover = Hover(self, self.reading)
        self._keys = KeyReading(self, self.reading, self.points, self._describe, DOWN)

    def show_layers(self) -> None:
        """Redraw after the layers or the selection changed."""
        layers = self.state.layers()
        texts = [f"{e.layer}: under-firing {e.under:.1%}, over-firing {e.over:.1%}, rms {e.rms:.3f}" for e in layers]
        self._texts = "; ".join(texts)
        self._describe()
        self.setMinimumHeight(length(HEAD) + 2 + length(ROW) * len(layers))
        self.update()

    def _height(self, rows: int) -> float:
        return (self.height() - length(HEAD) - 2) / max(rows, 1)

    def _describe(self) -> None:
        """Describe the layer that is read with the keyboard and all layers, for screen readers."""
        self.setAccessibleDescription(". ".join(filter(None, (self._keys.text, self._texts))))

    def points(self) -> list[QPointF]:
        """Return the middle of every layer, in pixels."""
        rows = len(self.state.layers())
        below = QPointF(0, length(HEAD))
        return [point + below for point in row_centres(self.width(), rows * self._height(rows), rows)]

    def layer_at(self, point: QPointF) -> LayerResidual | None:
        """Return the layer at a point, or None."""
        layers = self.state.layers()
        row = int((point.y() - length(HEAD)) // self._height(len(layers)))
        return layers[row] if 0 <= row < len(layers) else None

    def reading(self, point: QPointF) -> Reading | None:
        """Return the residuals of the layer at a point."""
        residual = self.layer_at(point)
        if residual is None:
            return None
        values = [
            Value("under-firing", f"{residual.under:.2%}", theme().under),
            Value("over-firing", f"{residual.over:.2%}", theme().over),
            Value("rms residual", f"{residual.rms:.3f}"),
        ]
        return Reading(f"{residual.layer}\nClick or Enter selects this layer", values)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._select(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Select the layer that is read, with Enter."""
        point = self._keys.point()
        if event.key() in ENTER and point is not None:
            self._select(point)
        else:
            event.ignore()

    def _select(self, point: QPointF) -> None:
        residual = self.layer_at(point)
        if residual is not None:
            self.state.inspector.selection.focus(residual.layer)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        layers = self.state.layers()
        if not layers:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(9, bold=True))
        names = max(painter.fontMetrics().horizontalAdvance(layer.layer) for layer in layers)
        left, right, head = min(18.0 + names, self.width() / 4), length(RMS), length(HEAD)
        half = (self.width() - left - right) / 2
        middle, height = left + half, self._height(len(layers))
        largest = max([0.01, *(max(layer.over, layer.under) for layer in layers)])
        painter.setFont(font(8.5))
        painter.setPen(QColor(theme().under))
        painter.drawText(QRectF(left, 0, half - 6, head - 2), Qt.AlignmentFlag.AlignRight, "under-firing")
        painter.setPen(QColor(theme().over))
        painter.drawText(QRectF(middle + 6, 0, half, head - 2), Qt.AlignmentFlag.AlignLeft, "over-firing")
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(self.width() - right, 0, right, head - 2), Qt.AlignmentFlag.AlignRight, "rms residual")
        for index, residual in enumerate(layers):
            y = head + index * height
            if residual.layer == self.state.inspector.selection.layer:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour(theme().accent, 36))
                painter.drawRoundedRect(QRectF(0, y + 1, self.width(), height - 2), 6, 6)
            vertical = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(QColor(theme().text))
            painter.setFont(font(9, bold=residual.layer == self.state.inspector.selection.layer))
            name = painter.fontMetrics().elidedText(residual.layer, Qt.TextElideMode.ElideMiddle, int(left) - 16)
            painter.drawText(QRectF(8, y, left - 8, height), vertical, name)
            painter.setFont(font(8.5))
            painter.drawText(
                QRectF(self.width() - right, y, right - 8, height),
                vertical | Qt.AlignmentFlag.AlignRight,
                f"{residual.rms:.3f}",
            )
            self._pair(painter, residual, middle, y, max(half - length(NUMBER), 0.3 * half) / largest, height)
        frame_row(painter, self._keys.point(), self.width(), height - 4)
        painter.end()

    def _pair(
        self, painter: QPainter, residual: LayerResidual, middle: float, y: float, scale: float, height: float
    ) -> None:
        thickness = min(float(length(36)), height * 0.45, height - 4)
        top = y + (height - thickness) / 2
        vertical, number = Qt.AlignmentFlag.AlignVCenter, length(NUMBER)
        for share, fill, side in ((residual.under, theme().under, -1), (residual.over, theme().over, 1)):
            width = share * scale
            bar = QRectF(middle - width - 1 if side < 0 else middle + 1, top, width, thickness)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(fill))
            painter.drawRoundedRect(bar, 3, 3)
            painter.setPen(QColor(theme().muted))
            if side < 0:
                text = QRectF(bar.left() - number, y, number - 4, height)
                painter.drawText(text, vertical | Qt.AlignmentFlag.AlignRight, f"{share:.1%}")
            else:
                painter.drawText(QRectF(bar.right() + 4, y, number, height), vertical, f"{share:.1%}")
