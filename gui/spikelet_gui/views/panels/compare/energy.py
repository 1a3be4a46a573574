"""Energy per image of both networks of a comparison."""

from __future__ import annotations

from spikelet.display import number_of
from spikelet.metrics.energy import spiking_levels
from spikelet_gui.models.analysis.costs import Spans, microjoules
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.profiles import find_profile
from spikelet_gui.views.panels.compare.cards import NAMES, ComparisonCard
from spikelet_gui.views.plots.range_bars import RangeBars, level_legend

NO_FIGURES = "No figure is published for this hardware profile; choose another one in the Energy panel"


class EnergyCard(ComparisonCard):
    """Estimated energy of both, at three levels, on the hardware profile of the Energy panel."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Energy per image", data=self._data)
        self.bars = RangeBars("energy of both networks")
        self.legend = level_legend()
        self.body.addWidget(self.bars, 1)
        self.body.addWidget(self.legend)

    def draw(self) -> None:
        """Show the estimates on all images after a comparison on these, otherwise on this image."""
        rows, results = self._rows(), self.inspector.results
        profile = find_profile(self.inspector.settings.profile)
        self.bars.show_rows(rows)
        self.legend.setVisible(bool(rows))
        if results.comparison is None or rows:
            survey = results.survey
            images = "this image" if survey is None else number_of(survey.images, "image")
            self.set_note(f"{profile.title}: estimate for {images}, each level on its own scale" if rows else "")
        else:
            self.set_note("estimated for images only" if profile.priced else NO_FIGURES)

    def _rows(self) -> Spans:
        """Return the name and the energy by level of both; nothing without an estimate."""
        results, profile = self.inspector.results, find_profile(self.inspector.settings.profile)
        if results.comparison is None or not profile.priced:
            return []
        counted = results.comparison.operations if results.survey is None else results.survey.operations
        graphs = [side.bundle.graph for side in results.comparison.sides]
        return [
            (name, spiking_levels(graph, operations, profile))
            for name, graph, operations in zip(NAMES, graphs, counted, strict=False)
        ]

    def _data(self) -> DataTable | None:
        rows = microjoules(self._rows())
        return DataTable("compare-energy", ["network", "level", "low_uJ", "high_uJ"], rows) if rows else None
