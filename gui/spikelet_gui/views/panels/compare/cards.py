"""Cards of a comparison: rasters, differences by layer, and predictions."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from spikelet.display import number_of
from spikelet_gui.models.activity.compare import Comparison, Survey
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import share_range
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Segments
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
    """Predictions of both: their margins on this image, or their accuracy on all images, over time."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Predictions", data=self._data)
        self.basis = Segments("predictions", ["this image", "all images"], lambda _: self.draw())
        self.plots = (
            Plot("margin of both", "time-step", "margin"),
            Plot("accuracy of both by time-step", "time-steps", "accuracy", percent=("left",)),
        )
        self.lines = [
            [plot.line([], [], side, 2.4, side, symbol="o", symbolSize=5, name=NAMES[side]) for side in (0, 1)]
            for plot in self.plots
        ]
        self.timelines = [TimeLine(plot, inspector.cursor.go) for plot in self.plots]
        self.message = label("", "caption", wrap=True)
        self.message.setTextFormat(Qt.TextFormat.RichText)
        self.head.addWidget(self.basis)
        for plot in self.plots:
            self.body.addWidget(plot, 1)
        self.body.addWidget(self.message)
        self._survey: Survey | None = None

    @property
    def _labelled(self) -> Survey | None:
        """The comparison on all images, if these have labels."""
        survey = self.inspector.results.survey
        return survey if survey is not None and survey.accuracy else None

    def draw(self) -> None:
        """Show the margins, or the accuracies; a comparison on all images is shown when it is new."""
        comparison, survey = self.inspector.results.comparison, self._labelled
        if survey is not self._survey:
            self._survey = survey
            self.basis.choose(0 if survey is None else 1)
        self.basis.setVisible(survey is not None)
        for basis, plot in enumerate(self.plots):
            plot.setVisible(basis == self.basis.chosen)
        for side in (0, 1):
            margins = None if comparison is None else comparison.traces[side].margins
            shares = None if survey is None else survey.accuracy[side]
            for lines, values in zip(self.lines, (margins, shares), strict=True):
                y = np.zeros(0) if values is None else np.where(np.isfinite(values), values, 0)
                lines[side].setData(np.arange(1, len(y) + 1), y)
        if comparison is not None:
            self.plots[0].steps_axis(comparison.traces[0].steps)
        if survey is not None:
            self.plots[1].steps_axis(len(survey.agreement))
            self.plots[1].setYRange(*share_range([*survey.accuracy[0], *survey.accuracy[1]]), padding=0)
        self.go(self.inspector.cursor.time)

    def go(self, time: int) -> None:
        comparison, survey = self.inspector.results.comparison, self.inspector.results.survey
        for timeline in self.timelines:
            timeline.go(time)
        lines = [] if comparison is None else _predictions(comparison, time)
        if comparison is not None and survey is not None:
            lines.append(_on_all_images(survey, time))
            if not comparison.same_classes:
                lines.append("The second has other classes; those of equal names are the same.")
        self.message.setText("<br>".join(lines))

    def _data(self) -> DataTable | None:
        comparison, survey = self.inspector.results.comparison, self._labelled
        if comparison is None:
            return None
        head = ["time_step", "first", "first_margin", "second", "second_margin"]
        rows: list[list[object]] = []
        for t in range(comparison.traces[0].steps):
            row: list[object] = [t + 1]
            for side, trace in enumerate(comparison.traces):
                row += [comparison.prediction(side, t + 1), float(trace.margins[t])]
            if survey is not None:
                row += [float(survey.accuracy[side][t]) for side in (0, 1)]
            rows.append(row)
        if survey is not None:
            head += ["first_accuracy", "second_accuracy"]
        return DataTable("compare-answers", head, rows)


def _predictions(comparison: Comparison, time: int) -> list[str]:
    """Return a line of rich text for each network: its colour, its name and its prediction on this image."""
    return [
        coloured(theme().series[side], f"{name}: ", comparison.prediction(side, time))
        for side, name in enumerate(comparison.names)
    ]


def _on_all_images(survey: Survey, time: int) -> str:
    """Return the shares of images that the first and the second classify correctly, and that both classify equally."""
    step = min(time, len(survey.agreement))
    shares = [f"{accuracy[step - 1]:.1%}" for accuracy in survey.accuracy.values()]
    correct = f"correct on {' and '.join(shares)}, " if shares else ""
    return f"{number_of(survey.images, 'image')}, t = {step}: {correct}equal on {survey.agreement[step - 1]:.1%}"
