"""Charts of the selected layer: raster, potentials and spike rates."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from spikelet.display import number_of
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.text import Legend
from spikelet_gui.views.widgets.theme import length, theme

LISTED = 4  # largest number of neurons in the legend
BINS = 24  # largest number of bins of the histogram


class RasterCard(CardView):
    """Raster of the filtered neurons."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Spikes", data=self._data)
        self.raster = Raster("spike raster", inspector.cursor.go, self._touched)
        self.raster.label = self._row_name
        self.body.addWidget(self.raster, 1)
        self.follow(self._draw, inspector.opened, inspector.selection.filtered, inspector.traced)
        self.follow(self._mark, inspector.selection.picking)
        self.follow(lambda: self.raster.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        inspector = self.inspector
        if inspector.trace is None:  # another bundle has been opened
            self.raster.clear()
            self.set_note("")
            return
        spikes, rows = inspector.trace.spikes[inspector.selection.layer], inspector.selection.rows
        view = inspector.selection.view
        unfiltered = len(rows) == spikes.shape[1] and view.order == "neuron" and not view.descending
        self.raster.show_spikes(spikes if unfiltered else spikes[:, rows])
        self.raster.go(inspector.cursor.time)
        text = f"{number_of(len(rows), 'neuron')} × {number_of(len(spikes), 'time-step')}"
        if len(rows) > self.raster.area.height():
            text += "; neurons binned per row"
        self.set_note(text if len(rows) else "no neuron matches the filter of the table")
        self._mark()

    def _mark(self) -> None:
        inspector = self.inspector
        picked = [(inspector.selection.row_of(n), theme().series[i]) for i, n in enumerate(inspector.selection.picked)]
        self.raster.mark([(row, fill) for row, fill in picked if row is not None])

    def _row_name(self, row: int) -> str:
        table, rows = self.inspector.selection.table(), self.inspector.selection.rows
        return str(row) if table is None or row >= len(rows) else table.label(int(rows[row]))

    def _touched(self, row: int) -> None:
        if row < len(self.inspector.selection.rows):
            self.inspector.selection.toggle_picked(int(self.inspector.selection.rows[row]))

    def _data(self) -> DataTable | None:
        inspector = self.inspector
        if inspector.trace is None:
            return None
        spikes = inspector.trace.spikes[inspector.selection.layer][:, inspector.selection.rows]
        rows = [[int(inspector.selection.rows[n]), int(t) + 1] for t, n in np.argwhere(spikes)]
        return DataTable(f"spikes-{inspector.selection.layer}", ["neuron", "time_step"], rows)


class PotentialCard(CardView):
    """Potentials of the picked neurons, before and after every reset."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Potentials", "in units of the threshold θ", self._data)
        self.plot = Plot("potentials of the picked neurons", "time-step", "v / θ", zoom=True)
        self.plot.setMinimumHeight(length(110))  # a low window scrolls
        self.plot.level(1.0, theme().bad, "θ")
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self.legend = Legend(wrap=True)
        self.body.addWidget(self.legend)
        self.body.addWidget(self.plot, 1)
        self._drawn: list[object] = []
        self.follow(self._draw, inspector.opened, inspector.selection.picking, inspector.traced)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def _draw(self) -> None:
        inspector, trace = self.inspector, self.inspector.trace
        for item in self._drawn:
            self.plot.removeItem(item)
        self._drawn = []
        table = inspector.selection.table()
        if trace is None or table is None:
            self.legend.show_entries([])
            self.set_note("")
            return
        lows, highs = [0.0], [1.1]
        for index, neuron in enumerate(inspector.selection.picked):
            x, y = trace.path(inspector.selection.layer, neuron)
            curve = self.plot.line(x, y, index, 1.7, index // 4, name=table.label(neuron))
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
        picked = inspector.selection.picked
        entries = [(theme().series[i], table.label(n)) for i, n in enumerate(picked[:LISTED])]
        self.legend.show_entries(entries, more=len(picked) > LISTED)
        self.set_note("in units of θ; ▲ spike" if picked else "select neurons in the table, raster or map")

    def _data(self) -> DataTable | None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return None
        rows = []
        for neuron in inspector.selection.picked:
            theta = float(trace.thresholds(inspector.selection.layer)[neuron])
            for t in range(trace.steps):
                v = float(trace.potentials[inspector.selection.layer][t, neuron])
                rows.append([neuron, t + 1, v, theta, int(trace.spikes[inspector.selection.layer][t, neuron])])
        return DataTable(
            f"potentials-{inspector.selection.layer}",
            ["neuron", "time_step", "potential_after_reset", "theta", "spike"],
            rows,
        )


class RatesCard(CardView):
    """Histogram of the spike rates of the filtered neurons."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Spike rates", data=self._data)
        self.plot = Plot("rate histogram", "spike rate", "neurons", percent=("bottom",))
        self.bars = pg.BarGraphItem(x=[], height=[], width=0.1, brush=theme().series[0], pen=None)
        self.plot.addItem(self.bars)
        self.body.addWidget(self.plot, 1)
        self._counts: list[tuple[float, int]] = []
        self.follow(self._draw, inspector.opened, inspector.selection.filtered, inspector.traced)

    def _draw(self) -> None:
        inspector = self.inspector
        table, trace = inspector.selection.table(), inspector.trace
        if table is None or trace is None:
            self._counts = []
            self.bars.setOpts(x=[], height=[])
            self.set_note("")
            return
        rates = table.columns["rate"][inspector.selection.rows]
        bins = min(trace.steps, BINS)
        counts = np.bincount(np.minimum((rates * bins + 1e-6).astype(int), bins), minlength=bins + 1)
        self._counts = [(i / bins, int(n)) for i, n in enumerate(counts)]
        silent, active = int(counts[0]), counts[1:]
        self.bars.setOpts(x=np.arange(1, bins + 1) / bins, height=active, width=0.8 / bins)
        self.plot.setXRange(0, 1 + 0.6 / bins, padding=0)
        self.plot.setYRange(0, max(int(active.max(initial=0)), 1) * 1.08, padding=0)
        share = silent / max(len(rates), 1)
        self.set_note(f"mean {rates.mean():.1%}; {share:.0%} silent, not drawn" if len(rates) else "no neuron shown")

    def _data(self) -> DataTable | None:
        return DataTable(f"rates-{self.inspector.selection.layer}", ["rate", "neurons"], self._counts)
