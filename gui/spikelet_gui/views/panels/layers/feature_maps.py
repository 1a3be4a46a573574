"""Feature maps of the selected layer: the activity of its neurons as images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QResizeEvent

from spikelet.display import number_of
from spikelet_gui.models.activity.maps import Mosaic, mosaic
from spikelet_gui.models.activity.table import NeuronTable
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.readout import Reading, Value
from spikelet_gui.views.widgets.theme import theme


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
    """Feature maps: spike counts up to the time cursor, or spikes of its time-step.

    Attributes:
        mosaic: Positions of the neurons in the picture; None without a run.
    """

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Feature maps", data=self._data)
        self.mode = Segments("feature maps", ("counts", "this step"), lambda _: self._draw())
        self.head.addWidget(self.mode)
        self.picture = Picture("feature maps", self._touched)
        self.picture.pixel = self._pixel
        self.body.addWidget(self.picture, 1)
        self.mosaic: Mosaic | None = None
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
            self.mosaic = None
            self.picture.clear_values()
            self.set_note("")
            return
        shape, time = trace.graph.shapes[inspector.selection.layer], min(inspector.cursor.time, trace.steps)
        aspect = max(0.4, self.picture.width() / max(self.picture.height(), 1))
        copies = trace.graph.neuron(inspector.selection.layer).copies
        self.mosaic = mosaic(shape, aspect, copies)
        values = self._values(trace, time)
        if len(inspector.selection.rows) < len(values):
            hidden = np.ones(len(values), np.bool_)
            hidden[inspector.selection.rows] = False
            values = np.where(hidden, 0, values)
        picture = self.mosaic.picture(values)
        if self.mode.chosen == 0:
            largest = max(1.0, min(float(time * copies), float(picture.max())))
            self.set_note(f"0–{largest:.0f} spikes up to t = {time}")
        else:
            largest = float(copies)
            self.set_note(f"spikes at t = {time}" if copies == 1 else f"0–{copies} spikes at t = {time}")
        self.picture.show_values(picture, largest)
        self._mark()

    def _values(self, trace: Trace, time: int) -> npt.NDArray[np.integer]:
        """Return the spikes of every neuron up to a time-step, or at it."""
        layer = self.inspector.selection.layer
        return trace.counts(layer, time) if self.mode.chosen == 0 else trace.spikes[layer][time - 1]

    def _mark(self) -> None:
        if self.mosaic is not None and self.inspector.trace is not None:
            picked = self.inspector.selection.picked
            pixels = [self.mosaic.position(neuron) for neuron in picked]
            self.picture.mark(pixels, [theme().series[i] for i in range(len(picked))])

    def _pixel(self, y: int, x: int) -> Reading | None:
        """Return the activity of the neuron at a pixel."""
        inspector, trace = self.inspector, self.inspector.trace
        neuron = None if self.mosaic is None else self.mosaic.neuron(y, x)
        table = inspector.selection.table()
        if neuron is None or trace is None or table is None:
            return None
        return neuron_reading(trace, inspector.selection.layer, table, neuron, min(inspector.cursor.time, trace.steps))

    def _touched(self, y: int, x: int) -> None:
        neuron = None if self.mosaic is None else self.mosaic.neuron(y, x)
        if neuron is not None:
            self.inspector.selection.toggle_picked(neuron)

    def _data(self) -> DataTable | None:
        inspector, trace = self.inspector, self.inspector.trace
        if trace is None:
            return None
        time = min(inspector.cursor.time, trace.steps)
        values, kind = self._values(trace, time), "counts" if self.mode.chosen == 0 else f"step-{time}"
        rows = [[int(neuron), int(values[neuron])] for neuron in np.sort(inspector.selection.rows)]
        return DataTable(f"{kind}-{inspector.selection.layer}", ["neuron", "spikes"], rows)
