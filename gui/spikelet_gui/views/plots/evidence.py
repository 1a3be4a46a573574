"""Class evidence and margin over time, with early exit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg

from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.theme import colour, theme

NAMED_CLASSES = 5  # classes that have a colour and a name in the plot


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
        names, x = self.inspector.class_names, np.arange(1, trace.steps + 1)
        ranked = list(ranking(trace))
        self._items.append(self._unnamed(trace.evidence[:, ranked[NAMED_CLASSES:]]))
        for rank, k in reversed(list(enumerate(ranked[:NAMED_CLASSES]))):  # the first class is drawn last, on top
            y = trace.evidence[:, k]
            width, hue = 2.6 if rank == 0 else 1.8, theme().series[rank]
            self._items.append(self.plot.line(x, y, rank, width, rank, symbol="o", symbolSize=5, name=names[k]))
            self._items.append(self.plot.names.add(names[k], trace.steps + 0.1, float(y[-1]), hue, bold=rank == 0))
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(0.5, trace.steps + max(1.5, trace.steps * 0.3), padding=0)
        low, high = float(trace.evidence.min()), float(trace.evidence.max())
        margin = (high - low or 1.0) * 0.08
        self.plot.setYRange(low - margin, high + margin, padding=0)
        self.plot.names.arrange()
        self.timeline.go(self.inspector.cursor.time)

    def _unnamed(self, evidence: npt.NDArray[np.floating]) -> pg.PlotDataItem:
        """Draw the curves of the other classes, (T, classes), as one item: an item for each would take seconds."""
        steps, classes = evidence.shape
        x = np.tile(np.append(np.arange(1.0, steps + 1), np.nan), classes)  # nan: the end of a curve
        y = np.vstack([evidence, np.full((1, classes), np.nan)]).T.ravel()
        return self.plot.plot(x, y, pen=pg.mkPen(colour(theme().muted, 90), width=1), connect="finite")

    def _data(self) -> DataTable | None:
        trace = self.inspector.trace
        if trace is None:
            return None
        rows = [[t + 1, *map(float, trace.evidence[t]), float(trace.margins[t])] for t in range(trace.steps)]
        first, last = "time_step", "margin"
        classes = [f"class {name}" if name in (first, last) else name for name in self.inspector.class_names]
        return DataTable("evidence", [first, *classes, last], rows)


class MarginCard(CardView):
    """Margin over time, with a threshold of early exit that can be dragged."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Margin", data=self._data)
        self.plot = Plot("margin over time", "time-step", "margin")
        self.plot.setToolTip("Drag the line: an image exits when its margin reaches the threshold")
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

    def _data(self) -> DataTable | None:
        trace = self.inspector.trace
        if trace is None:
            return None
        return DataTable("margin", ["time_step", "margin"], [[t + 1, float(m)] for t, m in enumerate(trace.margins)])
