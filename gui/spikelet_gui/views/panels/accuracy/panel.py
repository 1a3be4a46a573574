"""Accuracy per time-step over a data set, and what early exit changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyqtgraph as pg
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout

from spikelet.report import wording
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.session.inputs import Source, open_source
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.accuracy.exits import ExitCard
from spikelet_gui.views.panels.accuracy.lost import LostCard
from spikelet_gui.views.plots.plots import Plot, TimeLine
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.theme import GAP, colour, theme
from spikelet_gui.views.widgets.widgets import Card, Empty, Numbers, button, label


class CurveCard(View):
    """Accuracy after each time-step with its interval; the float network; chance."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Accuracy after each time-step")
        self.card.numbers = self._numbers
        hint = "Measure on the whole data set, in the background  (R)"
        self.runner = Runner(inspector.jobs, "sweep", "Run all images", self.run_all, hint, self._draw)
        self.choose = button("Other data…", self._choose, "A folder of class folders, CIFAR, IDX or .npz")
        self.plot = Plot("accuracy by time-step", "time-steps", "accuracy", percent=("left",))
        clear_pen = pg.mkPen((0, 0, 0, 0))
        self.low = self.plot.plot([], [], pen=clear_pen)
        self.high = self.plot.plot([], [], pen=clear_pen)
        self.plot.addItem(pg.FillBetweenItem(self.low, self.high, brush=colour(theme().series[0], 45)))
        self.curve = self.plot.line([], [], 0, 2.6, symbol="o", symbolSize=7)
        self.curve.setSymbolBrush(theme().series[0])
        self.curve.setSymbolPen(None)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self._levels: list[Any] = []
        self.message, self.empty = label("", "caption", wrap=True), Empty("")
        self.card.head.addWidget(self.choose)
        self.card.head.addWidget(self.runner)
        for each in (self.plot, self.empty):
            self.card.body.addWidget(each, 1)
        self.card.body.addWidget(self.message)
        self.fill(self.card)
        self.follow(self._draw, inspector.swept, inspector.opened)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def run_all(self) -> None:
        """Measure on all images of the source, or on those that ship."""
        data = self.inspector.data
        if self.inspector.document is None:
            return
        if data is None:
            self.inspector.said.emit("No labelled images fit this network: choose a data set")
        else:
            self.inspector.run_sweep(data)

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a data set")
        document = self.inspector.document
        if not name or document is None:
            return
        bundle = document.bundle

        def opened(source: Source) -> None:
            self.inspector.show(source)
            if source.data is not None:
                self.inspector.run_sweep(source.data)

        self.inspector.jobs.start("image", lambda _: open_source(Path(name), bundle), opened, self.inspector.said.emit)

    def _draw(self) -> None:
        sweep = self.inspector.sweep
        for item in self._levels:
            self.plot.removeItem(item)
        self._levels = []
        known = sweep is not None and sweep.accuracy is not None
        self.plot.setVisible(known)
        self.message.setVisible(known)
        self.empty.setVisible(not known)
        if sweep is None or sweep.accuracy is None:
            self.card.say("")
            if self.inspector.jobs.running("sweep"):
                self.empty.say("Measuring. Partial results appear here.")
            elif sweep is None:
                self.empty.say("Not measured yet: run the shipped images, or choose a data set.")
            else:
                self.empty.say(wording.NO_LABELS + " Choose a data set that has some.")
            return
        accuracy = sweep.accuracy
        x = [each["time_steps"] for each in accuracy]
        self.low.setData(x, [each["low"] for each in accuracy])
        self.high.setData(x, [each["high"] for each in accuracy])
        self.curve.setData(x, [each["accuracy"] for each in accuracy])
        source, where = self._float(sweep)
        assert self.inspector.document is not None
        chance = 1 / self.inspector.document.bundle.graph.classes
        ends = [each[end] for each in accuracy for end in ("low", "high")] + ([] if source is None else [source])
        low, high = max(0.0, min(ends) - 0.12), min(1.0, max(ends) + 0.05)
        span = (0.6, len(accuracy) + 0.02 * len(accuracy))
        if source is not None:
            self._levels += self.plot.reference(source, span, theme().over, f"float network {source:.1%}")
        if chance > low:
            self._levels += self.plot.reference(chance, span, theme().muted, f"chance {chance:.1%}")
        self.plot.setYRange(low, high, padding=0)
        self.plot.steps_axis(len(accuracy))
        self.plot.setXRange(0.6, len(accuracy) + max(1.2, 0.3 * len(accuracy)), padding=0)
        self.plot.spread()
        last, state = accuracy[-1], "" if sweep.measured is not None else f" so far, of {len(sweep.data):,}"
        self.card.say(f"{sweep.data.name}, {sweep.done:,} images{state}")
        interval = f"{last['low']:.2%} – {last['high']:.2%}"
        self.message.setText(
            f"T = {len(accuracy)}: {last['accuracy']:.2%}, 95 % interval {interval} (Wilson). "
            f"Chance: {chance:.0%}.{where}"
        )
        self.timeline.go(self.inspector.cursor.time)

    def _float(self, sweep: Sweep) -> tuple[float | None, str]:
        """Accuracy of the float network on the same images: as the bundle tells it, or as computed, and that it was."""
        told = None if sweep.measured is None else sweep.measured.float_network["accuracy"]
        if told is not None:
            return float(told), ""
        return sweep.source_accuracy, "" if sweep.source_accuracy is None else " The float network was computed here."

    def _numbers(self) -> Numbers | None:
        sweep = self.inspector.sweep
        if sweep is None or sweep.accuracy is None:
            return None
        rows = [[each["time_steps"], each["accuracy"], each["low"], each["high"]] for each in sweep.accuracy]
        return Numbers("accuracy", ["time_steps", "accuracy", "low_95", "high_95"], rows)


class Accuracy(View):
    """Curve at the left, early exit and losses at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        self.curve = CurveCard(inspector)
        left.addWidget(self.curve, 3)
        left.addWidget(LostCard(inspector), 2)
        outer.addLayout(left, 5)
        outer.addWidget(ExitCard(inspector), 4)

    def run(self) -> None:
        """Key R."""
        self.curve.run_all()

    def prepare(self) -> None:
        """For a screenshot: all images."""
        self.curve.run_all()
