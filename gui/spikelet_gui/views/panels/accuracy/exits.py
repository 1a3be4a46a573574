"""Effect of early exit: accuracy, mean time-step and energy by threshold."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt

from spikelet.display import compact
from spikelet.metrics.hardware import Profile
from spikelet.report import wording
from spikelet_gui.models.analysis.costs import energy_text
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.freshness import unmeasured
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.profiles import find_profile
from spikelet_gui.views.choosers.profiles import ProfilePicker
from spikelet_gui.views.plots.axes import NumberAxis, number, share_range
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.theme import theme

UNMEASURED = "Not measured yet: click Run all images to see the effect of early exit."
MEASURING = "Measuring. The effect of early exit is shown when all images have run."


class ExitCard(CardView):
    """Accuracy and mean time-step by threshold, with a threshold that can be dragged."""

    def __init__(self, inspector: Inspector) -> None:
        note = "drag the line: an image exits when its margin reaches the threshold"
        super().__init__(inspector, "Early exit", note, self._data)
        self.plot = Plot("early exit by threshold", "margin at which an image exits", percent=("left",))
        self.plot.set_title("left", "accuracy", theme().series[0])
        self.accuracy = self.plot.line([], [], 0, 2.4, name="accuracy")
        self.right = pg.ViewBox(enableMenu=False)
        self.steps_axis = axis = NumberAxis("right")
        self.plot.plotItem.add_axis("right", axis)
        self.plot.scene().addItem(self.right)
        axis.linkToView(self.right)
        axis.setPen(pg.mkPen(theme().line))
        axis.setTextPen(pg.mkPen(theme().muted))
        axis.setTickFont(self.plot.getAxis("left").style["tickFont"])
        axis.setLabel("mean time-step", **{"color": theme().series[1], "font-size": "8.5pt"})
        self.right.setXLink(self.plot.box)
        self.right.setMouseEnabled(False, False)
        self.steps = pg.PlotDataItem(pen=pg.mkPen(theme().series[1], width=2.4, style=Qt.PenStyle.DashLine))
        self.right.addItem(self.steps)
        self.plot.read(self.steps, "mean time-step", number)
        self.dots = [pg.ScatterPlotItem(size=9, pen=None, brush=theme().series[series]) for series in (0, 1)]
        self.plot.addItem(self.dots[0], ignoreBounds=True)
        self.right.addItem(self.dots[1])
        self.plot.box.sigResized.connect(lambda: self.right.setGeometry(self.plot.box.sceneBoundingRect()))
        self.marker = self.plot.marker(theme().over, inspector.measured.set_threshold)
        self.picker = ProfilePicker(inspector)
        self.facts = Facts()
        self.empty = NoResults(inspector.jobs, {"sweep": MEASURING, **EARLIER})
        for widget in (self.plot, self.empty):
            self.body.addWidget(widget, 1)
        self.body.addWidget(self.facts)
        self.body.addWidget(self.picker)
        self.follow(self._draw, inspector.measured.swept, inspector.opened)
        self.follow(
            lambda: self.empty.set_message(unmeasured(inspector, UNMEASURED)), inspector.opened, inspector.showing
        )
        self.follow(self._mark, inspector.measured.threshold_moved, inspector.profile_changed)

    def _draw(self) -> None:
        sweep = self.inspector.measured.sweep
        measured = sweep is not None and sweep.measured is not None
        self.plot.setVisible(measured)
        self.empty.setVisible(not measured)
        if sweep is None or sweep.measured is None:
            self.accuracy.setData([], [])
            self.steps.setData([], [])
        else:
            x = [point.threshold for point in sweep.exits]
            shares = [point.accuracy for point in sweep.exits if point.accuracy is not None]  # none without labels
            self.accuracy.setData(x if shares else [], shares)
            self.plot.getAxis("left").setVisible(bool(shares))
            if shares:
                self.plot.setYRange(*share_range(shares), padding=0)
            self.steps.setData(x, [point.steps for point in sweep.exits])
            self.plot.setXRange(0, max(x[-1], self.inspector.measured.threshold), padding=0.02)
            self.steps_axis.last = sweep.counted.steps
            self.right.setYRange(1, sweep.counted.steps, padding=0.05)
        self._mark()

    def _mark(self) -> None:
        inspector, sweep = self.inspector, self.inspector.measured.sweep
        self.marker.setValue(inspector.measured.threshold)
        if sweep is None or sweep.measured is None:
            self.facts.show_facts([])
            return
        chosen = sweep.at_exit(inspector.measured.threshold)
        for dot, y in zip(self.dots, (chosen.accuracy, chosen.steps), strict=True):
            dot.setData([] if y is None else [chosen.threshold], [] if y is None else [y])
        facts = [
            ("margin", f"{inspector.measured.threshold:.2f}"),
            ("mean time-step", f"{chosen.steps:.2f} of {sweep.counted.steps}"),
        ]
        if chosen.accuracy is not None:
            facts.append(("accuracy", f"{chosen.accuracy:.2%}"))
        facts.append(("accumulates per image", compact(chosen.events)))
        profile = find_profile(inspector.settings.profile)
        if profile.priced:
            facts += self._energy(sweep, profile)
        self.facts.show_facts([("", facts)])

    def _energy(self, sweep: Sweep, profile: Profile) -> list[tuple[str, str]]:
        levels = sweep.energy(self.inspector.measured.threshold, profile)
        return [
            (f"energy: {name}", energy_text(levels[level]))
            for name, level in zip(wording.LEVEL_NAMES, levels, strict=True)
            if levels[level] is not None
        ]

    def _data(self) -> DataTable | None:
        sweep = self.inspector.measured.sweep
        if sweep is None or sweep.measured is None:
            return None
        rows = [[e.threshold, e.steps, "" if e.accuracy is None else e.accuracy, e.events] for e in sweep.exits]
        return DataTable("early-exit", ["threshold", "mean_exit_step", "accuracy", "accumulates"], rows)
