"""Plan panel: measured settings, and the recommended one for a budget."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikelet.display import number_of
from spikelet_gui.models.analysis.planning import COSTS, IMAGES, cost_text, known_costs, measure_settings
from spikelet_gui.models.session.freshness import outdated
from spikelet_gui.models.session.profiles import find_profile
from spikelet_gui.models.session.sources.inputs import missing_images
from spikelet_gui.views.choosers.open_images import OpenImages
from spikelet_gui.views.panels.plan.cards import FrontCard, FrontTable, SettingCard
from spikelet_gui.views.panels.plan.state import PlanState
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.controls import Choice
from spikelet_gui.views.widgets.layouts import column, row
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length

LEAD = (
    "Measures numbers of copies k, time-steps T and margins of early exit: accuracy with its interval, time-steps, "
    "neurons, operations, estimated energy and time on this machine. One run for each k gives all its T and margins."
)


class PlanPanel(Panel):
    """The front on the left; its table and the selected setting on the right."""

    task = "plan"

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.state = PlanState(inspector)
        self.chart = FrontCard(self.state)
        yield
        self.table = FrontTable(self.state)
        yield
        self.setting = SettingCard(self.state)
        yield
        self._make_controls()
        self._arrange()
        self.follow(self._draw, inspector.results.planned_changed, inspector.opened, inspector.showing)
        self.follow(self._show, self.state.changed)

    def _make_controls(self) -> None:
        """Make the settings of the measurement, the recommendation, and the message without results."""
        inspector = self.inspector
        self.images = Choice("images", "Number of images, drawn from the current images with a fixed seed")
        for count in IMAGES:
            self.images.addItem(number_of(count, "image"), count)
        self.cost = Choice("cost", "Cost on the axis, which the limit applies to")
        self.cost.activated.connect(lambda index: self.state.set_cost(self.cost.itemData(index)))
        hint = "Measure all settings in the background  (R)"
        self.runner = Runner(inspector.jobs, "plan", "Measure settings", self.run, hint, self._draw)
        self.message = label("", "caption", wrap=True)
        tasks = {"plan": "Running the network with each number of copies.", **EARLIER}
        self.empty = NoResults(inspector.jobs, tasks, OpenImages(inspector, labelled=True))

    def _arrange(self) -> None:
        """Put recommendation and settings above the cards."""
        self.content = QWidget()
        panes = row(self.chart, stretch=(8,), spacing=GAP)
        panes.setContentsMargins(0, 0, 0, 0)
        results = column(self.table, self.setting, stretch=(1, 1), spacing=GAP)
        panes.addLayout(results, 6)
        self.chart.setMinimumHeight(length(260))
        self.table.setMinimumHeight(length(170))
        self.setting.setMinimumHeight(length(220))
        self.stack(panes)
        self.content.setLayout(panes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addLayout(row(self.message, self.cost, self.images, self.runner, stretch=(1, 0, 0, 0), spacing=8))
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.content, 1)

    def run(self) -> None:
        """Measure the settings on the open data set, or on the shipped images."""
        inspector = self.inspector
        document, data = inspector.document, inspector.data
        if document is None:
            return
        if data is None or data.labels is None:
            inspector.failed.emit(missing_images(inspector.source, "images with labels"))
            return
        planned = inspector.results.planned
        bundle, path = document.bundle, document.path
        if planned is not None:  # the open network may be derived from it
            bundle, path = planned.bundle, planned.path
        profile = find_profile(inspector.settings.profile)
        measure = measure_settings(bundle, path, data, int(self.images.currentData()), profile, inspector.engine)
        inspector.jobs.start(
            "plan",
            lambda progress: inspector.keeper.planned(data, measure(progress)),
            lambda planned: inspector.results.set_planned(planned, data.digest),
            inspector.failed.emit,
        )

    def out_of_date(self) -> str:
        planned = self.state.planned
        if planned is None:
            return ""
        digest = self.inspector.results.digests["plan"]
        return outdated(self.inspector.cursor.steps, planned.plan.data, self.inspector, digest)

    def _draw(self) -> None:
        planned = self.state.planned
        self.empty.setVisible(planned is None)
        self.content.setVisible(planned is not None)
        self.cost.setVisible(planned is not None)
        data = self.inspector.data
        possible = data is not None and data.labels is not None
        advice = f"{LEAD}\n\nClick Measure settings to start."
        self.empty.set_message(advice if possible else missing_images(self.inspector.source, "images with labels"))
        self.runner.start.setEnabled(possible)
        self.cost.clear()
        for cost in known_costs(planned):
            self.cost.addItem(f"by {COSTS[cost][0]}", cost)
        if self.cost.findData(self.state.cost) < 0:  # the energy, after another profile
            self.state.set_cost("steps")
        self._show()

    def _show(self) -> None:
        self.cost.setCurrentIndex(self.cost.findData(self.state.cost))
        planned, point = self.state.planned, self.state.chosen
        if planned is None:
            self.message.setText("")
            return
        name, limit = COSTS[self.state.cost][0], self.state.limit
        budget = "Without a limit"
        if limit is not None:
            budget = f"With at most {cost_text(limit, self.state.cost)} {self._unit(name)}"
        advice = "no setting" if point is None else f"{point.setting}, {point.accuracy:.2%}"
        self.message.setText(f"{budget}, recommended: {advice}.")
        for card in (self.chart, self.table, self.setting):
            card.soon(card.draw)

    def _unit(self, name: str) -> str:
        return {"energy": "µJ", "time": "ms"}.get(name, name)
