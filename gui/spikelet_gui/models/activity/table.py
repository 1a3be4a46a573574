"""Table of the neurons of a layer, with filter and order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import SpikeletError
from spikelet.metrics.rates import SATURATED
from spikelet.nodes import Shape
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.numbers import minus

TOP = 64  # number of neurons of the presets "top" and "worst"
Column = npt.NDArray[np.number]
Rows = npt.NDArray[np.int64]

SHOWN_COLUMNS = ("neuron", "rate", "first", "error", "all")  # columns of the view; queries can use all columns
COLUMNS = {  # name: (title, description)
    "neuron": ("neuron", "position in the layer: channel, row, column"),
    "channel": ("ch", "channel"),
    "copy": ("copy", "copy of the neuron, from 0"),
    "y": ("y", "row in the channel"),
    "x": ("x", "column in the channel"),
    "rate": ("rate", "spikes per time-step on this image"),
    "first": ("first", "time-step of the first spike; – if the neuron never fires"),
    "error": ("error", "spike count minus source activation (in spikes) on this image"),
    "all": ("all", "spikes per time-step over the measured images"),
}
ALL, HIGHEST, WORST = "all neurons", f"top {TOP}", f"worst {TOP}"
PRESETS = (ALL, "active", "silent", "dead", "saturated", HIGHEST, WORST)
TERM = re.compile(r"(neuron|channel|ch|copy|y|x|rate|first|error|all)\s*(<=|>=|!=|=|<|>)\s*(-?\d+(?:\.\d+)?)(%?)")
EXAMPLE = "rate > 50%, channel = 3"
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
    """Filter and order of the table.

    Attributes:
        preset: One of PRESETS.
        query: Conditions, e.g. "rate > 50%, channel = 3".
        order: Name of the column that defines the order.
        descending: Whether the largest value is first.
    """

    preset: str = ALL
    query: str = ""
    order: str = "neuron"
    descending: bool = False

    def sorted_by(self, order: str) -> View:
        """Return the view ordered by a column: rates and errors largest first; the current column in reverse order."""
        if order == self.order:
            return replace(self, descending=not self.descending)
        return replace(self, order=order, descending=order in ("rate", "error", "all"))


@dataclass(frozen=True)
class NeuronTable:
    """Columns of a layer.

    Attributes:
        shape: Shape of the layer without copies of neurons.
        columns: By name, (neurons,); columns without data are missing.
        copies: Copies of each neuron.
    """

    shape: Shape
    columns: dict[str, Column]
    copies: int = 1

    def __len__(self) -> int:
        return len(self.columns["neuron"])

    def rows(self, view: View) -> Rows:
        """Return the indices of the neurons that the view shows, in its order.

        Raises:
            SpikeletError: The query is invalid, or uses a column without data.
        """
        keep = self._preset(view.preset) & self._query(view.query)
        rows = np.flatnonzero(keep)
        values = self.columns.get(view.order, self.columns["neuron"])[rows]
        if view.descending:
            values = -values.astype(np.float64)
        rows = rows[np.argsort(values, kind="stable")]
        if view.preset == HIGHEST:
            return _top(rows, self.columns["rate"])
        if view.preset == WORST:
            return _top(rows, np.abs(self.columns["error"]))
        return rows

    def count(self, preset: str) -> int:
        """Return the number of neurons of a preset."""
        return int(self._preset(preset).sum())

    def examples(self) -> tuple[int, ...]:
        """Return three neurons: the one with the highest rate, and two at one and two thirds of those that fire."""
        rate = self.columns["rate"]
        order = np.argsort(-rate, kind="stable")
        active = max(int((rate > 0).sum()), 1)
        return tuple(dict.fromkeys(int(order[rank]) for rank in (0, active // 3, 2 * active // 3)))

    def label(self, neuron: int) -> str:
        """Format the position of a neuron: channel, y, x, or its index; and its copy, as #0, if there are several."""
        channel, copy, *pixel = (int(i) for i in np.unravel_index(neuron, _by_copy(self.shape, self.copies)))
        position = ",".join(map(str, (channel, *pixel)))
        return position if self.copies == 1 else f"{position}#{copy}"

    def cell(self, column: str, neuron: int) -> str:
        """Format a cell."""
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
        """Return the longest text of a column."""
        values = self.columns[column]
        extremes = {0, len(self) - 1, int(values.argmin()), int(values.argmax())}
        return max((self.cell(column, neuron) for neuron in extremes), key=len)

    def _preset(self, preset: str) -> npt.NDArray[np.bool_]:
        rate, mean_rate = self.columns["rate"], self.columns.get("all")
        if preset == "active":
            return rate > 0
        if preset == "silent":
            return rate == 0
        if preset == "dead":
            return self._required("all") == 0
        if preset == "saturated":
            return (rate if mean_rate is None else mean_rate) >= SATURATED
        if preset == WORST:
            self._required("error")
        return np.ones(len(self), np.bool_)

    def _query(self, query: str) -> npt.NDArray[np.bool_]:
        keep = np.ones(len(self), np.bool_)
        for part in filter(None, (term.strip() for term in query.lower().replace(" and ", ",").split(","))):
            term = TERM.fullmatch(part)
            if term is None:
                raise SpikeletError.at(
                    repr(part), f"is not a condition; example: {EXAMPLE}", expected=EXAMPLE, found=part
                )
            name, sign, number, percent = term.groups()
            name = "channel" if name == "ch" else name
            values = self._required(name)
            keep &= COMPARE[sign](values, float(number) / (100 if percent else 1))
        return keep

    def _required(self, name: str) -> Column:
        if name in self.columns:
            return self.columns[name]
        if name == "all":
            raise SpikeletError("spike rates over many images are not measured yet: run the Accuracy panel first")
        if name == "error":
            raise SpikeletError("this layer has no source activation")
        raise SpikeletError(f"this layer has no {name}")


