"""Overview panel: the network, its input and its prediction."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QHBoxLayout, QWidget

from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again
from spikelet_gui.views.panels.overview.input_card import InputCard
from spikelet_gui.views.panels.overview.layer_card import LayerCard
from spikelet_gui.views.panels.overview.network_card import NetworkCard
from spikelet_gui.views.plots.evidence import EvidenceCard, MarginCard, PredictionCard
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.layouts import column
from spikelet_gui.views.widgets.theme import GAP

INPUT, PREDICTION = 250, 250  # smallest heights of the cards on the left, in pixels


class OverviewPanel(Panel):
    """Input and prediction on the left, the network in the middle, evidence and the layer on the right."""

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.input = InputCard(inspector)
        yield
        self.network = NetworkCard(inspector)
        prediction = PredictionCard(inspector)
        yield
        evidence = EvidenceCard(inspector)
        yield
        margin = MarginCard(inspector)
        yield
        self.layer = LayerCard(inspector)
        yield
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        top = QWidget()
        network = QHBoxLayout(top)
        network.setContentsMargins(0, 0, 0, 0)
        network.setSpacing(GAP)
        self.input.setMinimumHeight(INPUT)
        prediction.setMinimumHeight(PREDICTION)
        top.setMinimumHeight(INPUT + GAP + PREDICTION)
        network.addLayout(column(self.input, prediction, stretch=(5, 4), spacing=GAP), 5)
        network.addWidget(self.network, 7)
        outer.addWidget(top, 12)
        cards = evidence, margin, self.layer
        details = column(*cards, stretch=(9, 7, 8), spacing=GAP)
        outer.addLayout(details, 8)
        for card, height in zip(cards, (180, 170, 196), strict=True):
            card.setMinimumHeight(height)
        self.stack(outer, details)

    def focus_search(self) -> None:
        self.network.search.setFocus()

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector, "Spike rates over all images")

    def run_again(self) -> None:
        sweep_again(self.inspector)
