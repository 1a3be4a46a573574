"""Charts of the energy estimate: by level, by spike rate and by layer."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from spikelet.report import wording
from spikelet_gui.models.analysis.costs import Costs, Spans, microjoules
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.profiles import find_profile
from spikelet_gui.views.panels.energy.state import EnergyState
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.range_bars import RangeBars, level_legend
from spikelet_gui.views.plots.texts import clearest
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import theme

LABEL = 0.4  # width of the label of the present spike rate, as a share of the largest rate


class LevelsCard(CardView):
    """Energy of the spiking network and of the baselines at three levels, each with its own scale."""

    def __init__(self, inspector: Inspector, state: EnergyState) -> None:
        note = "solid: low figures; pale: high figures; each level on its own scale"
        super().__init__(inspector, "Energy per image", note, self._data)
        self.state = state
        self.bars = RangeBars("energy by level")
        self.legend = level_legend()
        self.body.addWidget(self.bars, 1)
        self.body.addWidget(self.legend)

    def draw(self) -> None:
        """Show the estimate."""
        self.bars.show_rows(self._rows(), bold=0)

    def _rows(self) -> Spans:
        """Return (name, energy by level) of the spiking network, then of the baselines."""
        costs = self.state.costs
        if costs is None:
            return []
        baselines = [(baseline.name, baseline.levels) for baseline in costs.estimate.baselines]
        return [("spiking", costs.estimate.levels), *baselines]

    def _data(self) -> DataTable | None:
        rows = microjoules(self._rows())
        return DataTable("energy", ["network", "level", "low_uJ", "high_uJ"], rows) if rows else None


class BreakEvenCard(CardView):
    """Energy by spike rate, with the rates at which spiking and baseline need equal energy."""

    def __init__(self, inspector: Inspector, state: EnergyState) -> None:
        super().__init__(inspector, "Break-even", "low figures", self._data)
        self.state = state
        self.plot = Plot(
            "energy by spike rate", "spike rate at the synapses", "µJ per image", percent=("bottom",), decades=("left",)
        )
        self.message = label("", "caption", wrap=True)
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.message)

    def draw(self) -> None:
        """Show the estimate at the selected level, by its low figures."""
        costs, level = self.state.costs, self.state.level
        self.plot.clear()
        if costs is None or level not in costs.curve:
            is_pending = costs is None and find_profile(self.inspector.settings.profile).priced
            self.message.setText("" if is_pending else "No figure is published for this level.")
            return
        y = [energy.low / 1e6 for energy in costs.curve[level]]
        self.plot.line(costs.rates, y, 0, 2.6, name="spiking")
        texts: list[str] = []
        heights: list[float] = []
        for index, baseline in enumerate(costs.estimate.baselines):
            energy, break_even = baseline.levels[level], baseline.crossover[level]
            if energy is None or break_even is None:
                continue
            hue, height = theme().series[index + 1], energy.low / 1e6
            self.plot.reference(height, (0, costs.rates[-1]), hue, baseline.name)
            heights.append(height)
            if 0 < break_even[0] < costs.rates[-1]:
                dot = pg.ScatterPlotItem([break_even[0]], [np.log10(height)], size=11, brush=hue, pen=None)
                self.plot.addItem(dot)
            texts.append(f"{baseline.name}: {wording.break_even(break_even)}")
        self.plot.setXRange(0, costs.rates[-1] * 1.42, padding=0)
        low, high = np.log10(max(min(*y, *heights), 1e-9)), np.log10(max(*y, *heights))
        self.plot.setYRange(low, high, padding=0.08)
        self._mark_rate(costs, y, heights)
        self.plot.names.arrange()
        lead = "Break-even spike rate: "
        self.message.setText(lead + "; ".join(texts) if texts else "No baseline for this hardware profile.")

    def _mark_rate(self, costs: Costs, curve: list[float], heights: list[float]) -> None:
        """Mark the present spike rate. Its label is apart from the curve and from the lines at some heights."""
        line = self.plot.level(costs.rate, theme().text, f"now {costs.rate:.1%}", vertical=True)
        width = LABEL * costs.rates[-1]
        beside = [energy for rate, energy in zip(costs.rates, curve, strict=True) if 0 <= rate - costs.rate < width]
        line.label.anchors = [(0, 0.5), (0, 0.5)]
        values = np.log10(np.maximum([*heights, *beside], 1e-9))
        line.label.setPosition(clearest(values, *self.plot.box.viewRange()[1]))

    def _data(self) -> DataTable | None:
        costs, level = self.state.costs, self.state.level
        if costs is None or level not in costs.curve:
            return None
        pairs = zip(costs.rates, costs.curve[level], strict=True)
        rows = [[rate, energy.low / 1e6, energy.high / 1e6] for rate, energy in pairs]
        return DataTable("break-even", ["spike_rate", "low_uJ", "high_uJ"], rows)


class LayersCard(CardView):
    """Energy of every layer."""

    def __init__(self, inspector: Inspector, state: EnergyState) -> None:
        super().__init__(inspector, "Energy by layer", "including the synapses that feed it", self._data)
        self.state = state
        self.bars = RangeBars("energy by layer")
        self.body.addWidget(scrolled(self.bars, "energy by layer"), 1)

    def draw(self) -> None:
        """Show the estimate at the selected level."""
        self.bars.show_rows(self._rows(), (self.state.level,))

    def _rows(self) -> Spans:
        costs = self.state.costs
        return [] if costs is None else list(costs.layers.items())

    def _data(self) -> DataTable | None:
        rows = microjoules(self._rows())
        return DataTable("energy-layers", ["layer", "level", "low_uJ", "high_uJ"], rows) if rows else None
