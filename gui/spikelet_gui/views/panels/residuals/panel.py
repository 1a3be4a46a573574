"""Residuals panel: layers on the left, charts of the selected layer on the right."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from spikelet.data import ImageSet
from spikelet.display import number_of
from spikelet_gui.models.activity.source import described, obstacle
from spikelet_gui.models.analysis.residuals import Residuals, reach, residuals
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.freshness import outdated
from spikelet_gui.models.session.sources.inputs import missing_images
from spikelet_gui.views.panels.residuals.cards import HistogramCard, ScatterCard, StepsCard
from spikelet_gui.views.panels.residuals.layer_bars import LayerBars
from spikelet_gui.views.panels.residuals.state import ResidualState
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.layouts import column, row
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.tab_order import set_tab_order
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length

IMAGES = 100  # largest number of images


class ResidualPanel(Panel):
    """Layers on the left, the selected one on the right."""

    task = "residuals"

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.state = ResidualState(inspector)
        self.scatter = ScatterCard(self.state)
        yield
        self.histogram = HistogramCard(self.state)
        yield
        self.steps = StepsCard(self.state)
        yield
        self._make_controls()
        self._arrange()
        self.follow(self._explain, inspector.opened, inspector.showing)
        self.follow(self._draw, inspector.selection.focused, inspector.results.residuals_changed)

    def _make_controls(self) -> None:
        """Make the card of all layers, the line of T, and the message without results."""
        self.bars = LayerBars(self.state)
        self.card = Card("Over- and under-firing", data=self._data)
        jobs, hint = self.inspector.jobs, "Run both networks in the background  (R)"
        self.runner = Runner(jobs, self.task, "Measure residuals", self.run, hint, self._explain)
        tasks = {self.task: "Measuring. The residuals are shown when all images have run.", **EARLIER}
        self.empty = NoResults(jobs, tasks, self.runner)
        self.message = label("", "caption", wrap=True)
        self.card.body.addWidget(scrolled(self.bars, "over- and under-firing by layer"), 1)
        self.card.body.addWidget(self.message)
        self.times: Segments | None = None
        self._times = QHBoxLayout()
        self._times.addWidget(label("T", "muted"))
        self._times.addStretch(1)
        hint = "Run both networks on the current images  (R)"
        self.again = Runner(jobs, self.task, "Run again", self.run, hint, primary=False)
        self._times.addWidget(self.again)

    def _arrange(self) -> None:
        """Put the line of T above the cards."""
        self.content = QWidget()
        lines = QVBoxLayout(self.content)
        lines.setContentsMargins(GAP, 4, GAP, GAP)
        lines.setSpacing(6)
        lines.addLayout(self._times)
        panes = QHBoxLayout()
        panes.setSpacing(GAP)
        panes.addWidget(self.card, 5)
        lower = row(self.histogram, self.steps, stretch=(1, 1), spacing=GAP)
        right = column(self.scatter, stretch=(5,), spacing=GAP)
        right.addLayout(lower, 4)
        panes.addLayout(right, 8)
        self.card.setMinimumHeight(length(280))
        self.scatter.setMinimumHeight(length(200))
        self.stack(panes)
        lines.addLayout(panes, 1)
        outer = column(self.empty, self.content, stretch=(1, 1), spacing=0)
        outer.setContentsMargins(0, 0, 0, 0)
        self.setLayout(outer)

    def run(self) -> None:
        """Run both networks on the open data set, or on the shipped images."""
        document, data = self.inspector.document, self.inspector.data
        if document is None or obstacle(document.bundle.graph) is not None:
            return
        if data is None:
            return self.inspector.failed.emit(missing_images(self.inspector.source))
        bundle, engine = document.bundle, self.inspector.engine
        steps, keeper = reach(self.inspector.cursor.steps, document.most_steps), self.inspector.keeper
        part = data.take(slice(0, IMAGES))
        self.inspector.jobs.start(
            "residuals",
            lambda progress: keeper.residuals(bundle, data, residuals(bundle, part, steps, engine, progress)),
            lambda result: self._finished(result, data),
            self.inspector.failed.emit,
        )
        self.inspector.status.emit(f"Running both networks on {number_of(len(part), 'image')}")

    def out_of_date(self) -> str:
        residuals, document = self.inspector.results.residuals, self.inspector.document
        if residuals is None or document is None:
            return ""
        steps, measured = self.inspector.cursor.steps, residuals.steps
        same_steps = measured == reach(steps, document.most_steps)
        digest = self.inspector.results.digests["residuals"]
        return outdated(steps if same_steps else measured[-1], residuals.data.name, self.inspector, digest)

    def _finished(self, residuals: Residuals, data: ImageSet) -> None:
        self.inspector.results.set_residuals(residuals, data.digest)
        self.inspector.status.emit(f"Compared on {number_of(len(residuals.data), 'image')}")

    def _explain(self) -> None:
        document = self.inspector.document
        if document is None:
            return
        reason = obstacle(document.bundle.graph)
        if reason is None and self.inspector.data is None:
            reason = missing_images(self.inspector.source)
        lead = f"Compares every spiking layer with its source activation on up to {IMAGES} images."
        self.empty.set_message(reason or f"{lead}\n\n{described(document.bundle)}")
        self.runner.setVisible(reason is None)
        self._draw()

    def _draw(self) -> None:
        residuals = self.inspector.results.residuals
        self.empty.setVisible(residuals is None)
        self.content.setVisible(residuals is not None)
        if residuals is not self.state.residuals:
            self.state.residuals = residuals
            self._fill_times()
        self._show()

    def _fill_times(self) -> None:
        if self.times is not None:
            self._times.removeWidget(self.times)
            self.times.deleteLater()
            self.times = None
        if self.state.residuals is not None:
            self.times = Segments("time-steps", [str(t) for t in self.state.residuals.steps], lambda _: self._show())
            self.times.choose(len(self.state.residuals.steps) - 1)
            self._times.insertWidget(1, self.times)
            set_tab_order(self)

    def _show(self) -> None:
        self.state.index = self.times.chosen if self.times is not None else -1
        residuals, document = self.state.residuals, self.inspector.document
        self.scatter.soon(self._draw_scatter)
        self.histogram.soon(self._draw_histogram)
        self.steps.soon(self._draw_steps)
        self.bars.show_layers()
        if residuals is None or document is None:
            return
        self.card.set_note(
            f"{number_of(len(residuals.data), 'image')} of {residuals.data.name}, T = {self.state.steps}"
        )
        worst = max(self.state.layers(), key=lambda layer: layer.rms)
        self.message.setText(
            f"Equal predictions on {residuals.agreement(self.state.steps):.1%} of the images. The residual is largest "
            f"in {worst.layer}. Bars: mean excess and deficit of the spike rate against the activation, in percent of "
            f"the largest rate; they can be compared between different T. {described(document.bundle)}"
        )

    def _draw_scatter(self) -> None:
        self.scatter.draw(self.state.layer())

    def _draw_histogram(self) -> None:
        self.histogram.draw(self.state.layer())

    def _draw_steps(self) -> None:
        self.steps.draw(self.state.residuals, self.inspector.selection.layer)

    def _data(self) -> DataTable | None:
        rows = [[e.layer, e.steps, e.over, e.under, e.rms, e.bias, e.correlation] for e in self.state.layers()]
        return DataTable("residuals", ["layer", "T", "over", "under", "rms", "bias", "correlation"], rows)
