"""Accuracy panel: accuracy by time-step over a data set."""

from __future__ import annotations

from collections.abc import Iterator

import pyqtgraph as pg
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout

from spikelet.display import number_of
from spikelet.metrics.accuracy import AccuracyPoint
from spikelet.report import wording
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.numbers import short_percent
from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again, sweep_all, unmeasured
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.inputs import Inputs, missing_images
from spikelet_gui.views.choosers.open_images import HINT, ask_for_images
from spikelet_gui.views.panels.accuracy.browser import BrowserCard
from spikelet_gui.views.panels.accuracy.classes import ClassesCard
from spikelet_gui.views.panels.accuracy.exits import ExitCard
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Segments, button
from spikelet_gui.views.widgets.layouts import column
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, colour, length, theme

TWO_COLUMNS = 860  # pixels of the panel: the facts of early exit beside the list of images


class CurveCard(CardView):
    """Accuracy after each time-step with its interval, of the source network, and of chance."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Accuracy", data=self._data)
        hint = "Measure on the whole data set in the background  (R)"
        self.runner = Runner(inspector.jobs, "sweep", "Run all images", lambda: sweep_all(inspector), hint, self._draw)
        self.choose = button("Other data…", self._choose, HINT)
        self.plot = Plot("accuracy by time-step", "time-steps", "accuracy", percent=("left",))
        clear_pen = pg.mkPen((0, 0, 0, 0))
        self.low = self.plot.plot([], [], pen=clear_pen)
        self.high = self.plot.plot([], [], pen=clear_pen)
        self.plot.addItem(pg.FillBetweenItem(self.low, self.high, brush=colour(theme().series[0], 45)))
        self.curve = self.plot.line([], [], 0, 2.6, symbol="o", symbolSize=7)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self._levels: list[pg.GraphicsObject] = []
        self.message = label("", "caption", wrap=True)
        self.empty = NoResults(inspector.jobs, {"sweep": "Measuring. Partial results are shown here.", **EARLIER})
        self.head.addWidget(self.choose)
        self.head.addWidget(self.runner)
        for widget in (self.plot, self.empty):
            self.body.addWidget(widget, 1)
        self.body.addWidget(self.message)
        self.follow(self._draw, inspector.measured.swept, inspector.opened)
        self.follow(self._advise, inspector.showing)
        start = self.runner.start
        self.follow(lambda: start.setEnabled(inspector.data is not None), inspector.opened, inspector.showing)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _choose(self) -> None:
        """Open images and measure on them."""

        def measure(source: Inputs) -> None:
            if source.data is not None:
                self.inspector.run_sweep(source.data)
            elif not source.constant:
                self.inspector.failed.emit(missing_images(source))

        ask_for_images(self, self.inspector, measure)

    def _advise(self) -> None:
        """Draw again if there is nothing but advice, which depends on the input."""
        if self.inspector.measured.sweep is None:
            self._draw()

    def _draw(self) -> None:
        sweep = self.inspector.measured.sweep
        for item in self._levels:
            self.plot.removeItem(item)
        self._levels = []
        available = sweep is not None and sweep.accuracy is not None
        self.plot.setVisible(available)
        self.message.setVisible(available)
        self.empty.setVisible(not available)
        if sweep is None or sweep.accuracy is None:
            self.set_note("")
            self.empty.set_message(self._reason(sweep), waits=sweep is None)
        else:
            self._draw_accuracy(sweep, sweep.accuracy)

    def _reason(self, sweep: Sweep | None) -> str:
        """Return the reason for which no accuracy is shown."""
        if sweep is None:
            return unmeasured(self.inspector, "Not measured yet: click Run all images, or choose a data set.")
        return wording.NO_LABELS + " Choose a data set with labels."

    def _draw_accuracy(self, sweep: Sweep, accuracy: list[AccuracyPoint]) -> None:
        """Draw the accuracy over time with its interval, and the accuracies of the source network and of chance."""
        x = [point["time_steps"] for point in accuracy]
        self.low.setData(x, [point["low"] for point in accuracy])
        self.high.setData(x, [point["high"] for point in accuracy])
        self.curve.setData(x, [point["accuracy"] for point in accuracy])
        source, remark = self._float(sweep)
        assert self.inspector.document is not None
        if len(accuracy) == 1:  # there is no area between single points
            ends_of_interval = [accuracy[0]["low"], accuracy[0]["high"]]
            pen = pg.mkPen(colour(theme().series[0], 120), width=4)
            self._levels.append(self.plot.plot([x[0], x[0]], ends_of_interval, pen=pen))
        chance = 1 / self.inspector.document.bundle.graph.classes
        ends = [point[end] for point in accuracy for end in ("low", "high")] + ([] if source is None else [source])
        low, high = max(0.0, min(ends) - 0.12), min(1.02, max(ends) + 0.05)  # dots at 100% need space
        span = (0.6, len(accuracy) + 0.02 * len(accuracy))
        if source is not None:
            self._levels += self.plot.reference(source, span, theme().over, f"source network {source:.1%}")
        if chance > low:
            self._levels += self.plot.reference(chance, span, theme().muted, f"chance {short_percent(chance)}")
        self.plot.setYRange(low, high, padding=0)
        self.plot.steps_axis(len(accuracy))
        self.plot.setXRange(0.6, len(accuracy) + max(1.2, 0.3 * len(accuracy)), padding=0)
        self.plot.names.arrange()
        last, state = accuracy[-1], "" if sweep.measured is not None else f" of {len(sweep.data):,} so far"
        self.set_note(f"{sweep.data.name}, {number_of(sweep.done, 'image')}{state}")
        interval = f"{last['low']:.2%} – {last['high']:.2%}"
        self.message.setText(
            f"T = {len(accuracy)}: {last['accuracy']:.2%}, 95% interval {interval} (Wilson). "
            f"Chance: {short_percent(chance)}.{remark}"
        )
        self.timeline.go(self.inspector.cursor.time)

    def _float(self, sweep: Sweep) -> tuple[float | None, str]:
        """Return the accuracy of the source network on the same images, and a remark if it is not from the bundle."""
        stored = None if sweep.measured is None else sweep.measured.source_results["accuracy"]
        if stored is not None:
            return float(stored), ""
        computed = sweep.source_accuracy
        return computed, "" if computed is None else " Accuracy of the source network: computed from this bundle."

    def _data(self) -> DataTable | None:
        sweep = self.inspector.measured.sweep
        if sweep is None or sweep.accuracy is None:
            return None
        rows = [[e["time_steps"], e["accuracy"], e["low"], e["high"]] for e in sweep.accuracy]
        return DataTable("accuracy", ["time_steps", "accuracy", "low_95", "high_95"], rows)


class AccuracyPanel(Panel):
    """Accuracy and images on the left, early exit or the classes on the right."""

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.curve = CurveCard(inspector)
        yield
        self.browser = BrowserCard(inspector)
        yield
        self.exits = ExitCard(inspector)
        yield
        self.classes = ClassesCard(inspector)
        yield
        self.curve.plot.setMinimumHeight(length(140))  # a low window scrolls
        self.exits.plot.setMinimumHeight(length(180))
        self.browser.setMinimumHeight(length(230))
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.curve, 4)
        left.addWidget(self.browser, 5)
        outer.addLayout(left, 5)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.exits)
        self.pages.addWidget(self.classes)
        self.choice = Segments("right side", ("early exit", "classes"), self.pages.setCurrentIndex)
        outer.addLayout(column(self.choice, self.pages, stretch=(0, 1), spacing=4), 4)
        self.stack(outer, below=TWO_COLUMNS)

    def run(self) -> None:
        """Measure on all images."""
        sweep_all(self.inspector)

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector)

    def run_again(self) -> None:
        sweep_again(self.inspector)
