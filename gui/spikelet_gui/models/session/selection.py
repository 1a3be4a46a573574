"""Selection shared by all panels: a layer, its filtered neurons, and the neurons picked for potentials."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikelet.errors import SpikeletError
from spikelet_gui.models.activity.table import ALL, NeuronTable, Rows, View
from spikelet_gui.models.network.blocks import Block
from spikelet_gui.models.signal import Signal

PICKED = 8  # largest number of neurons whose potentials are drawn
EXAMPLES = 3  # number of listed neurons that are picked by default


class Selection:
    """The selection that all panels share.

    Attributes:
        focused: Emitted when another block is selected.
        filtered: Emitted when the filtered neurons change.
        picking: Emitted when other neurons are picked.
        revealed: Emitted after neurons were selected that must be shown.
        blocks: Blocks of the network.
        block: Selected block, any of `blocks`.
        layer: Selected spiking layer, which the plots show.
        view: Filter and order of the neurons.
        rows: Indices of the neurons of the layer that match the filter, in order.
        query_error: Error of the filter, or "".
        picked: Indices of the picked neurons.

    Args:
        table_of: Returns the neurons of a layer, or None while there is no trace.
    """

    def __init__(self, table_of: Callable[[str], NeuronTable | None]) -> None:
        self.focused, self.filtered, self.picking = Signal[[]](), Signal[[]](), Signal[[]]()
        self.revealed = Signal[[]]()
        self._table_of = table_of
        self.blocks: tuple[Block, ...] = ()
        self._spiking: tuple[str, ...] = ()
        self.block = self.layer = ""
        self.view = View()
        self.rows: Rows = np.zeros(0, np.int64)
        self.query_error = ""
        self.picked: tuple[int, ...] = ()
        self._picked_before: dict[str, tuple[int, ...]] = {}  # by layer

    def begin(self, blocks: tuple[Block, ...], spiking: tuple[str, ...], layer: str) -> None:
        """Set another network, without a signal. layer: the layer to select, if it is spiking."""
        self.blocks, self._spiking = blocks, spiking
        self.layer = layer if layer in spiking or not spiking else spiking[0]
        self.block = self.layer
        self.view, self.picked, self.rows, self.query_error = View(), (), np.zeros(0, np.int64), ""
        self._picked_before.clear()

    def table(self) -> NeuronTable | None:
        """Return the neurons of the layer; None while there is no trace."""
        return self._table_of(self.layer)

    def set_trace(self) -> None:
        """Update for a new trace, without a signal."""
        self._filter()
        table = self.table()
        if not self.picked and table is not None:
            self.picked = table.examples()

    def refresh(self) -> None:
        """Filter again after columns of the table were added."""
        self._filter()
        self.filtered.emit()

    def focus(self, name: str) -> None:
        """Select a block; a spiking layer is shown by all plots, with the neurons that were picked in it before."""
        if not self.blocks or name == self.block:
            return
        self.block = name
        if name in self._spiking:
            self._picked_before[self.layer] = self.picked
            self.layer = name
            self._filter()
            table = self.table()
            self.picked = self._picked_before.get(name) or (() if table is None else table.examples())
        self.focused.emit()
        self.filtered.emit()
        self.picking.emit()

    def focus_next(self, by: int) -> None:
        """Move the selection by a number of blocks."""
        names = [block.name for block in self.blocks]
        if names:
            index = names.index(self.block) + by
            self.focus(names[min(max(index, 0), len(names) - 1)])

    def set_view(self, view: View) -> None:
        """Set the filter and the order."""
        self.view = view
        self.refresh()

    def reveal(self, layer: str, preset: str = ALL, neurons: tuple[int, ...] = ()) -> None:
        """Select a layer, list its neurons of a kind, and pick some of them, by default the first ones."""
        self.focus(layer)
        if layer not in self._spiking:
            return
        self.set_view(View(preset=preset))
        self.pick(neurons or tuple(int(neuron) for neuron in self.rows[:EXAMPLES]))
        self.revealed.emit()

    def pick(self, neurons: tuple[int, ...]) -> None:
        """Pick neurons, at most PICKED."""
        neurons = tuple(dict.fromkeys(neurons))[:PICKED]
        if neurons != self.picked:
            self.picked = neurons
            self.picking.emit()

    def toggle_picked(self, neuron: int) -> None:
        """Pick one more neuron, or unpick it."""
        others = tuple(picked for picked in self.picked if picked != neuron)
        self.pick(others if neuron in self.picked else (*others[-(PICKED - 1) :], neuron))

    def row_of(self, neuron: int) -> int | None:
        """Return the position of a neuron in `rows`, or None."""
        positions = np.flatnonzero(self.rows == neuron)
        return int(positions[0]) if len(positions) else None

    def _filter(self) -> None:
        table = self.table()
        self.rows = np.zeros(0, np.int64)
        if table is None:
            return
        try:
            self.rows, self.query_error = table.rows(self.view), ""
        except SpikeletError as error:
            self.rows, self.query_error = np.arange(len(table)), str(error)
