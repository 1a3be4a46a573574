"""The neurons of a layer as a table: one array a column; a filter and an order choose which of them all plots show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import SpikeletError
from spikelet.metrics.rates import SATURATED
from spikelet.nodes import Shape
from spikelet_gui.models.analysis.trace import Trace
from spikelet_gui.models.numbers import minus

TOP = 64
Column = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]

# name: (title, what it is)
SHOWN = ("neuron", "rate", "first", "error", "all")  # of these, in the table; the others can be asked for
COLUMNS = {
    "neuron": ("neuron", "position in the layer: channel, row, column"),
    "channel": ("ch", "channel"),
    "y": ("y", "row in the channel"),
    "x": ("x", "column in the channel"),
    "rate": ("rate", "spikes per time-step on this image"),
    "first": ("first", "time-step of the first spike; – if the neuron never fires"),
    "error": ("error", "spike count minus float activation (in spikes) on this image"),
    "all": ("all", "spikes per time-step over the measured images"),
}
PRESETS = ("all neurons", "active", "silent", "dead", "saturated", f"top {TOP}", f"worst {TOP}")
TERM = re.compile(r"(neuron|channel|ch|y|x|rate|first|error|all)\s*(<=|>=|!=|=|<|>)\s*(-?\d+(?:\.\d+)?)(%?)")
COMPARE: dict[str, Callable[[Column, float], npt.NDArray[np.bool_]]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}


@dataclass(frozen=True)
class View:
    """preset: one of PRESETS. query: conditions, as "rate > 50%, channel = 3". order: a column."""

    preset: str = PRESETS[0]
    query: str = ""
    order: str = "neuron"
    descending: bool = False

    def sorted_by(self, order: str) -> View:
        """By another column, largest first where that says more; by the same one, the other way round."""
        if order == self.order:
            return replace(self, descending=not self.descending)
        return replace(self, order=order, descending=order in ("rate", "error", "all"))


@dataclass(frozen=True)
class NeuronTable:
    """columns: by name, (neurons,) each; those that are not known are left out."""

    shape: Shape
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.columns["neuron"])

    def rows(self, view: View) -> Rows:
        """The neurons that the view shows, in its order.

        Raises:
            SpikeletError: a query that cannot be read, or that asks for what is not known; says how one is written.
        """
        keep = self._preset(view.preset) & self._query(view.query)
        rows = np.flatnonzero(keep)
        values = self.columns.get(view.order, self.columns["neuron"])[rows]
        if view.descending:
            values = -values.astype(np.float64)
        rows = rows[np.argsort(values, kind="stable")]
        if view.preset == PRESETS[5]:
            return _most(rows, self.columns["rate"])
        if view.preset == PRESETS[6]:
            return _most(rows, np.abs(self.columns["error"]))
        return rows

    def examples(self) -> tuple[int, ...]:
        """Three neurons worth looking at: spread over those that fire, the busiest first."""
        rate = self.columns["rate"]
        order = np.argsort(-rate, kind="stable")
        active = max(int((rate > 0).sum()), 1)
        return tuple(dict.fromkeys(int(order[place]) for place in (0, active // 3, 2 * active // 3)))

    def label(self, neuron: int) -> str:
        """A neuron by its place: (channel, y, x), or its index."""
        if len(self.shape) == 1:
            return str(neuron)
        return ",".join(str(int(i)) for i in np.unravel_index(neuron, self.shape))

    def cell(self, column: str, neuron: int) -> str:
        """What the table shows."""
        if column == "neuron":
            return self.label(neuron)
        value = self.columns[column][neuron]
        if column in ("rate", "all"):
            return f"{value:.1%}"
        if column == "first":
            return str(value) if value else "–"
        if column == "error":
            return minus(f"{value:+.2f}") if abs(value) >= 0.005 else "0"
        return str(value)

    def widest(self, column: str) -> str:
        """The cell of a column that needs the most room."""
        values = self.columns[column]
        ends = {0, len(self) - 1, int(values.argmin()), int(values.argmax())}
        return max((self.cell(column, neuron) for neuron in ends), key=len)

    def _preset(self, preset: str) -> npt.NDArray[np.bool_]:
        rate, everywhere = self.columns["rate"], self.columns.get("all")
        if preset == "active":
            return rate > 0
        if preset == "silent":
            return rate == 0
        if preset == "dead":
            return self._known("all", everywhere) == 0
        if preset == "saturated":
            return (rate if everywhere is None else everywhere) >= SATURATED
        if preset == PRESETS[6]:
            self._known("error", self.columns.get("error"))
        return np.ones(len(self), np.bool_)

    def _query(self, query: str) -> npt.NDArray[np.bool_]:
        keep = np.ones(len(self), np.bool_)
        for part in filter(None, (each.strip() for each in query.lower().replace(" and ", ",").split(","))):
            term = TERM.fullmatch(part)
            if term is None:
                raise SpikeletError(f"{part!r} is not understood; write for example: rate > 50%, channel = 3")
            name, sign, number, percent = term.groups()
            name = "channel" if name == "ch" else name
            values = self._known(name, self.columns.get(name))
            keep &= COMPARE[sign](values, float(number) / (100 if percent else 1))
        return keep

    def _known(self, name: str, values: Column | None) -> Column:
        if values is not None:
            return values
        if name == "all":
            raise SpikeletError("rates over many images are not measured yet: run the Accuracy panel first")
        if name == "error":
            raise SpikeletError("this layer has no float activation to compare with")
        raise SpikeletError(f"this layer has no {name}")


def neuron_table(
    shape: Shape,
    counts: Column,
    first: Column,
    time: int,
    activation: Column | None = None,
    everywhere: Column | None = None,
) -> NeuronTable:
    """The table of a layer. counts, first: (neurons,) spikes up to `time`, and the time-step of the first.

    activation: (neurons,) of the float network, in spikes a time-step. everywhere: (neurons,) rate over many images.
    """
    index = np.arange(len(counts))
    columns: dict[str, Column] = {"neuron": index}
    if len(shape) == 3:
        columns["channel"], columns["y"], columns["x"] = np.unravel_index(index, shape)
    columns["rate"] = counts / time
    columns["first"] = np.where(first <= time, first, 0)
    if activation is not None:
        columns["error"] = counts - activation * time
    if everywhere is not None:
        columns["all"] = everywhere
    return NeuronTable(shape, columns)


def table_of(trace: Trace, layer: str, everywhere: Column | None) -> NeuronTable:
    """The table of a layer at T. everywhere: (neurons,) rate over many images, if known."""
    return neuron_table(
        trace.graph.shapes[layer],
        trace.counts(layer, trace.steps),
        trace.first_spikes(layer),
        trace.steps,
        trace.activations.get(layer),
        everywhere,
    )


def _most(rows: Rows, values: Column) -> Rows:
    """Of the rows, the TOP with the largest values, in the order of the rows."""
    if len(rows) <= TOP:
        return rows
    chosen = np.argsort(-values[rows], kind="stable")[:TOP]
    return rows[np.sort(chosen)]
