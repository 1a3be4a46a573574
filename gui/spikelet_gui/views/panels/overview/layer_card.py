"""Properties of the selected layer, and buttons that list its unusual neurons."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QGridLayout, QPushButton

from spikelet.display import number_of
from spikelet_gui.models.network.blocks import Facts as FactList
from spikelet_gui.models.network.blocks import block_facts, operation_facts
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import button
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.scrolling import scrolled

KINDS = ("silent", "dead", "saturated")


class LayerCard(CardView):
    """Properties of the selected block."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Layer")
        self.facts = Facts()
        self.facts.setObjectName("plain")
        self.buttons: dict[str, QPushButton] = {}
        for kind in KINDS:
            self.buttons[kind] = button("", partial(self._list, kind), f"List the {kind} neurons")
        self.grid = QGridLayout()
        self.grid.setSpacing(6)
        self.grid.setColumnStretch(2, 1)
        for widget in self.buttons.values():
            self.grid.addWidget(widget)
        self.body.addLayout(self.grid)
        self.body.addWidget(scrolled(self.facts, "properties of the layer"), 1)
        self.follow(
            self._draw, inspector.opened, inspector.selection.focused, inspector.measured.swept, inspector.traced
        )

    def _draw(self) -> None:
        inspector = self.inspector
        block = next((block for block in inspector.selection.blocks if block.name == inspector.selection.block), None)
        if inspector.document is None or block is None:
            return
        groups: list[tuple[str, FactList]] = block_facts(inspector.document.bundle, block)
        sweep = inspector.measured.sweep
        if sweep is not None and sweep.measured is not None:
            operations = operation_facts(sweep.measured, block)
            if operations:
                groups.insert(1, ("operations per image", operations))
        self.facts.show_facts(groups)
        self._count()

    def _list(self, kind: str) -> None:
        self.inspector.selection.reveal(self.inspector.selection.block, kind)

    def _count(self) -> None:
        """Show the numbers of silent, dead and saturated neurons of a spiking layer."""
        selection = self.inspector.selection
        table = selection.table() if selection.block == selection.layer else None
        for kind, widget in self.buttons.items():
            count = 0 if table is None or (kind == "dead" and "all" not in table.columns) else table.count(kind)
            widget.setText(f"{count:,} {kind}")
            widget.setAccessibleName(f"list the {number_of(count, f'{kind} neuron')}")
            widget.setVisible(count > 0)
            self.grid.removeWidget(widget)
        # a third button goes below: three are wider than the card in a small window
        for index, widget in enumerate(widget for widget in self.buttons.values() if not widget.isHidden()):
            self.grid.addWidget(widget, index // 2, index % 2)
