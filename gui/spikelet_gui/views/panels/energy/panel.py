"""Energy panel: the estimate per image at three levels, with its sources, compared with non-spiking baselines."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from spikelet.display import number_of
from spikelet.metrics.energy import LEVELS
from spikelet.metrics.hardware import Profile, PublishedValue
from spikelet.metrics.measurement import Measurement
from spikelet.report import wording
from spikelet_gui.models.analysis.costs import Costs, costs
from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again, sweep_all, unmeasured
from spikelet_gui.models.session.profiles import find_profile
from spikelet_gui.views.choosers.open_images import OpenImages
from spikelet_gui.views.choosers.profiles import ProfilePicker
from spikelet_gui.views.panels.energy.cards import BreakEvenCard, LayersCard, LevelsCard
from spikelet_gui.views.panels.energy.state import EnergyState
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.layouts import clear, column, row
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length

UNMEASURED = "Not measured yet: operations are counted together with accuracy."
MEASURING = "Measuring. The energy is estimated when all images have run."
FIGURES = {
    "ac": "accumulate",
    "mac": "multiply-accumulate",
    "neuron_update": "neuron update",
    "fp32_mac": "float32 multiply-accumulate",
    "int8_mac": "int8 multiply-accumulate",
}


class EnergyPanel(Panel):
    """Profile and level above, charts below, sources on the right."""

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.state = EnergyState()
        self._key: tuple[int, Profile] | None = None
        self.levels = LevelsCard(inspector, self.state)
        yield
        self.break_even = BreakEvenCard(inspector, self.state)
        yield
        self.layers = LayersCard(inspector, self.state)
        yield
        self._make_controls()
        self._arrange()
        self.follow(self._draw, inspector.measured.swept, inspector.opened, inspector.profile_changed)
        self.follow(
            lambda: self.empty.set_message(unmeasured(inspector, UNMEASURED)), inspector.opened, inspector.showing
        )
        self.follow(lambda: self.runner.setVisible(inspector.data is not None), inspector.opened, inspector.showing)

    def _make_controls(self) -> None:
        """Make the levels, the list of sources, the note and the message without results."""
        inspector = self.inspector
        self.segments = Segments("level", wording.LEVEL_NAMES, self._choose)
        self.sources = Card("Sources of the figures")
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        inner = QWidget()
        inner.setObjectName("plain")
        inner.setLayout(self._list)
        self.sources.body.addWidget(scrolled(inner, "sources and assumptions"), 1)
        self.note = label(wording.ESTIMATE, "caption", wrap=True)
        hint = "Measure on the whole data set in the background  (R)"
        self.runner = Runner(inspector.jobs, self.task, "Run all images", self.run, hint)
        images = OpenImages(inspector)
        self.empty = NoResults(inspector.jobs, {self.task: MEASURING, **EARLIER}, self.runner, images)

    def _arrange(self) -> None:
        """Put profile, levels and note above the cards."""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        outer.addLayout(row(ProfilePicker(self.inspector), self.segments, stretch=(1, 0)))
        outer.addWidget(self.note)
        self.content = QWidget()
        panes = QHBoxLayout(self.content)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.setSpacing(GAP)
        estimates = column(self.levels, self.break_even, stretch=(6, 5), spacing=GAP)
        panes.addLayout(estimates, 6)
        details = row(self.layers, self.sources, stretch=(5, 4), spacing=GAP)
        panes.addLayout(details, 9)
        for card in (self.break_even, self.layers, self.sources):
            card.setMinimumHeight(length(210))
        self.stack(panes)
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.content, 1)

    def run(self) -> None:
        """Measure on all images, or measure again what is out of date."""
        if self.inspector.measured.sweep is None:
            sweep_all(self.inspector)
        else:
            super().run()

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector)

    def run_again(self) -> None:
        sweep_again(self.inspector)

    def _choose(self, index: int) -> None:
        self.state.level = LEVELS[index]
        self._show()

    def _draw(self) -> None:
        sweep, profile = self.inspector.measured.sweep, find_profile(self.inspector.settings.profile)
        measured = sweep.measured if sweep is not None else None
        self.empty.setVisible(measured is None)
        self.content.setVisible(measured is not None)
        self.note.setText(wording.ESTIMATE)
        if measured is None or not profile.priced:
            self.state.costs, self._key = None, None
        else:
            self._price(measured, profile)
            data = f"{number_of(len(measured.data), 'image')} of {measured.data.name}, T = {measured.counted.steps}"
            self.note.setText(f"{wording.ESTIMATE}\nCounted on {data}.")
        clear(self._list)
        for heading, text in [] if measured is None else self._entries(measured, profile):
            if heading:
                self._list.addWidget(label(heading, "title", wrap=True))
            if text:
                self._list.addWidget(label(text, "caption", wrap=True))
        self._list.addStretch(1)
        self._show()

    def _entries(self, measured: Measurement, profile: Profile) -> list[tuple[str, str]]:
        """Return (heading, text) of the sources."""
        if not profile.priced:
            return [(profile.title, f"{profile.unpublished}. {wording.power(profile)}")]
        entries = [(profile.title, profile.notes)] if profile.notes else []
        entries += [(_figure_text(name, figure), figure.source) for name, figure in profile.sources()]
        if self.state.costs is not None:
            entries += [("", text) for text in wording.left_out([self.state.costs.estimate])]
        entries.append(("Assumptions of the estimate", ""))
        return entries + [("", text) for text in wording.assumptions(measured)]

    def _price(self, measured: Measurement, profile: Profile) -> None:
        """Estimate in the background, once per measurement and profile."""
        key = (id(measured), profile)
        if key == self._key:
            return
        self.state.costs, self._key = None, key

        def priced(result: Costs) -> None:
            self.state.costs = result
            self._draw()

        self.inspector.jobs.start("costs", lambda _: costs(measured, profile), priced, self.inspector.failed.emit)

    def _show(self) -> None:
        for card in (self.levels, self.break_even, self.layers):
            card.soon(card.draw)


def _figure_text(name: str, figure: PublishedValue) -> str:
    ends = f"{figure.low:.4g}" if figure.low == figure.high else f"{figure.low:.4g} – {figure.high:.4g}"
    unit = "" if "power" in name else " pJ"
    return f"{FIGURES.get(name, name)}: {ends}{unit}"
