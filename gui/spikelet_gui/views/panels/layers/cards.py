"""Charts of the selected layer: raster, potentials, feature maps and spike rates."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QResizeEvent

from spikelet.display import number_of
from spikelet_gui.models.activity.maps import Mosaic, mosaic
from spikelet_gui.models.activity.table import NeuronTable
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.readout import Reading, Value
from spikelet_gui.views.widgets.text import Legend
from spikelet_gui.views.widgets.theme import theme

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
        self.plot.setMinimumHeight(100)  # a low window scrolls
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


def neuron_reading(trace: Trace, layer: str, table: NeuronTable, neuron: int, time: int) -> Reading:
    """Return spike count, activation, potential and first spike of a neuron at a time-step."""
    count, first = int(trace.counts(layer, time)[neuron]), int(table.columns["first"][neuron])
    theta = float(trace.thresholds(layer)[neuron])
    values = [
        Value("spikes", f"{count} in {number_of(time, 'time-step')}"),
        Value("first spike", f"t = {first}" if first else "never"),
        Value("potential", f"{number(float(trace.potentials[layer][time - 1, neuron]) / theta)} θ"),
    ]
    if layer in trace.activations:
        values.append(Value("source activation", f"{trace.activations[layer][neuron]:.1%}"))
    if "all" in table.columns:
        values.append(Value("rate over all images", f"{table.columns['all'][neuron]:.1%}"))
    return Reading(f"neuron {table.label(neuron)}", values)


class MapCard(CardView):
    """Feature maps: spike counts up to the time cursor, or spikes of its time-step."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Feature maps", data=self._data)
        self.mode = Segments("feature maps", ("counts", "this step"), lambda _: self._draw())
        self.head.addWidget(self.mode)
        self.picture = Picture("feature maps", self._touched)
        self.picture.pixel = self._pixel
        self.body.addWidget(self.picture, 1)
        self._mosaic: Mosaic | None = None
        self.follow(
            self._draw, inspector.opened, inspector.traced, inspector.selection.filtered, inspector.cursor.moved
        )
        self.follow(self._mark, inspector.selection.picking)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if self.isVisible():
            self._draw()  # another number of columns may fit better

    def _draw(self) -> None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            self._mosaic = None
            self.picture.clear_values()
            self.set_note("")
            return
        shape, time = trace.graph.shapes[inspector.selection.layer], min(inspector.cursor.time, trace.steps)
        aspect = max(0.4, self.picture.width() / max(self.picture.height(), 1))
        copies = trace.graph.neuron(inspector.selection.layer).copies
        self._mosaic = mosaic(shape, aspect, copies)
        if self.mode.chosen == 0:
            values = trace.counts(inspector.selection.layer, time)
        else:
            values = trace.spikes[inspector.selection.layer][time - 1]
        if len(inspector.selection.rows) < len(values):
            hidden = np.ones(len(values), np.bool_)
            hidden[inspector.selection.rows] = False
            values = np.where(hidden, 0, values)
        picture = self._mosaic.picture(values)
        if self.mode.chosen == 0:
            largest = max(1.0, min(float(time * copies), float(picture.max())))
            self.set_note(f"0–{largest:.0f} spikes up to t = {time}")
        else:
            largest = float(copies)
            self.set_note(f"spikes at t = {time}" if copies == 1 else f"0–{copies} spikes at t = {time}")
        self.picture.show_values(picture, largest)
        self._mark()

    def _mark(self) -> None:
        if self._mosaic is not None and self.inspector.trace is not None:
            picked = self.inspector.selection.picked
            pixels = [self._mosaic.position(neuron) for neuron in picked]
            self.picture.mark(pixels, [theme().series[i] for i in range(len(picked))])

    def _pixel(self, y: int, x: int) -> Reading | None:
        """Return the activity of the neuron at a pixel."""
        inspector, trace = self.inspector, self.inspector.trace
        neuron = None if self._mosaic is None else self._mosaic.neuron(y, x)
        table = inspector.selection.table()
        if neuron is None or trace is None or table is None:
            return None
        return neuron_reading(trace, inspector.selection.layer, table, neuron, min(inspector.cursor.time, trace.steps))

    def _touched(self, y: int, x: int) -> None:
        neuron = None if self._mosaic is None else self._mosaic.neuron(y, x)
        if neuron is not None:
            self.inspector.selection.toggle_picked(neuron)

    def _data(self) -> DataTable | None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return None
        counts = trace.counts(inspector.selection.layer, inspector.cursor.time)
        return DataTable(
            f"counts-{inspector.selection.layer}", ["neuron", "spikes"], [[i, int(c)] for i, c in enumerate(counts)]
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