def neuron_table(
    shape: Shape,
    counts: Column,
    first: Column,
    time: int,
    activation: Column | None = None,
    mean_rate: Column | None = None,
    copies: int = 1,
) -> NeuronTable:
    """Build the table of a layer.

    Args:
        shape: Shape of the layer without copies of neurons.
        counts: (neurons,) spike counts up to `time`.
        first: (neurons,) time-step of the first spike; 0 for none.
        time: Time-step of the counts.
        activation: (neurons,) source activation in spikes per time-step, or None.
        mean_rate: (neurons,) spike rate over many images, or None.
        copies: Copies of each neuron.
    """
    index = np.arange(len(counts))
    columns: dict[str, Column] = {"neuron": index}
    channel, copy, *pixel = np.unravel_index(index, _by_copy(shape, copies))
    if copies > 1:
        columns["copy"] = copy
    if len(shape) == 3:
        columns["channel"], columns["y"], columns["x"] = channel, *pixel
    columns["rate"] = counts / time
    columns["first"] = np.where(first <= time, first, 0)
    if activation is not None:
        columns["error"] = counts - activation * time
    if mean_rate is not None:
        columns["all"] = mean_rate
    return NeuronTable(shape, columns, copies)


def _by_copy(shape: Shape, copies: int) -> Shape:
    """Convert the shape (C, …) to (C, copies, …), in the order of the neurons."""
    return shape[0], copies, *shape[1:]


def table_of(trace: Trace, layer: str, mean_rate: Column | None) -> NeuronTable:
    """Build the table of a layer at T. mean_rate: (neurons,) spike rate over many images, or None."""
    return neuron_table(
        trace.graph.shapes[layer],
        trace.counts(layer, trace.steps),
        trace.first_spikes(layer),
        trace.steps,
        trace.activations.get(layer),
        mean_rate,
        trace.graph.neuron(layer).copies,
    )


def _top(rows: Rows, values: Column) -> Rows:
    """Return the TOP rows with the largest values, in the order of `rows`."""
    if len(rows) <= TOP:
        return rows
    chosen = np.argsort(-values[rows], kind="stable")[:TOP]
    return rows[np.sort(chosen)]
