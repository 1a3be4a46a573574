"""Overview panel: the network, its input and its prediction."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout

from spikelet_gui.models.analysis.blocks import Facts as FactList
from spikelet_gui.models.analysis.blocks import block_facts, operation_facts, shape_text, title
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.overview.input_card import InputCard
from spikelet_gui.views.plots.evidence import AnswerCard, EvidenceCard, MarginCard
from spikelet_gui.views.plots.graph import FULL, GraphView, Look
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.theme import GAP
from spikelet_gui.views.widgets.widgets import Card, Numbers, column


class NetworkCard(View):
    """The layer graph, coloured by spike rate; dead and saturated neurons flagged."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Network")
        self.card.numbers = self._numbers
        self.graph = GraphView(inspector.selection.focus, inspector.selection.focus_next)
        self.card.body.addWidget(self.graph, 1)
        self.fill(self.card)
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
        self.graph.change(self.looks())
        sweep = self.inspector.sweep
        if sweep is not None and sweep.measured is not None:
            self.card.say(f"spike rate over {sweep.done:,} images; colours: 0 to {FULL:.0%}")
        else:
            self.card.say("spike rate on this image")

    def _focus(self) -> None:
        self.graph.focus_block(self.inspector.selection.block)

    def looks(self) -> dict[str, Look]:
        """Update the blocks."""
        inspector = self.inspector
        assert inspector.document is not None
        graph, trace, sweep = inspector.document.bundle.graph, inspector.trace, inspector.sweep
        measured = sweep.measured if sweep is not None else None
        rates = {rate.layer: rate for rate in measured.rates} if measured is not None else {}
        found = {}
        for block in inspector.selection.blocks:
            look = Look(
                title(graph, block) or graph.nodes[block.name].kind.lower(), shape_text(graph.shapes[block.name])
            )
            if block.name in rates:
                each = rates[block.name]
                look.rate = each.rate
                flags = [f"{each.dead:,} dead"] if each.dead else []
                flags += [f"{each.saturated:,} saturated"] if each.saturated else []
                look.flags = ", ".join(flags)
            elif block.spiking and trace is not None:
                look.rate = trace.rate(block.name, trace.steps)
            found[block.name] = look
        return found

    def _numbers(self) -> Numbers | None:
        if self.inspector.document is None:
            return None
        rows = [
            (name, look.title, look.shape, "" if look.rate is None else look.rate, look.flags)
            for name, look in self.looks().items()
        ]
        return Numbers("layers", ["layer", "synapses", "shape", "spike_rate", "flags"], rows)


class LayerCard(View):
    """Facts about the selected block."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Layer")
        self.facts = Facts()
        self.facts.setObjectName("plain")
        self.card.body.addWidget(scrolled(self.facts, "facts of the layer"), 1)
        self.fill(self.card)
        self.follow(self._draw, inspector.opened, inspector.selection.focused, inspector.swept)

    def _draw(self) -> None:
        inspector = self.inspector
        block = next((block for block in inspector.selection.blocks if block.name == inspector.selection.block), None)
        if inspector.document is None or block is None:
            return
        groups: list[tuple[str, FactList]] = block_facts(inspector.document.bundle, block)
        sweep = inspector.sweep
        if sweep is not None and sweep.measured is not None:
            found = operation_facts(sweep.measured, block)
            if found:
                groups.insert(1, ("operations of an image", found))
        self.facts.show_facts(groups)


class Overview(View):
    """Input and answer at the left, the network in the middle, evidence and the layer at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        self.input = InputCard(inspector)
        outer.addLayout(column(self.input, AnswerCard(inspector), stretch=(5, 4), spacing=GAP), 5)
        outer.addWidget(NetworkCard(inspector), 7)
        cards = EvidenceCard(inspector), MarginCard(inspector), LayerCard(inspector)
        outer.addLayout(column(*cards, stretch=(9, 7, 8), spacing=GAP), 8)
