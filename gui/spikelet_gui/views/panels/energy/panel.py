"""Estimated energy per image on three levels, with sources, compared with non-spiking baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from spikelet.metrics.energy import LEVELS
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.report import wording
from spikelet_gui.models.analysis.costs import Costs, costs
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.range_bars import RangeBars, Spans
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.profiles import ProfilePicker, chosen_profile
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.theme import GAP, theme
from spikelet_gui.views.widgets.widgets import Card, Numbers, Segments, clear, column, label, row


class LevelsCard(View):
    """The spiking network and its rivals: three levels, low to high. Each level has a scale of its own."""

    def __init__(self, panel: EnergyPanel) -> None:
        super().__init__()
        self.panel = panel
        self.card = Card("Energy per image", "solid: low figures; pale: high figures; each level on its own scale")
        self.card.numbers = self._numbers
        self.bars = RangeBars("energy by level")
        self.legend = label("", "caption", wrap=True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        marks = [
            f'<span style="color:{theme().series[i]}">■</span> {name}' for i, name in enumerate(wording.LEVEL_NAMES)
        ]
        self.legend.setText("&nbsp;&nbsp; ".join(marks))
        self.card.body.addWidget(self.bars, 1)
        self.card.body.addWidget(self.legend)
        self.fill(self.card)

    def draw(self, found: Costs | None) -> None:
        """Show an estimate."""
        if found is None:
            self.bars.show_rows([])
            return
        rows: Spans = [("spiking", found.estimate.levels)]
        rows += [(rival.name, rival.levels) for rival in found.estimate.baselines]
        self.bars.show_rows(rows, bold="spiking")

    def _numbers(self) -> Numbers | None:
        found = self.panel.found
        if found is None:
            return None
        every = [("spiking", found.estimate.levels), *((r.name, r.levels) for r in found.estimate.baselines)]
        rows = []
        for name, levels in every:
            for level in LEVELS:
                each = levels[level]
                if each is not None:
                    rows.append([name, level, each.low / 1e6, each.high / 1e6])
        return Numbers("energy", ["network", "level", "low_uJ", "high_uJ"], rows)


class CrossoverCard(View):
    """Energy by spike rate: where spiking stops to pay."""

    def __init__(self, panel: EnergyPanel) -> None:
        super().__init__()
        self.panel = panel
        self.card = Card("Break-even")
        self.card.numbers = self._numbers
        self.plot = Plot(
            "energy by spike rate", "spike rate at the synapses", "µJ per image", percent=("bottom",), decades=("left",)
        )
        self.message = label("", "caption", wrap=True)
        self.card.body.addWidget(self.plot, 1)
        self.card.body.addWidget(self.message)
        self.fill(self.card)

    def draw(self, found: Costs | None, level: str) -> None:
        """Show an estimate at one level, by its low figures."""
        self.plot.clear()
        self.card.say("low figures")
        if found is None or level not in found.curve:
            self.message.setText("No figure is published for this level.")
            return
        y = [each.low / 1e6 for each in found.curve[level]]
        self.plot.line(found.rates, y, 0, 2.6)
        said = []
        ends = [min(y), max(y)]
        for index, rival in enumerate(found.estimate.baselines):
            energy, crossing = rival.levels[level], found.crossover(rival, level)
            if energy is None or crossing is None:
                continue
            hue, height = theme().series[index + 1], energy.low / 1e6
            self.plot.reference(height, (0, found.rates[-1]), hue, rival.name)
            ends.append(height)
            if 0 < crossing[0] < found.rates[-1]:
                dot = pg.ScatterPlotItem([crossing[0]], [np.log10(height)], size=11, brush=hue, pen=None)
                self.plot.addItem(dot)
            said.append(f"{rival.name}: {wording.crossover(crossing)}")
        here = self.plot.level(found.rate, theme().text, f"now {found.rate:.1%}", vertical=True)
        here.label.setPosition(0.06)
        self.plot.setXRange(0, found.rates[-1] * 1.42, padding=0)
        low, high = np.log10(max(min(ends), 1e-9)), np.log10(max(ends))
        self.plot.setYRange(low, high, padding=0.08)
        self.plot.spread()
        lead = "Break-even spike rate: "
        self.message.setText(lead + "; ".join(said) if said else "No baseline for this hardware profile.")

    def _numbers(self) -> Numbers | None:
        found = self.panel.found
        if found is None or self.panel.level not in found.curve:
            return None
        pairs = zip(found.rates, found.curve[self.panel.level], strict=True)
        return Numbers(
            "crossover", ["spike_rate", "low_uJ", "high_uJ"], [[r, e.low / 1e6, e.high / 1e6] for r, e in pairs]
        )


class BlocksCard(View):
    """Which layer takes how much."""

    def __init__(self, panel: EnergyPanel) -> None:
        super().__init__()
        self.panel = panel
        self.card = Card("Layer by layer")
        self.card.numbers = self._numbers
        self.bars = RangeBars("energy by layer")
        self.card.body.addWidget(scrolled(self.bars, "energy by layer"), 1)
        self.fill(self.card)

    def draw(self, found: Costs | None, level: str) -> None:
        """Show an estimate at one level."""
        rows: Spans = [] if found is None else list(found.layers.items())
        self.bars.show_rows(rows, (level,))
        self.card.say("with the synapses that feed it")

    def _numbers(self) -> Numbers | None:
        found = self.panel.found
        if found is None:
            return None
        rows = []
        for name, levels in found.layers.items():
            for level in LEVELS:
                each = levels[level]
                if each is not None:
                    rows.append([name, level, each.low / 1e6, each.high / 1e6])
        return Numbers("energy-layers", ["layer", "level", "low_uJ", "high_uJ"], rows)


class EnergyPanel(View):
    """Profile and levels above; sources at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.found: Costs | None = None
        self._key: Any = None
        self.levels, self.crossover, self.blocks = LevelsCard(self), CrossoverCard(self), BlocksCard(self)
        self.segments = Segments("level", wording.LEVEL_NAMES, lambda _: self._show())
        self.segments.choose(0)
        self.sources = Card("Sources of the figures")
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        inner = QWidget()
        inner.setObjectName("plain")
        inner.setLayout(self._list)
        self.sources.body.addWidget(scrolled(inner, "sources and assumptions"), 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        self.note = label(wording.ESTIMATE, "caption", wrap=True)
        outer.addLayout(row(ProfilePicker(inspector), self.segments, stretch=(1, 0)))
        outer.addWidget(self.note)
        panes = QHBoxLayout()
        panes.setSpacing(GAP)
        panes.addLayout(column(self.levels, self.crossover, stretch=(6, 5), spacing=GAP), 6)
        panes.addWidget(self.blocks, 5)
        panes.addWidget(self.sources, 4)
        outer.addLayout(panes, 1)
        self.follow(self._draw, inspector.swept, inspector.opened, inspector.profile_changed)

    @property
    def level(self) -> str:
        """The one that is chosen."""
        return LEVELS[max(self.segments.chosen, 0)]

    def _draw(self) -> None:
        sweep, profile = self.inspector.sweep, chosen_profile(self.inspector)
        measured = sweep.measured if sweep is not None else None
        said: list[tuple[str, str]] = []
        if measured is None or profile is None or not profile.priced:
            self.found, self._key = None, None
        if measured is None:
            said.append(("", "Operations are counted together with accuracy: run all images in the Accuracy panel."))
        elif profile is not None and not profile.priced:
            said.append((profile.title, f"{profile.unpublished}. {wording.power(profile)}"))
        elif profile is not None:
            self._price(measured, profile)
            data = f"{len(measured.data):,} images of {measured.data.name}, T = {measured.counted.steps}"
            self.note.setText(f"{wording.ESTIMATE}\nCounted on {data}.")
            said += [(profile.title, profile.notes)] if profile.notes else []
            said += [(_priced(name, figure), figure.source) for name, figure in profile.sources()]
            if self.found is not None:
                said += [("", each) for each in wording.left_out([self.found.estimate])]
            said += [("assumptions of the estimate", "")] + [
                ("", assumption) for assumption in wording.assumptions(measured)
            ]
        clear(self._list)
        for heading, text in said:
            if heading:
                self._list.addWidget(label(heading, "title", wrap=True))
            if text:
                self._list.addWidget(label(text, "caption", wrap=True))
        self._list.addStretch(1)
        self._show()

    def _price(self, measured: Measurement, profile: Profile) -> None:
        """Estimate in the background, once for a measurement and a profile."""
        key = (id(measured), profile)
        if key == self._key:
            return
        self.found, self._key = None, key

        def priced(found: Costs) -> None:
            self.found = found
            self._draw()

        self.inspector.jobs.start("costs", lambda _: costs(measured, profile), priced, self.inspector.said.emit)

    def _show(self) -> None:
        self.levels.draw(self.found)
        self.crossover.draw(self.found, self.level)
        self.blocks.draw(self.found, self.level)


FIGURES = {
    "ac": "accumulate",
    "mac": "multiply-accumulate",
    "neuron_update": "neuron update",
    "fp32_mac": "float32 multiply-accumulate",
    "int8_mac": "int8 multiply-accumulate",
}


def _priced(name: str, figure: Any) -> str:
    ends = f"{figure.low:.4g}" if figure.low == figure.high else f"{figure.low:.4g} – {figure.high:.4g}"
    unit = "" if "power" in name else " pJ"
    return f"{FIGURES.get(name, name)}: {ends}{unit}"
