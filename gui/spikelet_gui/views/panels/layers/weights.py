"""Weights of the selected layer: all kernels as one image, and their histogram."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtWidgets import QHBoxLayout

from spikelet.display import number_of
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.network.weights import Weights, weights_of
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Choice
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.layouts import Empty, column
from spikelet_gui.views.widgets.readout import Reading, Value
from spikelet_gui.views.widgets.text import Legend
from spikelet_gui.views.widgets.theme import GAP, theme


class KernelCard(CardView):
    """All weights of a node as one image: a row per output, a column per input."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Weights", data=self._data)
        self.weights: Weights | None = None
        self.picture = Picture("weights", lambda row, column: None)
        self.picture.pixel = self._pixel
        self.head.addWidget(Legend([(theme().under, "negative"), (theme().over, "positive")]))
        self.body.addWidget(self.picture, 1)

    def show_weights(self, weights: Weights) -> None:
        """Show the weights of a node."""
        self.weights = weights
        outputs, inputs, height, width = weights.values.shape
        kernels = f"{number_of(outputs, 'output')} × {number_of(inputs, 'input')}"
        kernels += f", kernels {width}×{height}" if height > 1 else ""
        self.set_note(f"{weights.node}: {kernels}; drag and wheel zoom, a double click shows all")
        self.picture.show_signed(weights.picture())

    def _pixel(self, row: int, column: int) -> Reading | None:
        weights = self.weights
        position = None if weights is None else weights.position(row, column)
        if weights is None or position is None:
            return None
        value = weights.at(position)
        values = [Value("weight", number(value))]
        if weights.theta is not None:
            values.append(Value("of the threshold", f"{number(value / weights.theta[position.output])} θ"))
        y, x = position.pixel
        kernel = f", row {y}, column {x}" if weights.values[0, 0].size > 1 else ""
        return Reading(f"output {position.output}, input {position.input}{kernel}", values)

    def _data(self) -> DataTable | None:
        weights = self.weights
        if weights is None:
            return None
        return DataTable(f"weights-{weights.node}", ["output", "input", "y", "x", "weight"], weights.rows())


class HistogramCard(CardView):
    """Histogram and summary of the weights of a node."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Histogram", data=self._data)
        self.weights: Weights | None = None
        self.plot = Plot("histogram of the weights", "weight", "number")
        self.bars = pg.BarGraphItem(x=[], height=[], width=1.0, brush=theme().series[0], pen=None)
        self.plot.addItem(self.bars)
        self.facts = Facts()
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.facts)

    def show_weights(self, weights: Weights) -> None:
        """Show the weights of a node."""
        self.weights = weights
        centres, counts, width = weights.histogram()
        self.bars.setOpts(x=centres, height=counts, width=width)
        self.plot.setXRange(float(centres[0]) - width, float(centres[-1]) + width, padding=0)
        self.plot.setYRange(0, max(int(counts.max()), 1) * 1.08, padding=0)
        self.facts.show_facts([("", weights.facts())])

    def _data(self) -> DataTable | None:
        if self.weights is None:
            return None
        centres, counts, _ = self.weights.histogram()
        pairs = [[float(centre), int(count)] for centre, count in zip(centres, counts, strict=True)]
        return DataTable(f"weight-histogram-{self.weights.node}", ["weight", "number"], pairs)


class WeightsPage(View):
    """Selection of the node, with its kernels on the left and its histogram on the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.node = Choice("node with weights")
        self.node.activated.connect(lambda _: self._show())
        self.kernels, self.histogram = KernelCard(inspector), HistogramCard(inspector)
        self.kernels.head.insertWidget(1, self.node)
        self.empty = Empty("This layer has no weights.")
        panes = QHBoxLayout(self)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.setSpacing(GAP)
        panes.addLayout(column(self.kernels), 3)
        panes.addLayout(column(self.histogram), 2)
        panes.addWidget(self.empty)
        self._weights: tuple[Weights, ...] = ()
        self.follow(self._draw, inspector.opened, inspector.selection.focused)

    def _draw(self) -> None:
        document, selection = self.inspector.document, self.inspector.selection
        if document is None:
            return
        block = next((block for block in selection.blocks if block.name == selection.layer), None)
        self._weights = () if block is None else weights_of(document.bundle.graph, block)
        self.node.clear()
        for weights in self._weights:
            self.node.addItem(f"{weights.node} ({weights.kind})")
        self.node.setVisible(len(self._weights) > 1)
        for card in (self.kernels, self.histogram):
            card.setVisible(bool(self._weights))
        self.empty.setVisible(not self._weights)
        if self._weights:  # the largest one first
            largest = max(range(len(self._weights)), key=lambda index: self._weights[index].values.size)
            self.node.setCurrentIndex(largest)
            self._show()

    def _show(self) -> None:
        weights = self._weights[self.node.currentIndex()]
        self.kernels.show_weights(weights)
        self.histogram.show_weights(weights)
