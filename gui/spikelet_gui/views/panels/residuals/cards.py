"""Charts of the residuals of a layer: by activation and spike rate, as a histogram, and by T."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from spikelet_gui.models.analysis.residuals import HALF, LayerResidual, Residuals
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.numbers import minus
from spikelet_gui.views.panels.residuals.state import ResidualState
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.theme import colour, length, theme

BUBBLES = 400  # largest number of pairs that are drawn as dots of different sizes
SMALLEST, LARGEST = 4.0, 38.0  # pixels of a dot
POINTS = 3000  # largest number of pairs that are drawn


class ScatterCard(CardView):
    """Activation and spike rate of the neurons of one layer."""

    def __init__(self, state: ResidualState) -> None:
        super().__init__(state.inspector, "Activation and spike rate", data=self._data)
        self.state = state
        self.plot = Plot(
            "activation and spike rate",
            "source activation (spikes per time-step)",
            "spike rate",
            percent=("left", "bottom"),
        )
        self.plot.addItem(
            pg.PlotDataItem([0, 1], [0, 1], pen=pg.mkPen(theme().muted, width=1, style=Qt.PenStyle.DashLine))
        )
        self.dots = pg.ScatterPlotItem(pen=None)
        self.plot.addItem(self.dots)
        self.plot.box.sigResized.connect(self._leave_space)
        self.plot.getAxis("left").setTicks([[(share / 5, f"{share * 20}%") for share in range(6)]])
        self.body.addWidget(self.plot, 1)

    def _leave_space(self, *resized: object) -> None:
        """Leave space for half of the largest dot at 0% and 100%, whatever the size of the chart."""
        box = self.plot.box
        for size, set_range in ((box.width(), self.plot.setXRange), (box.height(), self.plot.setYRange)):
            beside = min((LARGEST / 2 + 2) / max(size - LARGEST - 4, 1), 1.0)
            set_range(-beside, 1 + beside, padding=0)

    def draw(self, layer: LayerResidual | None) -> None:
        """Show a layer, or nothing."""
        if layer is None:
            self.dots.setData([], [])
            self.set_note("")
            return
        a, rate, share = layer.points()
        correlation = layer.correlation
        text = "" if correlation is None else f"; correlation {correlation:.3f}"
        self.set_note(f"{described(layer)}: size is the share of neurons{text}")
        residual = (rate - a) * layer.levels
        over, under = colour(theme().over, 200), colour(theme().under, 200)
        exact = colour(theme().muted, 170)
        brushes = [over if r > HALF else under if r < -HALF else exact for r in residual]
        if len(a) <= BUBBLES:
            size = np.clip(SMALLEST + (LARGEST - SMALLEST) * np.sqrt(share / share.max()), SMALLEST, LARGEST)
        else:
            sample = np.random.default_rng(0).permutation(len(a))[:POINTS]
            a, rate, brushes = a[sample], rate[sample], [brushes[i] for i in sample]
            size = np.full(len(a), SMALLEST)
        self.dots.setData(a, rate, size=size, brush=brushes)

    def _data(self) -> DataTable | None:
        layer = self.state.layer()
        if layer is None:
            return None
        pairs = [[float(a), float(r), float(s)] for a, r, s in zip(*layer.points(), strict=True)]
        return DataTable(f"scatter-{layer.layer}", ["activation", "spike_rate", "share"], pairs)


class HistogramCard(CardView):
    """Histogram of the residual in spikes: under-firing on the left, over-firing on the right."""

    def __init__(self, state: ResidualState) -> None:
        super().__init__(state.inspector, "Residual", data=self._data)
        self.state = state
        self.plot = Plot("residual histogram", "spike rate minus activation", "share", percent=("left",))
        self.plot.setMinimumHeight(length(100))  # a low window scrolls
        self.body.addWidget(self.plot, 1)

    def draw(self, layer: LayerResidual | None) -> None:
        """Show a layer, or nothing."""
        self.plot.clear()
        if layer is None:
            self.set_note("")
            return
        centres, shares = layer.histogram()
        occupied = shares > 0
        centres, shares = centres[occupied], shares[occupied]
        half = HALF / layer.levels
        fills = [theme().over if c > half else theme().under if c < -half else theme().muted for c in centres]
        width = 0.42 / layer.levels
        self.plot.addItem(pg.BarGraphItem(x=centres, height=shares, width=width, brushes=fills, pen=None))
        equals = np.abs(centres) <= 0.01 / layer.levels
        different = shares[~equals]
        top = float(different.max()) if len(different) else 1.0
        self.plot.setYRange(0, top * 1.15, padding=0)
        self.plot.setXRange(-1.05, 1.05, padding=0)  # the same for every T
        equal = float(shares[equals].sum())
        mean = minus(f"{layer.bias:+z.4f}")
        self.set_note(f"{described(layer)}: {equal:.0%} exact (bar truncated); mean {mean}; grey: half a spike")

    def _data(self) -> DataTable | None:
        layer = self.state.layer()
        if layer is None:
            return None
        pairs = [[float(m), float(s)] for m, s in zip(*layer.histogram(), strict=True)]
        return DataTable(f"residual-{layer.layer}", ["residual_of_rate", "share"], pairs)


class StepsCard(CardView):
    """Over- and under-firing of the selected layer at each T."""

    def __init__(self, state: ResidualState) -> None:
        super().__init__(state.inspector, "By T", data=self._data)
        self.state = state
        self.plot = Plot("over- and under-firing by T", "T", "mean error of the rate", percent=("left",))
        self.body.addWidget(self.plot, 1)

    def draw(self, residuals: Residuals | None, name: str) -> None:
        """Show a layer, or nothing."""
        self.plot.clear()
        if residuals is None:
            return
        layers = [residuals.layers[name][t] for t in residuals.steps]
        x = np.arange(len(layers))
        over, under = [layer.over for layer in layers], [-layer.under for layer in layers]
        self.plot.addItem(pg.BarGraphItem(x=x, height=over, width=0.5, brush=theme().over, pen=None))
        self.plot.addItem(pg.BarGraphItem(x=x, height=under, width=0.5, brush=theme().under, pen=None))
        self.plot.getAxis("bottom").setTicks([[(i, str(t)) for i, t in enumerate(residuals.steps)]])
        largest = max([0.01, *over, *(-u for u in under)]) * 1.15
        self.plot.setYRange(-largest, largest, padding=0)
        self.plot.setXRange(-0.6, len(x) - 0.4, padding=0)
        self.set_note(f"{name}: over-firing above, under-firing below")

    def _data(self) -> DataTable | None:
        residuals, name = self.state.residuals, self.state.inspector.selection.layer
        if residuals is None:
            return None
        layers = [residuals.layers[name][t] for t in residuals.steps]
        rows = [[e.steps, e.over, e.under, e.rms, e.bias, e.correlation] for e in layers]
        return DataTable(f"residual-steps-{name}", ["T", "over", "under", "rms", "bias", "correlation"], rows)


def described(layer: LayerResidual) -> str:
    """Return the layer, T and, if there are several, the copies of a neuron."""
    copies = "" if layer.copies == 1 else f", {layer.copies} copies"
    return f"{layer.layer}, T = {layer.steps}{copies}"
