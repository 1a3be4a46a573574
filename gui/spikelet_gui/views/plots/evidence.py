"""Class evidence, margin and prediction over time, and early exit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.plots.plots import Plot, TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.text import Elided, set_style
from spikelet_gui.views.widgets.theme import colour, font, mixed, theme

NAMED_CLASSES = 5  # classes that have a colour and a name in the plot
LINE = 13  # pixels of the smallest bar with its name


def class_names(inspector: Inspector) -> list[str]:
    """Return the names of the classes of the open bundle, or their indices."""
    assert inspector.document is not None
    bundle = inspector.document.bundle
    return list(bundle.manifest.labels or (str(k) for k in range(bundle.graph.classes)))


def ranking(trace: Trace) -> list[int]:
    """Return the classes by their evidence at T, the largest first."""
    return [int(k) for k in np.argsort(-trace.evidence[-1], kind="stable")]


def exit_text(trace: Trace, threshold: float) -> str:
    """Describe where early exit stops."""
    step = trace.exit_step(threshold)
    if step is None:
        return f"no early exit at a margin of {threshold:.2f}"
    return f"early exit at t = {step}, margin {threshold:.2f}"


class EvidenceCard(CardView):
    """Mean logit of every class over time."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Class evidence", "mean logit of the time-steps 1…t", self._data)
        self.plot = Plot("class evidence over time", "time-step", "logit")
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.body.addWidget(self.plot, 1)
        self._items: list[pg.GraphicsObject] = []
        self.follow(self._draw, inspector.opened, inspector.traced)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        trace = self.inspector.trace
        for item in self._items:
            self.plot.removeItem(item)
        self._items = []
        if trace is None:
            return
        names, x = class_names(self.inspector), np.arange(1, trace.steps + 1)
        for rank, k in reversed(list(enumerate(ranking(trace)))):  # the first class is drawn last, on top
            y = trace.evidence[:, k]
            if rank < NAMED_CLASSES:
                width = 2.6 if rank == 0 else 1.8
                curve = self.plot.line(x, y, rank, width, rank, symbol="o", symbolSize=5, name=names[k])
                hue = theme().series[rank]
                self._items.append(self.plot.name(names[k], trace.steps + 0.1, float(y[-1]), hue, bold=rank == 0))
            else:
                curve = self.plot.plot(x, y, pen=pg.mkPen(colour(theme().muted, 90), width=1))
            self._items.append(curve)
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(0.5, trace.steps + max(1.5, trace.steps * 0.3), padding=0)
        low, high = float(trace.evidence.min()), float(trace.evidence.max())
        margin = (high - low or 1.0) * 0.08
        self.plot.setYRange(low - margin, high + margin, padding=0)
        self.plot.spread()
        self.timeline.go(self.inspector.cursor.time)

    def _data(self) -> DataTable | None:
        trace = self.inspector.trace
        if trace is None:
            return None
        rows = [[t + 1, *map(float, trace.evidence[t]), float(trace.margins[t])] for t in range(trace.steps)]
        first, last = "time_step", "margin"
        classes = [f"class {name}" if name in (first, last) else name for name in class_names(self.inspector)]
        return DataTable("evidence", [first, *classes, last], rows)


