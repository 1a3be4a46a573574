"""The drawing of the network, with its search and its zoom."""

from __future__ import annotations

from spikelet.display import number_of
from spikelet.metrics.measurement import Measurement
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.network.blocks import shape_text, title
from spikelet_gui.models.network.branches import Branch, branches, trunk
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.settings import RATES
from spikelet_gui.views.plots.network.block import FULL, Badge, Look
from spikelet_gui.views.plots.network.view import ZOOM_STEP, GraphView
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Search, Segments, tool
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.text import label


class NetworkCard(CardView):
    """Drawing of the network, coloured by spike rate, with the numbers of dead and saturated neurons."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Network", data=self._data)
        selection = inspector.selection
        self.graph = GraphView(selection.focus, selection.reveal, selection.focus_next, self._enter)
        self.basis = Segments("spike rates", ["this image", "all images"], self._choose)
        self.search = Search("search layers", "search  (Ctrl+F)", self._find, self._next)
        self.matches = label("", "caption")
        self.head.addWidget(self.basis)
        self.body.addLayout(
            row(
                self.search,
                self.matches,
                tool("minus", "Zoom out  (Ctrl+wheel)", lambda: self.graph.zoom_by(1 / ZOOM_STEP)),
                tool("plus", "Zoom in  (Ctrl+wheel)", lambda: self.graph.zoom_by(ZOOM_STEP)),
                tool("fit", "Show the whole network", self.graph.fit),
                stretch=(1, 0, 0, 0, 0),
                spacing=4,
            )
        )
        self.body.addWidget(self.graph, 1)
        self._branches: tuple[Branch, ...] = ()
        self.follow(self._draw, inspector.opened)
        self.follow(self._colour, inspector.traced, inspector.measured.swept, inspector.cursor.moved)
        self.follow(self._focus, inspector.selection.focused)

    def _draw(self) -> None:
        document = self.inspector.document
        if document is None:
            return
        graph, blocks = document.bundle.graph, self.inspector.selection.blocks
        self._branches = branches(graph, blocks)
        by_name = {block.name: block for block in blocks}
        texts = {
            branch.members[-1]: title(graph, by_name[branch.target], branch.members)
            for branch in self._branches
            if branch.members
        }
        self.graph.show_blocks(blocks, self.looks(), self._branches, texts)
        self.search.clear()
        self._focus()

    def _enter(self) -> None:
        """Inspect the selected layer."""
        self.inspector.selection.reveal(self.inspector.selection.layer)

    def _find(self, text: str) -> None:
        """Show which blocks a search matches."""
        names = self.graph.search(text)
        self.matches.setText(f"{len(names)} of {len(self.graph.items_by_name)}" if text.strip() else "")
        self.matches.setAccessibleName(f"{number_of(len(names), 'matching layer')}")

    def _next(self) -> None:
        """Select the next block that the search matches."""
        names, all_names = self.graph.search(self.search.text()), list(self.graph.items_by_name)
        current = all_names.index(self.inspector.selection.block)
        following = [name for name in (*all_names[current + 1 :], *all_names[: current + 1]) if name in names]
        if following:
            self.inspector.selection.focus(following[0])

    def _colour(self) -> None:
        if self.inspector.document is None:
            return
        self.graph.update_looks(self.looks())
        sweep, trace, colours = self.inspector.measured.sweep, self.inspector.trace, f"colours: 0 to {FULL:.0%}"
        self.basis.choose(int(self._measured() is not None))
        self.basis.allow(1, sweep is not None and sweep.measured is not None)
        if self._measured() is not None and sweep is not None:
            self.set_note(f"spike rates over {number_of(sweep.done, 'image')}, T = {sweep.counted.steps}; {colours}")
        elif trace is not None:
            self.set_note(f"spike rates on this image, T = {trace.steps}; {colours}")
        else:
            self.set_note("")

    def _choose(self, index: int) -> None:
        self.inspector.settings.rates = RATES[index]
        self._colour()

    def _measured(self) -> Measurement | None:
        """Return the rates over many images that the colours show, or None if they show the current image."""
        sweep = self.inspector.measured.sweep
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
            text = title(graph, block, trunk(graph, block, self._branches))
            look = Look(text, shape_text(graph.shapes[block.name]))
            if block.name in rates:
                layer = rates[block.name]
                look.rate = layer.rate
                counts = Badge(layer.dead, "dead"), Badge(layer.saturated, "saturated")
                look.badges = tuple(badge for badge in counts if badge.count)
            elif block.spiking and trace is not None:
                look.rate = trace.rate(block.name, trace.steps)
                silent = int((trace.spikes[block.name].reshape(trace.steps, -1).sum(axis=0) == 0).sum())
                if silent and inspector.settings.rates == RATES[0]:
                    look.badges = (Badge(silent, "silent"),)
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
