"""Cards of a comparison: rasters, differences by layer, and predictions."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from spikelet.display import number_of
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import Legend, coloured, label, shortened
from spikelet_gui.views.widgets.theme import mixed, theme

NAMES = ("first", "second")


class ComparisonCard(CardView):
    """A card of the comparison."""

    @property
    def layer(self) -> str | None:
        """The selected layer, or None if not both networks have it."""
        comparison, layer = self.inspector.results.comparison, self.inspector.selection.layer
        return layer if comparison is not None and layer in comparison.layers else None

    def draw(self) -> None:
        """Show the comparison."""

    def go(self, time: int) -> None:
        """Move the time cursor."""


class SideCard(ComparisonCard):
    """Raster of the first or of the second network."""

    def __init__(self, inspector: Inspector, side: int) -> None:
        super().__init__(inspector, NAMES[side].capitalize())
        self.side = side
        self.raster = Raster(f"spikes of the {NAMES[side]}", inspector.cursor.go)
        self.body.addWidget(self.raster, 1)

    def draw(self) -> None:
        """Show the selected layer."""
        comparison, layer = self.inspector.results.comparison, self.layer
        if comparison is None or layer is None:
            self.raster.show_spikes(np.zeros((1, 0), np.uint8))
            self.set_note("")
            return
        trace = comparison.traces[self.side]
        self.raster.show_spikes(trace.spikes[layer])
        self.raster.go(self.inspector.cursor.time)
        name, spikes = shortened(comparison.names[self.side]), int(trace.spikes[layer].sum())
        self.set_note(f"{name}: {number_of(spikes, 'spike')} in {layer}")

    def go(self, time: int) -> None:
        self.raster.go(time)


class DifferenceCard(ComparisonCard):
    """Raster of the spikes that only one network fired."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Difference", data=self._data)
        self.raster = Raster("difference of the spikes", inspector.cursor.go)
        self.legend = Legend([(theme().under, "first only"), (theme().over, "second only"), (self._both(), "both")])
        self.head.addWidget(self.legend)
        self.body.addWidget(self.raster, 1)

    @staticmethod
    def _both() -> str:
        return mixed(theme().raised, theme().muted, 0.45)

    def draw(self) -> None:
        """Show the selected layer."""
        comparison, layer = self.inspector.results.comparison, self.layer
        palette = [theme().raised, self._both(), theme().under, theme().over]
        if comparison is None or layer is None:
            self.raster.show_spikes(np.zeros((1, 0), np.uint8), palette)
            self.set_note("")
            return
        self.raster.show_spikes(comparison.raster(layer), palette)
        self.raster.go(self.inspector.cursor.time)
        differing = comparison.differing(layer)
        self.set_note(f"{layer}: {number_of(differing, 'differing spike') if differing else 'no spike differs'}")

    def go(self, time: int) -> None:
        self.raster.go(time)

    def _data(self) -> DataTable | None:
        comparison, layer = self.inspector.results.comparison, self.layer
        if comparison is None or layer is None:
            return None
        kinds = comparison.raster(layer)
        rows = [[int(n), int(t) + 1, NAMES[int(kinds[t, n]) - 2]] for t, n in np.argwhere(kinds > 1)]
        return DataTable(f"difference-{layer}", ["neuron", "time_step", "fired_alone"], rows)


class LayersCard(ComparisonCard):
    """Spike counts of both, and the number that differ, by layer."""

    HEAD = ("layer", "first", "second", "differing", "all images")

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Layers", data=lambda: DataTable("compare-layers", self.HEAD, self._rows()))
        self.table = Table("spikes by layer", 22)
        for chosen in (self.table.cellClicked, self.table.cellActivated):  # a click, or Enter
            chosen.connect(self._clicked)
        self.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show all layers."""
        self.table.show_rows(self.HEAD, self._rows())
        survey = self.inspector.results.survey
        self.set_note(
            "spikes on this image"
            if survey is None
            else f"on this image; last column: {number_of(survey.images, 'image')}"
        )

    def _rows(self) -> list[list[object]]:
        comparison, survey = self.inspector.results.comparison, self.inspector.results.survey
        if comparison is None:
            return []
        return [
            [
                layer,
                *(int(trace.spikes[layer].sum()) for trace in comparison.traces),
                comparison.differing(layer),
                "–" if survey is None else survey.differing.get(layer, "–"),
            ]
            for layer in comparison.layers
        ]

    def _clicked(self, row: int, _: int) -> None:
        comparison = self.inspector.results.comparison
        if comparison is not None and row < len(comparison.layers):
            self.inspector.selection.focus(comparison.layers[row])


class PredictionsCard(ComparisonCard):
    """Margins of both over time, and their predictions."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Predictions", data=self._data)
        self.plot = Plot("margin of both", "time-step", "margin")
        self.lines = [
            self.plot.line([], [], side, 2.4, side, symbol="o", symbolSize=5, name=NAMES[side]) for side in (0, 1)
        ]
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.message = label("", "caption", wrap=True)
        self.message.setTextFormat(Qt.TextFormat.RichText)
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.message)

    def draw(self) -> None:
        """Show the margins."""
        comparison = self.inspector.results.comparison
        if comparison is None:
            for line in self.lines:
                line.setData([], [])
            self.message.setText("")
            return
        for line, trace in zip(self.lines, comparison.traces, strict=True):
            line.setData(np.arange(1, trace.steps + 1), np.where(np.isfinite(trace.margins), trace.margins, 0))
        self.plot.steps_axis(comparison.traces[0].steps)
        self.go(self.inspector.cursor.time)

    def go(self, time: int) -> None:
        comparison = self.inspector.results.comparison
        self.timeline.go(time)
        if comparison is None:
            return
        lines = []
        for side, name in enumerate(comparison.names):
            lines.append(coloured(theme().series[side], f"{name}: ", comparison.prediction(side, time)))
        survey = self.inspector.results.survey
        if survey is not None:
            agreement = survey.agreement[min(time, len(survey.agreement)) - 1]
            lines.append(f"equal predictions on {agreement:.1%} of {number_of(survey.images, 'image')}")
            lines += [f"accuracy of the {NAMES[side]}: {shares[-1]:.1%}" for side, shares in survey.accuracy.items()]
        self.message.setText("<br>".join(lines))

    def _data(self) -> DataTable | None:
        comparison = self.inspector.results.comparison
        if comparison is None:
            return None
        rows: list[list[object]] = []
        for t in range(comparison.traces[0].steps):
            row: list[object] = [t + 1]
            for side, trace in enumerate(comparison.traces):
                row += [comparison.prediction(side, t + 1), float(trace.margins[t])]
            rows.append(row)
        return DataTable("compare-answers", ["time_step", "first", "first_margin", "second", "second_margin"], rows)