class MarginCard(CardView):
    """Margin over time, with a threshold of early exit that can be dragged."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Margin")
        self.plot = Plot("margin over time", "time-step", "margin")
        self.plot.setToolTip("Drag the line: inference stops when the margin reaches the threshold")
        self.curve = self.plot.line([], [], 0, symbol="o", symbolSize=5)
        self.threshold = self.plot.marker(theme().over, inspector.measured.set_threshold, vertical=False, text="exit")
        self.threshold.label.setPosition(1)  # after the last time-step, where there is no curve
        self.exit = pg.ScatterPlotItem(size=13, pen=pg.mkPen(theme().over, width=2.5), brush=None)
        self.plot.addItem(self.exit)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.body.addWidget(self.plot, 1)
        self.follow(self._draw, inspector.opened, inspector.traced)
        self.follow(self._mark, inspector.measured.threshold_moved)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        trace = self.inspector.trace
        if trace is None:  # another bundle has been opened
            self.curve.setData([], [])
            self.exit.setData([], [])
            self.set_note("")
            return
        finite = np.where(np.isfinite(trace.margins), trace.margins, 0)
        self.curve.setData(np.arange(1, trace.steps + 1), finite)
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(0.5, trace.steps + max(0.8, trace.steps * 0.12), padding=0)
        # the label of the threshold needs more space than a point
        top = max(1.15 * float(finite.max()), 1.35 * self.inspector.measured.threshold, 0.1)
        self.plot.setYRange(0, top, padding=0)
        self.timeline.go(self.inspector.cursor.time)
        self._mark()

    def _mark(self) -> None:
        trace, threshold = self.inspector.trace, self.inspector.measured.threshold
        self.threshold.setValue(threshold)
        if trace is None:
            return
        step = trace.exit_step(threshold)
        self.exit.setData([] if step is None else [step], [] if step is None else [trace.margins[step - 1]])
        self.set_note(exit_text(trace, threshold))


@dataclass(frozen=True)
class ClassBar:
    """One bar: name of the class, softmax share, mean logit, colour, and whether it is the true class."""

    name: str
    share: float
    logit: float
    colour: str
    true: bool


class PredictionBars(QWidget):
    """Softmax of the mean logits at the time cursor, one bar per class."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("prediction at the time cursor")
        self.setMinimumSize(150, 110)
        self._bars: list[ClassBar] = []
        self._hover = Hover(self, self.reading)

    def show_bars(self, bars: list[ClassBar]) -> None:
        """Show bars in this order."""
        self._bars = bars
        self.setAccessibleDescription(", ".join(f"{bar.name} {bar.share:.0%}" for bar in bars[:3]))
        self.update()

    def _lines(self) -> tuple[int, float]:
        """Return the number of bars that are visible, and the height of each."""
        lines = max(2, self.height() // LINE)
        visible = len(self._bars) if len(self._bars) <= lines else lines - 1
        return visible, min(30.0, self.height() / max(min(lines, len(self._bars)), 1))

    def reading(self, point: QPointF) -> Reading | None:
        """Return the class of the bar at a point."""
        visible, height = self._lines()
        index = int(point.y() / height)
        if not 0 <= index < visible:
            return None
        bar = self._bars[index]
        values = [Value("softmax", f"{bar.share:.2%}", bar.colour), Value("mean logit", number(bar.logit))]
        return Reading(bar.name + (" (true class)" if bar.true else ""), values)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self._bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        visible, height = self._lines()
        left = min(96.0, self.width() * 0.42)
        width = self.width() - left - 44
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, bar in enumerate(self._bars[:visible]):
            y = index * height
            painter.setFont(font(9, bold=index == 0))
            painter.setPen(QColor(theme().text if index == 0 or bar.true else theme().muted))
            name = ("✓ " if bar.true else "") + bar.name
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(left) - 8)
            painter.drawText(QRectF(0, y, left - 8, height), Qt.AlignmentFlag.AlignRight | middle, text)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme().raised))
            area = QRectF(left, y + height / 2 - 5, width, 10)
            painter.drawRoundedRect(area, 5, 5)
            painter.setBrush(QColor(bar.colour))
            area.setWidth(max(10.0 if bar.share > 0.005 else 0.0, width * bar.share))
            painter.drawRoundedRect(area, 5, 5)
            painter.setPen(QColor(theme().muted))
            painter.drawText(QRectF(left + width + 6, y, 40, height), middle, f"{bar.share:.0%}")
        if visible < len(self._bars):
            below = QRectF(left, visible * height, width + 44, height)
            painter.drawText(below, middle, f"and {len(self._bars) - visible:,} more classes")
        painter.end()


class PredictionCard(CardView):
    """Prediction at the time cursor."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Prediction")
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
        names, shares = class_names(inspector), trace.probabilities[time - 1]
        prediction, truth = trace.prediction(time), inspector.source.label(inspector.index)
        self.message.show_text(names[prediction])
        self.set_note(f"after {time} time-step{'s' if time > 1 else ''}")
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
