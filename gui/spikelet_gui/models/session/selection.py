"""What is looked at: a layer, the neurons of it that all plots show, and the few that are picked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikelet.errors import SpikeletError
from spikelet_gui.models.analysis.blocks import Block
from spikelet_gui.models.analysis.table import NeuronTable, Rows, View
from spikelet_gui.models.signal import Signal

PICKED = 8  # neurons whose potentials are drawn at most


class Selection:
    """A choice that all panels share. table_of: the neurons of a layer as they are known now, or None before that.

    block: any node that the graph shows. layer: the spiking one that plots show. rows: its neurons that the filter
    leaves, in order. focused: another block. filtered: other rows. picking: other neurons are picked.
    """

    def __init__(self, table_of: Callable[[str], NeuronTable | None]) -> None:
        self.focused, self.filtered, self.picking = Signal(), Signal(), Signal()
        self._table_of = table_of
        self.blocks: tuple[Block, ...] = ()
        self._spiking: tuple[str, ...] = ()
        self.block = self.layer = ""
        self.view = View()
        self.rows: Rows = np.zeros(0, np.int64)
        self.query_error = ""
        self.picked: tuple[int, ...] = ()

    def begin(self, blocks: tuple[Block, ...], spiking: tuple[str, ...], layer: str) -> None:
        """Another network; silent. layer: to look at, if it is one of the spiking."""
        self.blocks, self._spiking = blocks, spiking
        self.layer = layer if layer in spiking or not spiking else spiking[0]
        self.block = self.layer
        self.view, self.picked = View(), ()

    def table(self) -> NeuronTable | None:
        """The neurons of the layer; None before the network has answered."""
        return self._table_of(self.layer)

    def answered(self) -> None:
        """The network has answered another image."""
        self._filter()
        table = self.table()
        if not self.picked and table is not None:
            self.picked = table.examples()

    def refresh(self) -> None:
        """More is known of the neurons."""
        self._filter()
        self.filtered.emit()

    def focus(self, name: str) -> None:
        """Look at another block; where it is a spiking layer, all plots show it."""
        if not self.blocks or name == self.block:
            return
        self.block = name
        if name in self._spiking:
            self.layer = name
            self._filter()
            table = self.table()
            self.picked = () if table is None else table.examples()
        self.focused.emit()
        self.filtered.emit()
        self.picking.emit()

    def focus_next(self, by: int) -> None:
        """So many blocks on or back."""
        names = [block.name for block in self.blocks]
        if names:
            place = names.index(self.block) + by
            self.focus(names[min(max(place, 0), len(names) - 1)])

    def set_view(self, view: View) -> None:
        """Filter or order in another way."""
        self.view = view
        self.refresh()

    def pick(self, neurons: tuple[int, ...]) -> None:
        """Draw the potentials of these, PICKED at most."""
        neurons = tuple(dict.fromkeys(neurons))[:PICKED]
        if neurons != self.picked:
            self.picked = neurons
            self.picking.emit()

    def pick_more(self, neuron: int) -> None:
        """One more, or one less if it is picked already."""
        rest = tuple(each for each in self.picked if each != neuron)
        self.pick(rest if neuron in self.picked else (*rest[-(PICKED - 1) :], neuron))

    def row_of(self, neuron: int) -> int | None:
        """Where a neuron stands among those that are shown."""
        found = np.flatnonzero(self.rows == neuron)
        return int(found[0]) if len(found) else None

    def _filter(self) -> None:
        table = self.table()
        self.rows = np.zeros(0, np.int64)
        if table is None:
            return
        try:
            self.rows, self.query_error = table.rows(self.view), ""
        except SpikeletError as error:
            self.rows, self.query_error = np.arange(len(table)), str(error)
