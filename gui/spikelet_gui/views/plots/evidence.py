"""Class evidence and margin over time, and the early exit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from spikelet_gui.models.analysis.trace import Trace
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot, TimeLine
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.theme import colour, font, mixed, theme
from spikelet_gui.views.widgets.widgets import Card, Numbers, label

SHOWN = 5  # classes with a colour of their own
LINE = 13  # pixels that a bar with its name needs


def class_names(inspector: Inspector) -> list[str]:
    """Of the network that is open."""
    assert inspector.document is not None
    bundle = inspector.document.bundle
    return list(bundle.manifest.labels or (str(k) for k in range(bundle.graph.classes)))


def leaders(trace: Trace) -> list[int]:
    """Classes by their evidence at the end, the best first."""
    return [int(k) for k in np.argsort(-trace.evidence[-1], kind="stable")]


def exit_words(trace: Trace, threshold: float) -> str:
    """Where early exit would stop."""
    step = trace.exit_step(threshold)
    if step is None:
        return f"no early exit at a margin of {threshold:.2f}"
    return f"early exit at t = {step}, margin {threshold:.2f}"


class EvidenceCard(View):
    """Mean logit of every class, and the margin of the best, over time."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Class evidence", "mean logit of the time-steps so far")
        self.card.numbers = self._numbers
        self.plot = Plot("class evidence over time", "time-step", "logit")
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.card.body.addWidget(self.plot, 1)
        self.fill(self.card)
        self._curves: list[Any] = []
        self.follow(self._draw, inspector.traced)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        trace = self.inspector.trace
        for curve in self._curves:
            self.plot.removeItem(curve)
        self._curves = []
        if trace is None:
            return
        names, x = class_names(self.inspector), np.arange(1, trace.steps + 1)
        order = leaders(trace)
        for place, k in reversed(list(enumerate(order))):
            y = trace.evidence[:, k]
            if place < SHOWN:
                curve = self.plot.line(x, y, place, 2.6 if place == 0 else 1.8, place, symbol="o", symbolSize=5)
                curve.setSymbolBrush(theme().series[place])
                curve.setSymbolPen(None)
                hue = theme().series[place]
                self._curves.append(self.plot.name(names[k], trace.steps + 0.1, float(y[-1]), hue, bold=place == 0))
            else:
                curve = self.plot.plot(x, y, pen=pg.mkPen(colour(theme().muted, 90), width=1))
            self._curves.append(curve)
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(0.5, trace.steps + max(1.5, trace.steps * 0.3), padding=0)
        low, high = float(trace.evidence.min()), float(trace.evidence.max())
        room = (high - low or 1.0) * 0.08
        self.plot.setYRange(low - room, high + room, padding=0)
        self.plot.spread()
        self.timeline.go(self.inspector.cursor.time)

    def _numbers(self) -> Numbers | None:
        trace = self.inspector.trace
        if trace is None:
            return None
        rows = [[t + 1, *map(float, trace.evidence[t]), float(trace.margins[t])] for t in range(trace.steps)]
        return Numbers("evidence", ["time_step", *class_names(self.inspector), "margin"], rows)


