"""The prediction at the time cursor, with a bar for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.plots.evidence import NAMED_CLASSES, ranking
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.key_reading import DOWN, KeyReading, frame_row, row_centres
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.text import Elided, set_style
from spikelet_gui.views.widgets.theme import font, length, mixed, theme

LINE, LARGEST = 13, 30  # heights of a bar with its name
NAME, PERCENT, BAR = 96, 44, 10  # widths of the name and of the share, and height of the bar itself


@dataclass(frozen=True)
class ClassBar:
    """One bar: name of the class, softmax share, mean logit, colour, and whether it is the true class."""

    name: str
    share: float
    logit: float
    colour: str
    true: bool


class PredictionBars(QWidget):
    """Softmax of the mean logits at the time cursor, one bar per class.

    Attributes:
        bars: The bars, from the top.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("prediction at the time cursor")
        self.setMinimumSize(length(150), length(110))
        self.bars: list[ClassBar] = []
        self._hover = Hover(self, self.reading)
        self._keys = KeyReading(self, self.reading, self.points, self._describe, DOWN)

    def show_bars(self, bars: list[ClassBar]) -> None:
        """Show bars in this order."""
        self.bars = bars
        self._describe()
        self.update()

    def _describe(self) -> None:
        """Describe the bar that is read with the keyboard and the first bars, for screen readers."""
        first = ", ".join(f"{bar.name} {bar.share:.0%}" for bar in self.bars[:3])
        self.setAccessibleDescription(". ".join(filter(None, (self._keys.text, first))))

    def points(self) -> list[QPointF]:
        """Return the middle of every visible bar, in pixels."""
        visible, height = self._lines()
        return row_centres(self.width(), visible * height, visible)

    def _lines(self) -> tuple[int, float]:
        """Return the number of bars that are visible, and the height of each."""
        lines = max(2, self.height() // length(LINE))
        visible = len(self.bars) if len(self.bars) <= lines else lines - 1
        return visible, min(float(length(LARGEST)), self.height() / max(min(lines, len(self.bars)), 1))

    def reading(self, point: QPointF) -> Reading | None:
        """Return the class of the bar at a point."""
        visible, height = self._lines()
        index = int(point.y() / height)
        if not 0 <= index < visible:
            return None
        bar = self.bars[index]
        values = [Value("softmax", f"{bar.share:.2%}", bar.colour), Value("mean logit", number(bar.logit))]
        return Reading(bar.name + (" (true class)" if bar.true else ""), values)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self.bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        visible, height = self._lines()
        left, right, thickness = min(float(length(NAME)), self.width() * 0.42), length(PERCENT), length(BAR)
        radius = thickness / 2
        width = self.width() - left - right
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, bar in enumerate(self.bars[:visible]):
            y = index * height
            painter.setFont(font(9, bold=index == 0))
            painter.setPen(QColor(theme().text if index == 0 or bar.true else theme().muted))
            name = ("✓ " if bar.true else "") + bar.name
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(left) - 8)
            painter.drawText(QRectF(0, y, left - 8, height), Qt.AlignmentFlag.AlignRight | middle, text)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme().raised))
            area = QRectF(left, y + height / 2 - radius, width, thickness)
            painter.drawRoundedRect(area, radius, radius)
            painter.setBrush(QColor(bar.colour))
            area.setWidth(max(thickness if bar.share > 0.005 else 0.0, width * bar.share))
            painter.drawRoundedRect(area, radius, radius)
            painter.setPen(QColor(theme().muted))
            painter.drawText(QRectF(left + width + 6, y, right - 4, height), middle, f"{bar.share:.0%}")
        if visible < len(self.bars):
            below = QRectF(left, visible * height, width + right, height)
            painter.drawText(below, middle, f"and {len(self.bars) - visible:,} more classes")
        frame_row(painter, self._keys.point(), self.width(), height)
        painter.end()


class PredictionCard(CardView):
    """Prediction at the time cursor."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Prediction", data=self._data)
        self.message = Elided(name="big", least=180)
        self.verdict = Elided(least=180)
        self.bars = PredictionBars()
        for widget in (self.message, self.verdict):
            widget.mode = Qt.TextElideMode.ElideMiddle
            self.body.addWidget(widget)
        self.body.addWidget(self.bars, 1)
        self.follow(self._draw, inspector.opened, inspector.traced, inspector.cursor.moved)

    def _draw(self) -> None:
        trace, inspector = self.inspector.trace, self.inspector
        if trace is None or inspector.source is None:
            for text in (self.message, self.verdict):
                text.show_text("")
            self.set_note("")
            self.bars.show_bars([])
            return
        time = min(inspector.cursor.time, trace.steps)
        names, shares = inspector.class_names, trace.probabilities[time - 1]
        prediction, truth = trace.prediction(time), inspector.source.label(inspector.index)
        self.message.show_text(names[prediction])
        self.set_note(f"softmax at t = {time}")
        if truth is None:
            self.verdict.show_text(f"softmax {shares[prediction]:.0%}")
            set_style(self.verdict, "caption")
        else:
            correct = truth == prediction
            self.verdict.show_text("correct" if correct else f"wrong (true: {names[truth]})")
            set_style(self.verdict, "good" if correct else "bad")
        other = mixed(theme().card, theme().muted, 0.6)
        colours = {k: theme().series[rank] if rank < NAMED_CLASSES else other for rank, k in enumerate(ranking(trace))}
        order = [int(k) for k in np.argsort(-shares, kind="stable")]
        logits = trace.evidence[time - 1]
        self.bars.show_bars(
            [ClassBar(names[k], float(shares[k]), float(logits[k]), colours[k], k == truth) for k in order]
        )

    def _data(self) -> DataTable | None:
        trace = self.inspector.trace
        if trace is None:
            return None
        time = min(self.inspector.cursor.time, trace.steps)
        shares, logits = trace.probabilities[time - 1], trace.evidence[time - 1]
        rows = [[self.inspector.class_names[k], float(shares[k]), float(logits[k])] for k in range(len(shares))]
        return DataTable(f"prediction-step-{time}", ["class", "softmax", "mean_logit"], rows)
