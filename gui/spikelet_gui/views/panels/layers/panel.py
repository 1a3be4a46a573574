"""Layers panel: tabs of the layers, and the cards of the selected one."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again
from spikelet_gui.views.panels.layers.cards import PotentialCard, RasterCard, RatesCard
from spikelet_gui.views.panels.layers.feature_maps import MapCard
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.panels.layers.weights import WeightsPage
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.controls import Segments, Tabs
from spikelet_gui.views.widgets.layouts import column
from spikelet_gui.views.widgets.theme import GAP, length

THREE_COLUMNS = 920  # pixels of the panel: the table of the neurons beside the charts


class LayersPanel(Panel):
    """Tabs of the layers at the top; below them raster, potentials, feature maps, spike rates and the table."""

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.weights = WeightsPage(inspector)
        yield
        raster = RasterCard(inspector)
        yield
        potentials, maps = PotentialCard(inspector), MapCard(inspector)
        yield
        rates = RatesCard(inspector)
        yield
        self.neurons = NeuronCard(inspector)
        yield
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, 4, GAP, GAP)
        outer.setSpacing(6)
        self._tab_row = QHBoxLayout()
        outer.addLayout(self._tab_row)
        activity = QWidget()
        panes, charts = QHBoxLayout(activity), QHBoxLayout()
        panes.setContentsMargins(0, 0, 0, 0)
        for layout in (panes, charts):
            layout.setSpacing(GAP)
        charts.addLayout(column(raster, potentials, stretch=(5, 4), spacing=GAP), 7)
        charts.addLayout(column(maps, rates, stretch=(4, 3), spacing=GAP), 9)
        panes.addLayout(charts, 16)
        panes.addWidget(self.neurons, 7)
        self.neurons.setMinimumHeight(length(260))
        self.stack(panes, below=THREE_COLUMNS)
        self.pages = QStackedWidget()
        self.pages.addWidget(activity)
        self.pages.addWidget(self.weights)
        outer.addWidget(self.pages, 1)
        self.choice = Segments("content", ("activity", "weights"), self.pages.setCurrentIndex)
        self.tabs = Tabs("layer", self._chosen)
        self._tab_row.addWidget(self.tabs)
        self._tab_row.addStretch(1)
        self._tab_row.addWidget(self.choice)
        self.follow(self._fill_tabs, inspector.opened)
        self.follow(self._focus, inspector.selection.focused)
        self.listen(inspector.selection.revealed, self._show_activity)

    def _fill_tabs(self) -> None:
        document = self.inspector.document
        if document is not None:
            self.tabs.show_titles(document.bundle.graph.spiking)
            self._focus()

    def _chosen(self, index: int) -> None:
        document = self.inspector.document
        if document is not None:
            self.inspector.selection.focus(document.bundle.graph.spiking[index])

    def _show_activity(self) -> None:
        """Show the page of the neurons instead of that of the weights."""
        self.choice.choose(0)
        self.pages.setCurrentIndex(0)

    def _focus(self) -> None:
        document = self.inspector.document
        if document is not None:
            self.tabs.choose(document.bundle.graph.spiking.index(self.inspector.selection.layer))

    def focus_search(self) -> None:
        self._show_activity()
        self.neurons.query.setFocus()

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector, "Spike rates over all images")

    def run_again(self) -> None:
        sweep_again(self.inspector)