class MarginCard(View):
    """The lead of the best class, and the threshold at which an image leaves, to be dragged."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Margin")
        self.card.note.setToolTip("Drag the line: an image stops where its margin reaches the threshold")
        self.plot = Plot("margin over time", "time-step", "margin")
        self.curve = self.plot.line([], [], 0, symbol="o", symbolSize=5)
        self.curve.setSymbolBrush(theme().series[0])
        self.curve.setSymbolPen(None)
        self.threshold = self.plot.marker(theme().over, inspector.set_threshold, vertical=False, text="exit")
        self.threshold.label.setPosition(1)  # behind the last time-step, where no curve is
        self.exit = pg.ScatterPlotItem(size=13, pen=pg.mkPen(theme().over, width=2.5), brush=None)
        self.plot.addItem(self.exit)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.card.body.addWidget(self.plot, 1)
        self.fill(self.card)
        self.follow(self._draw, inspector.traced)
        self.follow(self._mark, inspector.threshold_moved)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        trace = self.inspector.trace
        if trace is None:
            return
        finite = np.where(np.isfinite(trace.margins), trace.margins, 0)
        self.curve.setData(np.arange(1, trace.steps + 1), finite)
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(0.5, trace.steps + max(0.8, trace.steps * 0.12), padding=0)
        # the word at the threshold needs more room than a point
        top = max(1.15 * float(finite.max()), 1.35 * self.inspector.threshold, 0.1)
        self.plot.setYRange(0, top, padding=0)
        self.timeline.go(self.inspector.cursor.time)
        self._mark()

    def _mark(self) -> None:
        trace, threshold = self.inspector.trace, self.inspector.threshold
        self.threshold.setValue(threshold)
        if trace is None:
            return
        step = trace.exit_step(threshold)
        self.exit.setData([] if step is None else [step], [] if step is None else [trace.margins[step - 1]])
        self.card.say(exit_words(trace, threshold))


class AnswerBars(QWidget):
    """Softmax of the mean logits at the cursor: a bar a class."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("prediction at the cursor")
        self.setMinimumSize(150, 110)
        self._rows: list[tuple[str, float, str, bool]] = []

    def show_rows(self, rows: list[tuple[str, float, str, bool]]) -> None:
        """(name, share, colour, whether it is the true class)."""
        self._rows = rows
        self.setAccessibleDescription(", ".join(f"{name} {share:.0%}" for name, share, _, _ in rows[:3]))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self._rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lines = max(2, self.height() // LINE)
        fits = len(self._rows) if len(self._rows) <= lines else lines - 1
        height = min(30.0, self.height() / min(lines, len(self._rows)))
        left = min(96.0, self.width() * 0.42)
        width = self.width() - left - 44
        for index, (name, share, value, true) in enumerate(self._rows[:fits]):
            y = index * height
            painter.setFont(font(9, bold=index == 0))
            painter.setPen(QColor(theme().text if index == 0 or true else theme().muted))
            text = painter.fontMetrics().elidedText(
                ("✓ " if true else "") + name, Qt.TextElideMode.ElideRight, int(left) - 8
            )
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, y, left - 8, height), Qt.AlignmentFlag.AlignRight | middle, text)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme().raised))
            bar = QRectF(left, y + height / 2 - 5, width, 10)
            painter.drawRoundedRect(bar, 5, 5)
            painter.setBrush(QColor(value))
            bar.setWidth(max(10.0 if share > 0.005 else 0.0, width * share))
            painter.drawRoundedRect(bar, 5, 5)
            painter.setPen(QColor(theme().muted))
            painter.drawText(QRectF(left + width + 6, y, 40, height), middle, f"{share:.0%}")
        if fits < len(self._rows):
            below = QRectF(left, fits * height, width + 44, height)
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, f"and {len(self._rows) - fits:,} classes more")
        painter.end()


class AnswerCard(View):
    """Prediction at the time cursor."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Answer")
        self.message = label("", "big")
        self.verdict = label("", "caption")
        self.bars = AnswerBars()
        for widget in (self.message, self.verdict):
            self.card.body.addWidget(widget)
        self.card.body.addWidget(self.bars, 1)
        self.fill(self.card)
        self.follow(self._draw, inspector.traced, inspector.cursor.moved)

    def _draw(self) -> None:
        trace, inspector = self.inspector.trace, self.inspector
        if trace is None or inspector.source is None:
            return
        time = min(inspector.cursor.time, trace.steps)
        names, shares = class_names(inspector), trace.probabilities[time - 1]
        answer, truth = trace.answer(time), inspector.source.label(inspector.index)
        self.message.setText(names[answer])
        self.card.say(f"after {time} time-step{'s' if time > 1 else ''}")
        if truth is None:
            self.verdict.setText(f"{shares[answer]:.0%} of the softmax")
            self.verdict.setObjectName("caption")
        else:
            right = truth == answer
            self.verdict.setText("right" if right else f"wrong: it is {names[truth]}")
            self.verdict.setObjectName("good" if right else "bad")
        self.verdict.style().polish(self.verdict)
        order = leaders(trace)
        soft = mixed(theme().card, theme().muted, 0.6)
        colours = {k: theme().series[index] if index < SHOWN else soft for index, k in enumerate(order)}
        ranked = np.argsort(-shares, kind="stable")
        self.bars.show_rows([(names[k], float(shares[k]), colours[int(k)], k == truth) for k in ranked])
