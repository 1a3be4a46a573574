"""Float against spiking: where is accuracy lost?"""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from spikelet_gui.models.analysis.residuals import Residuals, residuals
from spikelet_gui.models.analysis.source import described, obstacle
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.residuals.cards import ByStepsCard, HistogramCard, LayerBars, ScatterCard
from spikelet_gui.views.panels.residuals.state import ResidualState
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.theme import GAP
from spikelet_gui.views.widgets.widgets import Card, Empty, Numbers, Segments, button, column, label, row

IMAGES = 100


class ResidualPanel(View):
    """Layers at the left, the chosen one at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.state = ResidualState(inspector)
        self.bars = LayerBars(self.state)
        self.card = Card("Where is accuracy lost?")
        self.card.numbers = self._numbers
        self.run_button = button("Compare", self.run, "Run both networks in the background  (R)", True)
        self.empty = Empty("", self.run_button)
        self.message = label("", "caption", wrap=True)
        self.card.body.addWidget(scrolled(self.bars, "over- and under-firing by layer"), 1)
        self.card.body.addWidget(self.message)
        self.scatter, self.histogram, self.steps = (
            ScatterCard(self.state),
            HistogramCard(self.state),
            ByStepsCard(self.state),
        )
        self.times: Segments | None = None
        self._times = QHBoxLayout()
        self._times.addWidget(label("T", "muted"))
        self._times.addStretch(1)
        self.again = button("Run again", self.run, "With the current images  (R)")
        self._times.addWidget(self.again)
        self.whole = QWidget()
        lines = QVBoxLayout(self.whole)
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
        lines.addLayout(panes, 1)
        outer = column(self.empty, self.whole, stretch=(1, 1), spacing=0)
        outer.setContentsMargins(0, 0, 0, 0)
        self.setLayout(outer)
        self.follow(self._reset, inspector.opened, inspector.showing)
        self.follow(self._draw, inspector.selection.focused, inspector.beside.resolved)

    def run(self) -> None:
        """Run both networks on the images that are shown, or on those that ship."""
        document = self.inspector.document
        data = self.inspector.data
        if document is None or data is None or obstacle(document.bundle.graph) is not None:
            return
        bundle, engine = document.bundle, self.inspector.engine
        most = max(8, self.inspector.cursor.steps)
        most = min(most, document.most_steps)
        data = data.take(slice(0, IMAGES))
        self.inspector.jobs.start(
            "residuals",
            lambda progress: residuals(bundle, data, most, engine, progress),
            self._resolved,
            self.inspector.said.emit,
        )
        self.inspector.said.emit(f"Running both networks on {len(data)} images")

    prepare = run

    def _resolved(self, found: Residuals) -> None:
        self.inspector.beside.set_residuals(found)
        self.inspector.said.emit(f"Compared on {len(found.data)} images")

    def _reset(self) -> None:
        document = self.inspector.document
        if document is None:
            return
        why = obstacle(document.bundle.graph)
        if why is None and self.inspector.data is None:
            why = "Requires images: open a folder or a data set in the Overview."
        lead = "Compares every spiking layer with its float activation on up to 100 images."
        self.empty.say(why or f"{lead}\n\n{described(document.bundle)}")
        self.run_button.setVisible(why is None)
        self._draw()

    def _draw(self) -> None:
        found = self.inspector.beside.residuals
        self.empty.setVisible(found is None)
        self.whole.setVisible(found is not None)
        if found is not self.state.residuals:
            self.state.residuals = found
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

    def _show(self) -> None:
        self.state.index = self.times.chosen if self.times is not None else -1
        found, document = self.state.residuals, self.inspector.document
        layer = self.state.layer()
        self.scatter.draw(layer)
        self.histogram.draw(layer)
        self.steps.draw(found, self.inspector.selection.layer)
        self.bars.show_layers()
        if found is None or document is None:
            return
        self.card.say(f"{len(found.data)} images of {found.data.name}, T = {self.state.steps}")
        worst = max(self.state.layers(), key=lambda each: each.rms)
        self.message.setText(
            f"Both predict the same class on {found.agreement(self.state.steps):.1%} of the images. The residual is "
            f"largest in {worst.layer}. A neuron over- or under-fires if its spike count differs from its activation "
            f"by more than half a spike. {described(document.bundle)}"
        )

    def _numbers(self) -> Numbers | None:
        rows: list[list[Any]] = [
            [e.layer, e.steps, e.over, e.under, e.rms, e.bias, e.correlation] for e in self.state.layers()
        ]
        return Numbers("residuals", ["layer", "T", "over", "under", "rms", "bias", "correlation"], rows)
