"""Overview panel: the network, its input and its prediction."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout

from spikelet.metrics.measurement import Measurement
from spikelet_gui.models.analysis.blocks import Facts as FactList
from spikelet_gui.models.analysis.blocks import block_facts, operation_facts, shape_text, title
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.freshness import outdated_sweep, sweep_again
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.settings import RATES
from spikelet_gui.views.panels.overview.input_card import InputCard
from spikelet_gui.views.plots.evidence import EvidenceCard, MarginCard, PredictionCard
from spikelet_gui.views.plots.graph import FULL, GraphView, Look
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.layouts import column
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.theme import GAP


class NetworkCard(CardView):
    """Drawing of the network, coloured by spike rate, with the numbers of dead and saturated neurons."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Network", data=self._data)
        self.graph = GraphView(inspector.selection.focus, inspector.selection.focus_next)
        self.basis = Segments("spike rates", ["this image", "all images"], self._choose)
        self.head.addWidget(self.basis)
        self.body.addWidget(self.graph, 1)
        self.follow(self._draw, inspector.opened)
        self.follow(self._colour, inspector.traced, inspector.swept, inspector.cursor.moved)
        self.follow(self._focus, inspector.selection.focused)

    def _draw(self) -> None:
        if self.inspector.document is not None:
            self.graph.show_blocks(self.inspector.selection.blocks, self.looks())
            self._focus()

    def _colour(self) -> None:
        if self.inspector.document is None:
            return
        self.graph.update_looks(self.looks())
        sweep, trace = self.inspector.sweep, self.inspector.trace
        self.basis.choose(int(self._measured() is not None))
        self.basis.allow(1, sweep is not None and sweep.measured is not None)
        if self._measured() is not None and sweep is not None:
            self.set_note(f"over {sweep.done:,} images, T = {sweep.counted.steps}; colours: 0 to {FULL:.0%}")
        elif trace is not None:
            self.set_note(f"on this image, T = {trace.steps}; colours: 0 to {FULL:.0%}")
        else:
            self.set_note("")

    def _choose(self, index: int) -> None:
        self.inspector.settings.rates = RATES[index]
        self._colour()

    def _measured(self) -> Measurement | None:
        """Return what the colours show over many images, or None if they show the current image."""
        sweep = self.inspector.sweep
        return None if sweep is None or self.inspector.settings.rates == RATES[0] else sweep.measured

    def _focus(self) -> None:
        self.graph.focus_block(self.inspector.selection.block)

    def looks(self) -> dict[str, Look]:
        """Return text and colour of every block."""
        inspector = self.inspector
        assert inspector.document is not None
        graph, trace = inspector.document.bundle.graph, inspector.trace
        measured = self._measured()
        rates = {rate.layer: rate for rate in measured.rates} if measured is not None else {}
        looks = {}
        for block in inspector.selection.blocks:
            look = Look(
                title(graph, block) or graph.nodes[block.name].kind.lower(), shape_text(graph.shapes[block.name])
            )
            if block.name in rates:
                layer = rates[block.name]
                look.rate = layer.rate
                flags = [f"{layer.dead:,} dead"] if layer.dead else []
                flags += [f"{layer.saturated:,} saturated"] if layer.saturated else []
                look.flags = ", ".join(flags)
            elif block.spiking and trace is not None:
                look.rate = trace.rate(block.name, trace.steps)
                silent = int((trace.spikes[block.name].reshape(trace.steps, -1).sum(axis=0) == 0).sum())
                look.flags = f"{silent:,} silent" if silent and inspector.settings.rates == RATES[0] else ""
            looks[block.name] = look
        return looks

    def _data(self) -> DataTable | None:
        if self.inspector.document is None:
            return None
        rows = [
            (name, look.title, look.shape, "" if look.rate is None else look.rate, look.flags)
            for name, look in self.looks().items()
        ]
        return DataTable("layers", ["layer", "synapses", "shape", "spike_rate", "flags"], rows)


class LayerCard(CardView):
    """Properties of the selected block."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Layer")
        self.facts = Facts()
        self.facts.setObjectName("plain")
        self.body.addWidget(scrolled(self.facts, "properties of the layer"), 1)
        self.follow(self._draw, inspector.opened, inspector.selection.focused, inspector.swept)

    def _draw(self) -> None:
        inspector = self.inspector
        block = next((block for block in inspector.selection.blocks if block.name == inspector.selection.block), None)
        if inspector.document is None or block is None:
            return
        groups: list[tuple[str, FactList]] = block_facts(inspector.document.bundle, block)
        sweep = inspector.sweep
        if sweep is not None and sweep.measured is not None:
            operations = operation_facts(sweep.measured, block)
            if operations:
                groups.insert(1, ("operations per image", operations))
        self.facts.show_facts(groups)


class OverviewPanel(Panel):
    """Input and prediction on the left, the network in the middle, evidence and the layer on the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        self.input = InputCard(inspector)
        outer.addLayout(column(self.input, PredictionCard(inspector), stretch=(5, 4), spacing=GAP), 5)
        outer.addWidget(NetworkCard(inspector), 7)
        cards = EvidenceCard(inspector), MarginCard(inspector), LayerCard(inspector)
        outer.addLayout(column(*cards, stretch=(9, 7, 8), spacing=GAP), 8)

    def out_of_date(self) -> str:
        return outdated_sweep(self.inspector)

    def run_again(self) -> None:
        sweep_again(self.inspector)
