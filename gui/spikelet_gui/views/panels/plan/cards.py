"""The Pareto front as a chart and as a table, and the selected setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg

from spikelet_gui.models.analysis.planning import COSTS, Cost, cost_text, facts, table
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.settings_view import show_setting
from spikelet_gui.views.panels.plan.state import PlanState
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import button
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import Legend, label
from spikelet_gui.views.widgets.theme import colour, theme

if TYPE_CHECKING:
    from spikelet_converters.planning.settings import Point

HEAD = ("k", "T", "early exit", "accuracy", "mean T")
COLUMNS: dict[Cost, str] = {
    "steps": "mean T",
    "operations": "operations",
    "energy": "energy, µJ",
    "time": "time, ms",
    "neurons": "neurons",
}


class FrontCard(CardView):
    """Accuracy over a cost: all settings as dots, the front by number of copies, and a limit that can be dragged."""

    def __init__(self, state: PlanState) -> None:
        super().__init__(state.inspector, "Accuracy and cost", data=self._data)
        self.state = state
        self.plot = Plot("accuracy of every setting by cost", "", "accuracy", percent=("left",))
        self.marker = self.plot.marker(theme().over, self._drag, text="limit")
        self.marker.label.setPosition(0.99)
        self.legend = Legend(wrap=True)
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.legend)
        self._drawn: list[pg.GraphicsObject] = []
        self._shown: tuple[object, ...] = ()
        self._largest_cost = 0.0
        self._mark: list[pg.GraphicsObject] = []

    def draw(self) -> None:
        """Show the settings."""
        planned, cost = self.state.planned, self.state.cost
        if planned is None:
            return
        if self._shown != (id(planned), cost):
            self._shown = id(planned), cost
            self._draw_settings(planned.plan.points)
        for item in self._mark:
            self.plot.removeItem(item)
        self._mark = []
        selected = self.state.selected
        if selected is not None:
            x = selected.cost(cost)
            hue = theme().text
            bar = self.plot.plot([x, x], [selected.low, selected.high], pen=pg.mkPen(hue, width=1.6))
            ring = pg.ScatterPlotItem([x], [selected.accuracy], size=15, brush=None, pen=pg.mkPen(hue, width=2))
            self.plot.addItem(ring)
            self._mark = [bar, ring]
        limit = self._largest_cost if self.state.limit is None else self.state.limit
        self.marker.setValue(limit)
        low, high = self.plot.box.viewRange()[0]
        side = 0 if limit < (low + high) / 2 else 1  # the label on the side that has room
        self.marker.label.anchors = [(side, 0)] * 2  # below the upper end, where it is inside a low chart, too
        self.marker.label.updatePosition()

    def _draw_settings(self, points: tuple[Point, ...]) -> None:
        for item in self._drawn:
            self.plot.removeItem(item)
        cost, front = self.state.cost, self.state.front
        others = [point for point in points if point not in front]
        dots = pg.ScatterPlotItem(
            [point.cost(cost) for point in others],
            [point.accuracy for point in others],
            data=others,
            size=5,
            pen=None,
            brush=colour(theme().muted, 120),
        )
        dots.sigClicked.connect(self._clicked)
        self.plot.addItem(dots)
        self._drawn = [dots]
        entries = []
        for index, copies in enumerate(sorted({point.setting.copies for point in front})):
            row = sorted((p for p in front if p.setting.copies == copies), key=lambda point: point.cost(cost))
            x, y = [point.cost(cost) for point in row], [point.accuracy for point in row]
            hue = theme().series[index % len(theme().series)]
            line = self.plot.line(x, y, index, 2.0, index, name=f"k = {copies}")
            marks = pg.ScatterPlotItem(x, y, data=row, size=10, pen=None, brush=hue)
            marks.sigClicked.connect(self._clicked)
            self.plot.addItem(marks)
            self._drawn += [line, marks]
            entries.append((hue, f"k = {copies}"))
        self.legend.show_entries(entries)
        values = [point.cost(cost) for point in points]
        low, high = min(values), max(values)
        margin = (high - low or high) * 0.06
        self._largest_cost = high + margin / 2
        self.plot.set_title("bottom", COSTS[cost][1])
        self.plot.setXRange(max(0.0, low - margin), high + 2 * margin, padding=0)
        shares = [point.accuracy for point in points]
        span = max(shares) - min(shares) or 0.1
        self.plot.setYRange(max(0.0, min(shares) - 0.1 * span), min(1.02, max(shares) + 0.25 * span), padding=0)
        self.set_note("dots: all settings; lines: the Pareto front by copies k. Click a setting, or drag the limit")

    def _clicked(self, item: pg.ScatterPlotItem, spots: list[pg.SpotItem], *_: object) -> None:
        if len(spots):
            self.state.select(spots[0].data())

    def _drag(self, value: float) -> None:
        self.state.set_limit(None if value >= self._largest_cost else value)

    def _data(self) -> DataTable | None:
        planned = self.state.planned
        return None if planned is None else DataTable("settings", *table(planned.plan.points))


class FrontTable(CardView):
    """The front, a row for each setting."""

    def __init__(self, state: PlanState) -> None:
        super().__init__(state.inspector, "Pareto front", data=self._data)
        self.state = state
        self.table = Table("settings of the Pareto front")
        self.table.currentCellChanged.connect(self._chosen)
        self.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show the front; the selected setting is the current row."""
        front, chosen = self.state.front, self.state.chosen
        cost: Cost = "operations" if self.state.cost == "steps" else self.state.cost  # mean T is there already
        rows = [
            [
                f"{'→ ' if point == chosen else ''}{point.setting.copies}",
                str(point.setting.steps),
                "" if point.setting.margin is None else f"{point.setting.margin:g}",
                f"{point.accuracy:.2%}",
                f"{point.steps:.2f}",
                cost_text(point.cost(cost), cost),
            ]
            for point in front
        ]
        self.set_note("no other setting is as accurate and costs as little; →: recommended")
        self.table.blockSignals(True)
        self.table.show_rows((*HEAD, COLUMNS[cost]), rows)
        selected = self.state.selected
        if selected is not None and selected in front:
            self.table.setCurrentCell(front.index(selected), 0)
        else:
            self.table.clearSelection()
        self.table.blockSignals(False)

    def _chosen(self, row: int, *_: int) -> None:
        if 0 <= row < len(self.state.front):
            self.state.select(self.state.front[row])

    def _data(self) -> DataTable | None:
        planned = self.state.planned
        return None if planned is None else DataTable("front", *table(self.state.front))


