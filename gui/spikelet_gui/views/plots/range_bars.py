"""Bars of ranges from low to high."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikelet.metrics.energy import LEVELS, Energy
from spikelet.report import wording
from spikelet_gui.models.analysis.costs import Spans, energy_text, unit_of
from spikelet_gui.views.widgets.key_reading import DOWN, KeyReading, frame_row, row_centres
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.text import Legend
from spikelet_gui.views.widgets.theme import colour, font, length, theme

LEVEL_TEXTS = dict(zip(LEVELS, wording.LEVEL_NAMES, strict=True))
BAR, MAX_BAR, SPACE = 13, 44, 6  # smallest and largest height of a bar with its gap; space between two rows
NAME, NUMBERS = 118, 118  # widths of the name of a row and of its energies


def level_legend() -> Legend:
    """Return a legend of the colours of all levels."""
    return Legend(list(zip(theme().series[: len(LEVELS)], wording.LEVEL_NAMES, strict=True)), wrap=True)


class RangeBars(QWidget):
    """Rows of bars from 0 to high, solid up to low: one bar per level, with one scale per level."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._rows: Spans = []
        self._levels: tuple[str, ...] = LEVELS
        self._bold: int | None = None
        self._hover = Hover(self, self.reading)
        self._keys = KeyReading(self, self.reading, self.points, self._describe, DOWN)

    def show_rows(self, rows: Spans, levels: tuple[str, ...] = LEVELS, bold: int | None = None) -> None:
        """Show rows of (name, energy by level).

        Args:
            rows: The rows.
            levels: Levels that have a bar.
            bold: Index of a row whose name is bold, or None.
        """
        self._rows, self._levels, self._bold = rows, levels, bold
        self.setMinimumHeight(len(rows) * (SPACE + length(BAR) * len(levels)))
        self._describe()
        self.update()

    def _describe(self) -> None:
        """Describe the row that is read with the keyboard and all rows, for screen readers."""
        level = self._levels[-1]
        unit = unit_of(energies[level] for _, energies in self._rows)
        texts = [f"{name} {energy_text(energies[level], unit)}" for name, energies in self._rows]
        self.setAccessibleDescription(". ".join(filter(None, (self._keys.text, "; ".join(texts)))))

    def points(self) -> list[QPointF]:
        """Return the middle of every row, in pixels."""
        return row_centres(self.width(), self.height(), len(self._rows))

    def reading(self, point: QPointF) -> Reading | None:
        """Return the energies of the row at a point."""
        row = int(point.y() * len(self._rows) / max(self.height(), 1))
        if not 0 <= row < len(self._rows):
            return None
        name, energies = self._rows[row]
        hues = {level: theme().series[LEVELS.index(level)] for level in self._levels}
        texts = [Value(LEVEL_TEXTS[level], energy_text(energies[level]), hues[level]) for level in self._levels]
        return Reading(name, texts)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self._rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self.height() / len(self._rows)
        thickness = min((height - 8) / len(self._levels), length(MAX_BAR))
        left = length(NAME)
        width = self.width() - left - length(NUMBERS)
        for index, (name, levels) in enumerate(self._rows):
            y = index * height
            first = y + (height - thickness * len(self._levels)) / 2
            painter.setFont(font(9, bold=index == self._bold))
            painter.setPen(QColor(theme().text))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, left - 10)
            painter.drawText(
                QRectF(0, y, left - 10, height), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text
            )
            for position, level in enumerate(self._levels):
                self._bar(painter, levels[level], level, QRectF(left, first + position * thickness, width, thickness))
        frame_row(painter, self._keys.point(), self.width(), height)
        painter.end()

    def _bar(self, painter: QPainter, energy: Energy | None, level: str, area: QRectF) -> None:
        ends = [levels[level] for _, levels in self._rows]
        largest = max((end.high for end in ends if end is not None), default=0.0)
        fill = theme().series[LEVELS.index(level)]
        inner = area.adjusted(0, 2, 0, -2)
        painter.setPen(Qt.PenStyle.NoPen)
        if energy is not None and largest > 0:
            for end, alpha in ((energy.high, 85), (energy.low, 255)):
                part = QRectF(inner)
                part.setWidth(max(2.0, inner.width() * end / largest))
                painter.setBrush(colour(fill, alpha))
                painter.drawRoundedRect(part, 3, 3)
        painter.setPen(QColor(theme().muted))
        painter.setFont(font(8.5))
        middle = Qt.AlignmentFlag.AlignVCenter
        text = energy_text(energy, unit_of(ends))
        painter.drawText(QRectF(area.right() + 8, area.top() - 2, length(NUMBERS) - 8, area.height() + 4), middle, text)
