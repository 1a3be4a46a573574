"""Overview panel: the network, its input and its prediction."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QBoxLayout, QWidget

from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again
from spikelet_gui.views.panels.overview.input_card import InputCard
from spikelet_gui.views.panels.overview.layer_card import LayerCard
from spikelet_gui.views.panels.overview.network_card import NetworkCard
from spikelet_gui.views.plots.evidence import EvidenceCard, MarginCard
from spikelet_gui.views.plots.prediction import PredictionCard
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.layouts import column, row
from spikelet_gui.views.widgets.theme import GAP, length

INPUT, PREDICTION = 250, 250  # smallest heights of the cards on the left


class OverviewPanel(Panel):
    """Input and prediction on the left, the network in the middle, evidence and the layer on the right."""

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        outer, details = row(spacing=GAP), column(spacing=GAP)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        self.setLayout(outer)
        top = QWidget()
        top.setMinimumHeight(length(INPUT) + GAP + length(PREDICTION))
        network, left = row(spacing=GAP), column(spacing=GAP)
        network.setContentsMargins(0, 0, 0, 0)
        top.setLayout(network)
        network.addLayout(left, 5)
        outer.addWidget(top, 12)
        outer.addLayout(details, 8)
        self.stack(outer, details)
        # each card is put into its layout before the next slice, which would style a card without a parent twice
        self.input = InputCard(inspector)
        _add(left, self.input, 5, height=INPUT)
        yield
        _add(left, PredictionCard(inspector), 4, height=PREDICTION)
        self.network = NetworkCard(inspector)
        network.addWidget(self.network, 7)
        yield
        _add(details, EvidenceCard(inspector), 9, height=180)
        yield
        _add(details, MarginCard(inspector), 7, height=170)
        yield
        self.layer = LayerCard(inspector)
        _add(details, self.layer, 8, height=196)
        yield

    def focus_search(self) -> None:
        self.network.search.setFocus()

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector, "Spike rates over all images")

    def run_again(self) -> None:
        sweep_again(self.inspector)


def _add(layout: QBoxLayout, card: QWidget, stretch: int, height: int) -> None:
    """Add a card with a minimum height."""
    card.setMinimumHeight(length(height))
    layout.addWidget(card, stretch)
