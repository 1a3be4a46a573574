"""Cards for two networks without a common layer: a table of both, and spike rates by depth."""

from __future__ import annotations

from spikelet_gui.models.activity.architectures import rates_by_depth, summary
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.compare.cards import NAMES, ComparisonCard
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.tables import Table


class NetworksCard(ComparisonCard):
    """Sizes, activity and predictions of both networks."""

    HEAD = ("property", *NAMES)

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Networks", data=lambda: DataTable("compare-networks", self.HEAD, self._rows()))
        self.table = Table("properties of both networks", 22)
        self.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show both networks up to the time cursor."""
        comparison = self.inspector.results.comparison
        self.set_note("" if comparison is None else " and ".join(comparison.names))
        self.table.show_rows(self.HEAD, self._rows())

    def go(self, time: int) -> None:
        self.table.show_rows(self.HEAD, self._rows())

    def _rows(self) -> list[tuple[str, str, str]]:
        results = self.inspector.results
        if results.comparison is None:
            return []
        return summary(results.comparison, results.survey, self.inspector.cursor.time)


class DepthCard(ComparisonCard):
    """Spike rate of every layer, from the first to the last layer of each network."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Spike rates by depth", "first to last spiking layer of each", self._data)
        self.plot = Plot("spike rates by depth", "depth", "spike rate", percent=("left", "bottom"))
        self.lines = [self.plot.line([], [], side, 2.4, side, symbol="o", name=NAMES[side]) for side in (0, 1)]
        self.body.addWidget(self.plot, 1)

    def draw(self) -> None:
        """Show the rates up to the time cursor."""
        self.go(self.inspector.cursor.time)

    def go(self, time: int) -> None:
        comparison = self.inspector.results.comparison
        for side, line in enumerate(self.lines):
            line.setData(*(([], []) if comparison is None else rates_by_depth(comparison.traces[side], time)))
        self.plot.setXRange(-0.03, 1.03, padding=0)

    def _data(self) -> DataTable | None:
        comparison, time = self.inspector.results.comparison, self.inspector.cursor.time
        if comparison is None:
            return None
        rows = [
            [NAMES[side], layer, float(depth), float(rate)]
            for side, trace in enumerate(comparison.traces)
            for layer, depth, rate in zip(trace.graph.spiking, *rates_by_depth(trace, time), strict=True)
        ]
        return DataTable("rates-by-depth", ["network", "layer", "depth", "spike_rate"], rows)
