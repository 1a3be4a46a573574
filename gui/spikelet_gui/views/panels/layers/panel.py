"""Layers panel: the neurons of one layer."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from spikelet_gui.models.analysis.maps import Mosaic, mosaic
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.plots.plots import Picture, Plot, TimeLine
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.theme import GAP, theme
from spikelet_gui.views.widgets.widgets import Card, Numbers, Segments, Tabs, column, label

BINS = 24


class RasterCard(View):
    """Every spike of the neurons that are shown."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Spikes")
        self.card.numbers = self._numbers
        self.raster = Raster("spike raster", inspector.cursor.go, self._touched)
        self.card.body.addWidget(self.raster, 1)
        self.fill(self.card)
        self.follow(self._draw, inspector.selection.filtered, inspector.traced)
        self.follow(self._mark, inspector.selection.picking)
        self.follow(lambda: self.raster.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        inspector = self.inspector
        if inspector.trace is None:
            return
        spikes, rows = inspector.trace.spikes[inspector.selection.layer], inspector.selection.rows
        whole = (
            len(rows) == spikes.shape[1]
            and inspector.selection.view.order == "neuron"
            and not inspector.selection.view.descending
        )
        self.raster.show_spikes(spikes if whole else spikes[:, rows])
        self.raster.go(inspector.cursor.time)
        text = f"{len(rows):,} neurons × {len(spikes)} time-steps"
        if len(rows) > self.raster.area.height():
            text += "; neurons binned per row"
        self.card.say(text if len(rows) else "no neuron matches the filter; change it in the table")
        self._mark()

    def _mark(self) -> None:
        inspector = self.inspector
        found = [(inspector.selection.row_of(n), theme().series[i]) for i, n in enumerate(inspector.selection.picked)]
        self.raster.mark([(row, fill) for row, fill in found if row is not None])

    def _touched(self, row: int) -> None:
        if row < len(self.inspector.selection.rows):
            self.inspector.selection.pick_more(int(self.inspector.selection.rows[row]))

    def _numbers(self) -> Numbers | None:
        inspector = self.inspector
        if inspector.trace is None:
            return None
        spikes = inspector.trace.spikes[inspector.selection.layer][:, inspector.selection.rows]
        rows = [[int(inspector.selection.rows[n]), int(t) + 1] for t, n in np.argwhere(spikes)]
        return Numbers(f"spikes-{inspector.selection.layer}", ["neuron", "time_step"], rows)


class PotentialCard(View):
    """Potentials of the neurons that are picked, drawn up to the threshold and beyond where they fire."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Potentials", "in units of the threshold θ")
        self.card.numbers = self._numbers
        self.plot = Plot("potentials of the chosen neurons", "time-step", "v / θ", zoom=True)
        self.plot.level(1.0, theme().bad, "θ")
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.legend = label("", "caption")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.card.head.addWidget(self.legend)
        self.card.body.addWidget(self.plot, 1)
        self.fill(self.card)
        self._drawn: list[object] = []
        self.follow(self._draw, inspector.selection.picking, inspector.traced)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        inspector, trace = self.inspector, self.inspector.trace
        for item in self._drawn:
            self.plot.removeItem(item)
        self._drawn = []
        table = inspector.selection.table()
        if trace is None or table is None:
            return
        lows, highs = [0.0], [1.1]
        for index, neuron in enumerate(inspector.selection.picked):
            x, y = trace.path(inspector.selection.layer, neuron)
            curve = self.plot.line(x, y, index, 1.7, index // 4)
            fired = np.flatnonzero(trace.spikes[inspector.selection.layer][:, neuron])
            marks = pg.ScatterPlotItem(
                fired + 1.0, y[2 * fired + 1], size=9, symbol="t1", pen=None, brush=theme().series[index]
            )
            self.plot.addItem(marks)
            self._drawn += [curve, marks]
            lows.append(float(y.min()))
            highs.append(float(y.max()))
        self.plot.steps_axis(trace.steps)
        self.plot.setXRange(-0.1, trace.steps + 0.5, padding=0)
        self.plot.setYRange(max(min(lows), -4) - 0.1, min(max(highs), 6) + 0.1, padding=0)
        self.timeline.go(inspector.cursor.time)
        names = [
            f'<span style="color:{theme().series[i]}">■</span> {table.label(n)}'
            for i, n in enumerate(inspector.selection.picked[:4])
        ]
        self.legend.setText("&nbsp; ".join(names) + (" …" if len(inspector.selection.picked) > 4 else ""))
        self.card.say(
            "in units of θ; ▲ a spike" if inspector.selection.picked else "select neurons in the table, raster or map"
        )

    def _numbers(self) -> Numbers | None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return None
        rows = []
        for neuron in inspector.selection.picked:
            theta = float(trace.thresholds(inspector.selection.layer)[neuron])
            for t in range(trace.steps):
                v = float(trace.potentials[inspector.selection.layer][t, neuron])
                rows.append([neuron, t + 1, v, theta, int(trace.spikes[inspector.selection.layer][t, neuron])])
        return Numbers(
            f"potentials-{inspector.selection.layer}",
            ["neuron", "time_step", "potential_after_reset", "theta", "spike"],
            rows,
        )


class MapCard(View):
    """Spike counts of every channel up to the cursor; or the spikes of the cursor's time-step alone."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Feature maps")
        self.card.numbers = self._numbers
        self.mode = Segments("feature maps", ("so far", "this step"), lambda _: self._draw())
        self.card.head.addWidget(self.mode)
        self.picture = Picture("feature maps", self._touched)
        self.card.body.addWidget(self.picture, 1)
        self.fill(self.card)
        self._mosaic: Mosaic | None = None
        self.follow(self._draw, inspector.traced, inspector.selection.filtered, inspector.cursor.moved)
        self.follow(self._mark, inspector.selection.picking)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if self.isVisible():
            self._draw()  # other columns may fill the room better

    def _draw(self) -> None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return
        shape, time = trace.graph.shapes[inspector.selection.layer], min(inspector.cursor.time, trace.steps)
        aspect = max(0.4, self.picture.width() / max(self.picture.height(), 1))
        self._mosaic = mosaic(shape, aspect)
        if self.mode.chosen == 0:
            values, most = trace.counts(inspector.selection.layer, time), float(time)
            most = max(1.0, min(most, float(values.max())))
            self.card.say(f"0–{most:.0f} spikes up to t = {time}")
        else:
            values, most = trace.spikes[inspector.selection.layer][time - 1], 1.0
            self.card.say(f"spikes at t = {time}")
        if len(inspector.selection.rows) < len(values):
            hidden = np.ones(len(values), np.bool_)
            hidden[inspector.selection.rows] = False
            values = np.where(hidden, 0, values)
        self.picture.numbers(self._mosaic.picture(values), most)
        self._mark()

    def _mark(self) -> None:
        if self._mosaic is not None and self.inspector.trace is not None:
            picked = self.inspector.selection.picked
            places = [self._mosaic.place(neuron) for neuron in picked]
            self.picture.mark(places, [theme().series[i] for i in range(len(picked))])

    def _touched(self, y: int, x: int) -> None:
        neuron = None if self._mosaic is None else self._mosaic.neuron(y, x)
        if neuron is not None:
            self.inspector.selection.pick_more(neuron)

    def _numbers(self) -> Numbers | None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return None
        counts = trace.counts(inspector.selection.layer, inspector.cursor.time)
        return Numbers(
            f"counts-{inspector.selection.layer}", ["neuron", "spikes"], [[i, int(c)] for i, c in enumerate(counts)]
        )


class HistogramCard(View):
    """How the rates of the shown neurons are spread."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Rates")
        self.card.numbers = self._numbers
        self.plot = Plot("rate histogram", "spike rate", "neurons", percent=("bottom",))
        self.bars = pg.BarGraphItem(x=[], height=[], width=0.1, brush=theme().series[0], pen=None)
        self.plot.addItem(self.bars)
        self.card.body.addWidget(self.plot, 1)
        self.fill(self.card)
        self._counts: list[tuple[float, int]] = []
        self.follow(self._draw, inspector.selection.filtered, inspector.traced)

    def _draw(self) -> None:
        inspector = self.inspector
        table, trace = inspector.selection.table(), inspector.trace
        if table is None or trace is None:
            return
        rates = table.columns["rate"][inspector.selection.rows]
        bins = min(trace.steps, BINS)
        counts = np.bincount(np.minimum((rates * bins + 1e-6).astype(int), bins), minlength=bins + 1)
        self._counts = [(i / bins, int(n)) for i, n in enumerate(counts)]
        silent, rest = int(counts[0]), counts[1:]
        self.bars.setOpts(x=np.arange(1, bins + 1) / bins, height=rest, width=0.8 / bins)
        self.plot.setXRange(0, 1 + 0.6 / bins, padding=0)
        self.plot.setYRange(0, max(int(rest.max(initial=0)), 1) * 1.08, padding=0)
        share = silent / max(len(rates), 1)
        self.card.say(f"mean {rates.mean():.1%}; {share:.0%} silent, not drawn" if len(rates) else "no neuron shown")

    def _numbers(self) -> Numbers | None:
        return Numbers(f"rates-{self.inspector.selection.layer}", ["rate", "neurons"], self._counts)


class Layers(View):
    """Layer by layer: raster and potentials, maps and rates, and the table that chooses."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, 4, GAP, GAP)
        outer.setSpacing(6)
        self._strip = QHBoxLayout()
        outer.addLayout(self._strip)
        panes = QHBoxLayout()
        panes.setSpacing(GAP)
        panes.addLayout(column(RasterCard(inspector), PotentialCard(inspector), stretch=(5, 4), spacing=GAP), 7)
        panes.addLayout(column(MapCard(inspector), HistogramCard(inspector), stretch=(4, 3), spacing=GAP), 9)
        panes.addWidget(NeuronCard(inspector), 7)
        outer.addLayout(panes, 1)
        self.tabs: Tabs | None = None
        self.follow(self._names, inspector.opened)
        self.follow(self._focus, inspector.selection.focused)

    def _names(self) -> None:
        inspector = self.inspector
        if inspector.document is None:
            return
        names = list(inspector.document.bundle.graph.spiking)
        if self.tabs is not None:
            self._strip.removeWidget(self.tabs)
            self.tabs.deleteLater()
        self.tabs = Tabs("layer", names, lambda index: inspector.selection.focus(names[index]))
        self._strip.insertWidget(0, self.tabs)
        if self._strip.count() == 1:
            self._strip.addStretch(1)
        self._focus()

    def _focus(self) -> None:
        document = self.inspector.document
        if self.tabs is not None and document is not None:
            self.tabs.choose(document.bundle.graph.spiking.index(self.inspector.selection.layer))
