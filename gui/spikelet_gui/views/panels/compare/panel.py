"""Compare panel: runs both sides, and shows the cards of the comparison."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from spikelet.display import number_of
from spikelet_gui.models.activity.compare import Comparison, Side, Survey, compare, survey
from spikelet_gui.models.session.results import ComparisonKey, SurveyKey
from spikelet_gui.models.session.sources.inputs import missing_images
from spikelet_gui.views.panels.compare.architectures import DepthCard, NetworksCard
from spikelet_gui.views.panels.compare.cards import (
    ComparisonCard,
    DifferenceCard,
    LayersCard,
    PredictionsCard,
    SideCard,
)
from spikelet_gui.views.panels.compare.energy import EnergyCard
from spikelet_gui.views.panels.compare.sides import SidesLine
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.controls import Segments, Tabs, button
from spikelet_gui.views.widgets.layouts import Flexible, column, row
from spikelet_gui.views.widgets.no_results import NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length

TASKS = {"second": "Opening the second bundle.", "compare": "Running both on the image."}
CHOOSE = "Choose a second bundle, or another engine for the same one."


class ComparePanel(Panel):
    """Selection of both sides at the top; rasters on the left, layers, predictions and energy on the right."""

    task = "compare"

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.rasters = SideCard(inspector, 0), SideCard(inspector, 1)
        self.difference = DifferenceCard(inspector)
        yield
        self.layers = LayersCard(inspector)
        yield
        self.predictions = PredictionsCard(inspector)
        yield
        self.energy = EnergyCard(inspector)
        yield
        self.networks = NetworksCard(inspector)
        yield
        self.depths = DepthCard(inspector)
        yield
        self._make_controls()
        self._arrange()
        self.follow(lambda: self.all.start.setEnabled(inspector.data is not None), inspector.opened, inspector.showing)
        self.follow(
            self.run, inspector.opened, inspector.showing, inspector.results.second_changed, inspector.cursor.changed
        )
        self.follow(self._draw, inspector.results.comparison_changed, inspector.selection.focused)
        self.follow(self._move, inspector.cursor.moved)
        self.follow(self.energy.draw, inspector.profile_changed)
        self.listen(inspector.jobs.cancelled, self._cancelled)

    def _make_controls(self) -> None:
        """Make the line of both sides, the buttons and the messages."""
        hint = "Run both on every image in the background"
        self.all = Runner(self.inspector.jobs, "survey", "Compare on all images", self.run_survey, hint, primary=False)
        self.sides = SidesLine(self.inspector, self.run, self.all)
        self.message = label("", "caption", wrap=True)
        self.neuron = button("Show this neuron", self._reveal, "Show the first neuron that differs in the Layers panel")
        self.tabs = Tabs("layer", self._chosen)
        self.shown = Segments("results of both", ["Predictions", "Energy"], lambda _: self._show_results())
        self.empty, self._error = NoResults(self.inspector.jobs, TASKS), ""

    def _arrange(self) -> None:
        """Put both sides into a line, and below it the messages, the tabs and the cards."""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addWidget(self.sides)
        outer.addLayout(row(self.message, self.neuron, stretch=(1, 0), spacing=8))
        tabs = row(self.tabs)
        tabs.addStretch(1)
        outer.addLayout(tabs)
        outer.addWidget(self.empty, 1)
        outer.addWidget(self._content(), 1)

    def _content(self) -> QWidget:
        """Return the cards of networks with and without a common layer, of which some are visible."""
        self.content = QWidget()
        panes = QHBoxLayout(self.content)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.setSpacing(GAP)
        self.same, self.others = Flexible(), Flexible()
        left = QVBoxLayout(self.same)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(GAP)
        left.addLayout(row(*self.rasters, stretch=(1, 1), spacing=GAP), 1)
        left.addWidget(self.difference, 1)
        lines = column(self.networks, self.depths, stretch=(1, 1), spacing=GAP)
        lines.setContentsMargins(0, 0, 0, 0)
        self.others.setLayout(lines)
        panes.addWidget(self.same, 8)
        panes.addWidget(self.others, 8)
        results = column(self.layers, self.shown, self.predictions, self.energy, stretch=(6, 0, 5, 5), spacing=GAP)
        panes.addLayout(results, 5)
        for widget, height in ((self.same, 370), (self.others, 340), (self.layers, 160)):
            widget.setMinimumHeight(length(height))
        for card in (self.predictions, self.energy):
            card.setMinimumHeight(length(190))
        self.stack(panes, self.sides.line)
        return self.content

    # the comparison

    @property
    def comparison(self) -> Comparison | None:
        """Comparison on the current image."""
        return self.inspector.results.comparison

    @property
    def survey(self) -> Survey | None:
        """Comparison over many images."""
        return self.inspector.results.survey

    def run(self) -> None:
        """Run both on the selected image, unless that comparison is shown already."""
        self.sides.fill()
        inspector, sides = self.inspector, self.sides.chosen()
        if sides is None or inspector.source is None:
            return
        inspector.results.recall_survey(self._survey_key(sides))
        source, index, steps = inspector.source, inspector.index, self.sides.steps()
        first, second = sides
        digests, engines = (first.bundle.digest, second.bundle.digest), (first.engine, second.engine)
        key = ComparisonKey(digests, engines, steps, source.key(index))
        if key == inspector.results.comparison_key:
            return
        inspector.results.comparison_key, self._error = key, ""
        inspector.jobs.start(
            "compare",
            lambda progress: compare(sides, source.input(index, steps), steps, progress),
            inspector.results.set_comparison,
            self._failed,
        )

    def run_survey(self) -> None:
        """Run both on all images."""
        inspector, sides, data = self.inspector, self.sides.chosen(), self.inspector.data
        if sides is None:
            return
        if data is None:
            inspector.failed.emit(missing_images(inspector.source, "a data set"))
            return
        steps, key = self.sides.steps(), self._survey_key(sides)
        assert key is not None

        def shown(result: Survey) -> None:
            inspector.results.set_survey(result, key)
            self.run()  # hides the result if the settings have changed meanwhile

        work, failed = (lambda progress: survey(sides, data, steps, progress)), inspector.failed.emit
        inspector.jobs.start("survey", work, shown, failed)

    def _survey_key(self, sides: tuple[Side, Side]) -> SurveyKey | None:
        """Return what a comparison on many images would be computed from; None without images."""
        data, (first, second) = self.inspector.data, sides
        if data is None:
            return None
        engines = first.engine, second.engine
        return SurveyKey((first.bundle.digest, second.bundle.digest), engines, self.sides.steps(), data.digest)

    def _failed(self, text: str) -> None:
        self._error = text[:1].upper() + text[1:] + ".\n\n"
        self.inspector.results.set_comparison(None)

    def _cancelled(self, keys: list[str]) -> None:
        """Discard what is shown, which can be the comparison on another image, when that on this one is cancelled."""
        if "compare" in keys:
            self._error = "Cancelled; press R to run both.\n\n"
            self.inspector.results.comparison_key = None
            self.inspector.results.set_comparison(None)

    # display

    def _draw(self) -> None:
        comparison, inspector = self.comparison, self.inspector
        if inspector.document is None:
            return
        self._fill_tabs(comparison)
        self.content.setVisible(comparison is not None)
        self.empty.setVisible(comparison is None)
        self.message.setText("" if comparison is None else verdict(comparison))
        self.neuron.setVisible(comparison is not None and comparison.first is not None)
        self.empty.set_message(f"{self._error}{CHOOSE}")
        shared = comparison is not None and bool(comparison.layers)
        for widget in (self.same, self.layers, self.shown):
            widget.setVisible(shared)
        self.others.setVisible(not shared)
        self._show_results()
        for card in self._cards():
            card.soon(card.draw)

    def _show_results(self) -> None:
        """Show predictions and energy; beside a table of layers there is space for one of them."""
        for index, card in enumerate((self.predictions, self.energy)):
            card.setVisible(not self.layers.isVisibleTo(self) or self.shown.chosen == index)

    def _reveal(self) -> None:
        """Select the first neuron that differs, and show it in the Layers panel."""
        comparison = self.comparison
        if comparison is None or comparison.first is None:
            return
        divergence = comparison.first.divergence
        shape = comparison.traces[0].graph.population(divergence.layer)
        neuron = int(np.ravel_multi_index(divergence.neuron, shape))
        self.inspector.cursor.go(divergence.time)
        self.inspector.selection.reveal(divergence.layer, neurons=(neuron,))

    def _fill_tabs(self, comparison: Comparison | None) -> None:
        names = list(comparison.layers) if comparison is not None else []
        self.tabs.setVisible(bool(names))
        self.tabs.show_titles(names)
        if self.inspector.selection.layer in names:
            self.tabs.choose(names.index(self.inspector.selection.layer))

    def _chosen(self, index: int) -> None:
        if self.comparison is not None:
            self.inspector.selection.focus(self.comparison.layers[index])

    def _move(self) -> None:
        for card in self._cards():
            card.go(self.inspector.cursor.time)

    def _cards(self) -> tuple[ComparisonCard, ...]:
        return (*self.rasters, self.difference, self.layers, self.networks, self.depths, self.predictions, self.energy)


def verdict(comparison: Comparison) -> str:
    """Summarise a comparison in one or two sentences."""
    if not comparison.layers:
        return "No layers have equal names and shapes; sizes, spike rates, predictions and energy are compared."
    differing = sum(comparison.differing(layer) for layer in comparison.layers)
    if not differing:
        layers = number_of(len(comparison.layers), "layer")
        return f"None of {comparison.spikes:,} spikes of this image differ, in {layers}."
    text = f"{differing:,} of {comparison.spikes:,} spikes of this image were fired by one network only."
    first = comparison.first
    if first is None:
        return text
    divergence = first.divergence
    neuron = ",".join(map(str, divergence.neuron))
    potentials = " and ".join("1 θ or more" if v is None else f"{v:.4f} θ" for v in first.potentials)
    tie = " (a threshold tie)" if first.tie else ""
    return (
        f"{text} First: layer {divergence.layer}, neuron {neuron}, t = {divergence.time}; potentials before the reset: "
        f"{potentials}{tie}."
    )
