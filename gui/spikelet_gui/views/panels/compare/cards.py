"""Charts of a comparison: rasters, differences by layer, and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.evidence import class_names
from spikelet_gui.views.plots.plots import Plot, TimeLine
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.theme import mixed, theme
from spikelet_gui.views.widgets.widgets import Card, Numbers, label


class Part(View):
    """A card of the comparison."""

    def __init__(self, inspector: Inspector, title: str, note: str = "") -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card(title, note)
        self.fill(self.card)

    @property
    def layer(self) -> str | None:
        """The layer that is looked at, if both have it."""
        comparison = self.inspector.beside.comparison
        return (
            self.inspector.selection.layer
            if comparison is not None and self.inspector.selection.layer in comparison.layers
            else None
        )

    def go(self, time: int) -> None:
        """The cursor moved."""


class SideCard(Part):
    """Spikes of one of them."""

    def __init__(self, inspector: Inspector, side: int) -> None:
        super().__init__(inspector, ("First", "Second")[side])
        self.side = side
        self.raster = Raster(f"spikes of the {('first', 'second')[side]}", inspector.cursor.go)
        self.card.body.addWidget(self.raster, 1)

    def draw(self) -> None:
        """Show the layer."""
        comparison, layer = self.inspector.beside.comparison, self.layer
        if comparison is None or layer is None:
            self.raster.show_spikes(np.zeros((1, 0), np.uint8))
            self.card.say("")
            return
        trace = comparison.traces[self.side]
        self.raster.show_spikes(trace.spikes[layer])
        self.raster.go(self.inspector.cursor.time)
        self.card.say(f"{comparison.sides[self.side].name}: {int(trace.spikes[layer].sum()):,} spikes in {layer}")

    def go(self, time: int) -> None:
        self.raster.go(time)


class DifferenceCard(Part):
    """Spikes that one of them fired alone."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Difference")
        self.card.numbers = self._numbers
        self.raster = Raster("difference of the spikes", inspector.cursor.go)
        self.legend = label("", "caption")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        marks = ((theme().under, "first only"), (theme().over, "second only"), (self._both(), "both"))
        self.legend.setText("&nbsp; ".join(f'<span style="color:{c}">■</span> {name}' for c, name in marks))
        self.card.head.addWidget(self.legend)
        self.card.body.addWidget(self.raster, 1)

    @staticmethod
    def _both() -> str:
        return mixed(theme().raised, theme().muted, 0.45)

    def draw(self) -> None:
        """Show the layer."""
        comparison, layer = self.inspector.beside.comparison, self.layer
        palette = [theme().raised, self._both(), theme().under, theme().over]
        if comparison is None or layer is None:
            self.raster.show_spikes(np.zeros((1, 0), np.uint8), palette)
            self.card.say("")
            return
        self.raster.show_spikes(comparison.raster(layer), palette)
        self.raster.go(self.inspector.cursor.time)
        differing = comparison.differing(layer)
        self.card.say(f"{layer}: {differing:,} spikes differ" if differing else f"{layer}: no spike differs")

    def go(self, time: int) -> None:
        self.raster.go(time)

    def _numbers(self) -> Numbers | None:
        comparison, layer = self.inspector.beside.comparison, self.layer
        if comparison is None or layer is None:
            return None
        kinds = comparison.raster(layer)
        rows = [[int(n), int(t) + 1, ("first", "second")[int(kinds[t, n]) - 2]] for t, n in np.argwhere(kinds > 1)]
        return Numbers(f"difference-{layer}", ["neuron", "time_step", "fired_alone"], rows)


class LayersCard(Part):
    """Spikes of both, and how many differ, layer by layer."""

    HEAD = ("layer", "first", "second", "differing", "all images")

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Layers")
        self.card.numbers = lambda: Numbers("compare-layers", self.HEAD, self._rows())
        self.table = Table("spikes by layer", 22)
        self.table.cellClicked.connect(self._clicked)
        self.card.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show all layers."""
        self.table.show_rows(self.HEAD, self._rows())
        counted = self.inspector.beside.survey
        self.card.say("spikes on this image" if counted is None else f"and on {counted.images:,} images")

    def _rows(self) -> list[list[Any]]:
        comparison, counted = self.inspector.beside.comparison, self.inspector.beside.survey
        if comparison is None:
            return []
        return [
            [
                layer,
                *(int(trace.spikes[layer].sum()) for trace in comparison.traces),
                comparison.differing(layer),
                "–" if counted is None else counted.differing.get(layer, "–"),
            ]
            for layer in comparison.layers
        ]

    def _clicked(self, at: int, _: int) -> None:
        comparison = self.inspector.beside.comparison
        if comparison is not None and at < len(comparison.layers):
            self.inspector.selection.focus(comparison.layers[at])


class AnswersCard(Part):
    """Margins of both over time, and what they answer."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Predictions")
        self.card.numbers = self._numbers
        self.plot = Plot("margin of both", "time-step", "margin")
        self.lines = [self.plot.line([], [], side, 2.4, side, symbol="o", symbolSize=5) for side in (0, 1)]
        for side, line in enumerate(self.lines):
            line.setSymbolBrush(theme().series[side])
            line.setSymbolPen(None)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.message = label("", "caption", wrap=True)
        self.message.setTextFormat(Qt.TextFormat.RichText)
        self.card.body.addWidget(self.plot, 1)
        self.card.body.addWidget(self.message)

    def draw(self) -> None:
        """Show both."""
        comparison = self.inspector.beside.comparison
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
        comparison = self.inspector.beside.comparison
        self.timeline.go(time)
        if comparison is None:
            return
        said = []
        for side, trace in enumerate(comparison.traces):
            names = comparison.sides[side].bundle.manifest.labels
            answer = trace.answer(min(time, trace.steps))
            mark = f'<span style="color:{pg.mkColor(theme().series[side]).name()}">■</span>'
            said.append(f"{mark} {comparison.sides[side].name}: <b>{names[answer] if names else answer}</b>")
        counted = self.inspector.beside.survey
        if counted is not None:
            said.append(
                f"alike on {counted.agreement[min(time, len(counted.agreement)) - 1]:.1%} of {counted.images:,} images"
            )
            said += [f"{('first', 'second')[side]} {right[-1]:.1%} right" for side, right in counted.right.items()]
        self.message.setText("<br>".join(said))

    def _numbers(self) -> Numbers | None:
        comparison = self.inspector.beside.comparison
        if comparison is None:
            return None
        names = class_names(self.inspector)
        rows = [
            [t + 1, *(v for trace in comparison.traces for v in (names[trace.answer(t + 1)], float(trace.margins[t])))]
            for t in range(comparison.traces[0].steps)
        ]
        return Numbers("compare-answers", ["time_step", "first", "first_margin", "second", "second_margin"], rows)
