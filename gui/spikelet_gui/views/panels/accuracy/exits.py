"""What early exit changes: accuracy, mean time-step and energy by threshold."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt

from spikelet.metrics.hardware import Profile
from spikelet.report import wording
from spikelet_gui.models.analysis.costs import energy_text
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.profiles import ProfilePicker, chosen_profile
from spikelet_gui.views.widgets.theme import theme
from spikelet_gui.views.widgets.widgets import Card, Empty, Numbers, label, row


class ExitCard(View):
    """Mean steps against accuracy for every threshold; one that can be dragged."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Early exit", "drag the line: an image stops when its margin reaches the threshold")
        self.card.numbers = self._numbers
        self.plot = Plot("early exit by threshold", "margin at which an image stops", percent=("left",))
        self.plot.setLabel("left", "accuracy", **{"color": theme().series[0], "font-size": "8.5pt"})
        self.accuracy = self.plot.line([], [], 0, 2.4)
        self.right = pg.ViewBox()
        self.plot.plotItem.showAxis("right")
        self.plot.plotItem.scene().addItem(self.right)
        axis = self.plot.getAxis("right")
        axis.linkToView(self.right)
        axis.setPen(pg.mkPen(theme().line))
        axis.setTextPen(pg.mkPen(theme().muted))
        axis.setTickFont(self.plot.getAxis("left").style["tickFont"])
        axis.setLabel("mean time-step", **{"color": theme().series[1], "font-size": "8.5pt"})
        self.right.setXLink(self.plot.plotItem)
        self.right.setMouseEnabled(False, False)
        self.steps = pg.PlotDataItem(pen=pg.mkPen(theme().series[1], width=2.4, style=Qt.PenStyle.DashLine))
        self.right.addItem(self.steps)
        self.dots = [pg.ScatterPlotItem(size=9, pen=None, brush=theme().series[place]) for place in (0, 1)]
        self.plot.addItem(self.dots[0], ignoreBounds=True)
        self.right.addItem(self.dots[1])
        self.plot.plotItem.vb.sigResized.connect(
            lambda: self.right.setGeometry(self.plot.plotItem.vb.sceneBoundingRect())
        )
        self.marker = self.plot.marker(theme().over, inspector.set_threshold)
        self.picker = ProfilePicker(inspector)
        self.facts = Facts()
        self.empty = Empty("Run all images in this panel to see what early exit saves.")
        for each in (self.plot, self.empty):
            self.card.body.addWidget(each, 1)
        self.card.body.addWidget(self.facts)
        self.card.body.addLayout(row(label("energy on", "muted"), self.picker, stretch=(0, 1)))
        self.fill(self.card)
        self.follow(self._draw, inspector.swept, inspector.opened)
        self.follow(self._mark, inspector.threshold_moved, inspector.profile_changed)

    def _draw(self) -> None:
        sweep = self.inspector.sweep
        known = sweep is not None and sweep.measured is not None
        self.plot.setVisible(known)
        self.empty.setVisible(not known)
        if sweep is None or sweep.measured is None:
            self.accuracy.setData([], [])
            self.steps.setData([], [])
        else:
            x = [each.threshold for each in sweep.exits]
            if sweep.accuracy is not None:
                self.accuracy.setData(x, [each.accuracy for each in sweep.exits])
            self.steps.setData(x, [each.steps for each in sweep.exits])
            self.plot.setXRange(0, max(x[-1], self.inspector.threshold), padding=0.02)
            self.right.setYRange(1, sweep.counted.steps, padding=0.05)
        self._mark()

    def _mark(self) -> None:
        inspector, sweep = self.inspector, self.inspector.sweep
        self.marker.setValue(inspector.threshold)
        if sweep is None:
            self.facts.show_facts([])
            return
        leaving = sweep.leaving(inspector.threshold)
        for dot, height in zip(self.dots, (leaving.accuracy, leaving.steps), strict=True):
            dot.setData([] if height is None else [leaving.threshold], [] if height is None else [height])
        facts = [
            ("margin", f"{inspector.threshold:.2f}"),
            ("mean time-step", f"{leaving.steps:.2f} of {sweep.counted.steps}"),
        ]
        if leaving.accuracy is not None:
            facts.append(("accuracy", f"{leaving.accuracy:.2%}"))
        facts.append(("accumulates per image", wording.short(leaving.events)))
        profile = chosen_profile(inspector)
        if sweep.measured is not None and profile is not None and profile.priced:
            facts += self._energy(sweep, profile)
        self.facts.show_facts([("", facts)])

    def _energy(self, sweep: Sweep, profile: Profile) -> list[tuple[str, str]]:
        found = sweep.energy(self.inspector.threshold, profile)
        return [
            (f"energy: {name}", energy_text(found[level]))
            for name, level in zip(wording.LEVEL_NAMES, found, strict=True)
            if found[level] is not None
        ]

    def _numbers(self) -> Numbers | None:
        sweep = self.inspector.sweep
        if sweep is None or sweep.measured is None:
            return None
        rows = [[e.threshold, e.steps, "" if e.accuracy is None else e.accuracy, e.events] for e in sweep.exits]
        return Numbers("early-exit", ["threshold", "mean_exit_step", "accuracy", "accumulates"], rows)