class SettingCard(CardView):
    """The selected setting, and a button that shows it in all panels."""

    def __init__(self, state: PlanState) -> None:
        super().__init__(state.inspector, "Selected setting", data=self._data)
        self.state = state
        self.facts = Facts()
        hint = "Derive the network of this setting in memory and show it in all panels; the file stays as it is"
        self.look = button("Inspect", self._look, hint, primary=True)
        self.message = label("", "caption", wrap=True)
        self.head.addWidget(self.look)
        self.body.addWidget(scrolled(self.facts, "selected setting"), 1)
        self.body.addWidget(self.message)

    def draw(self) -> None:
        """Show the setting."""
        point, planned = self.state.selected, self.state.planned
        self.look.setEnabled(point is not None)
        if point is None or planned is None:
            self.facts.show_facts([])
            self.message.setText("No setting is within the limit.")
            self.set_note("")
            return
        self.set_note("recommended" if point == self.state.chosen else "")
        self.facts.show_facts([("", facts(point))])
        self.message.setText(f"{planned.origin()} {planned.refusals()}".strip())

    def _look(self) -> None:
        point = self.state.selected
        if point is not None:
            show_setting(self.state.inspector, point.setting)

    def _data(self) -> DataTable | None:
        point = self.state.selected
        return None if point is None else DataTable("setting", *table([point]))
