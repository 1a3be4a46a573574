"""Draw the four types of chart of a report: curves, bars, ranges and rasters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikelet.display import compact, shortened
from spikelet.engines.base import Spikes
from spikelet.report.svg import BLACK, COLOURS, DASHES, WIDTH, Axis, Canvas, draw_x, draw_y, span

LEFT, RIGHT, TOP, PLOT = 66, 20, 16, 240
ROW = 21  # height of a bar
LABEL, NAME = 32, 76  # characters of a label and of a name in a legend; longer ones are shortened


@dataclass(frozen=True)
class Curve:
    """A named series.

    Attributes:
        name: Name in the legend.
        points: Points (x, y) that a line connects.
        band: Filled range (x, low, high) around the line.
        level: Value of y that is marked by a dashed line, or None.
    """

    name: str
    points: Sequence[tuple[float, float]] = ()
    band: Sequence[tuple[float, float, float]] = ()
    level: float | None = None


@dataclass(frozen=True)
class Bar:
    """A bar from 0 to `value`, with an optional whisker low…high and a note to its right."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


def percent(value: float) -> str:
    """Format a share, such as 0.5, as "50%"."""
    return f"{value * 100:g}%"


def tick(value: float) -> str:
    """Format a value of an axis; the ticks of a short axis differ in the fourth digit."""
    return compact(value, 4, zeros=False)


def curves(
    title: str,
    series: Sequence[Curve],
    x: str,
    y: str,
    form: Callable[[float], str] = percent,
    x_form: Callable[[float], str] = tick,
) -> str:
    """Draw curves over a shared axis, with a legend below. Returns SVG.

    Args:
        title: Title of the plot.
        series: The curves.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        form: Formats values of y.
        x_form: Formats values of x.
    """
    xs = [point[0] for curve in series for point in curve.points] or [0.0]
    ys = [point[1] for curve in series for point in curve.points]
    ys += [end for curve in series for band in curve.band for end in band[1:]]
    ys += [curve.level for curve in series if curve.level is not None]
    bottom = TOP + PLOT
    legend = _legend_rows(shortened([curve.name for curve in series], NAME))
    canvas = Canvas(WIDTH, bottom + 52 + 20 * len(legend), title)
    ends = (min(xs), max(xs)) if max(xs) > min(xs) else (min(xs) - 0.5, max(xs) + 0.5)
    counts = all(float(value).is_integer() for value in xs)
    across = Axis(x, *ends, LEFT + 8, WIDTH - RIGHT - 8, form=x_form, whole=counts)
    low, high = span(ys or [0.0, 1.0])
    low = low if ys and min(ys) < 0 else max(low, 0.0)  # the margin does not make the axis negative
    up = Axis(y, low, min(high, 1.0) if form is percent else high, bottom, TOP, form=form)
    draw_x(canvas, across, TOP, bottom)
    draw_y(canvas, up, LEFT, WIDTH - RIGHT)
    for index, curve in enumerate(series):
        colour, dash = _style(index)
        if curve.band:
            above = [(across(a), up(c)) for a, _, c in curve.band]
            below = [(across(a), up(b)) for a, b, _ in reversed(curve.band)]
            canvas.area([*above, *below], colour)
        if curve.level is not None:
            canvas.line([(LEFT, up(curve.level)), (WIDTH - RIGHT, up(curve.level))], colour, 1.5, "6 4")
        if curve.points:
            canvas.line([(across(a), up(b)) for a, b in curve.points], colour, 2, dash)
        for a, b in curve.points:
            canvas.dot(across(a), up(b), colour, f"{curve.name}: {x_form(a)}, {form(round(b, 4))}", 3, index % 2 == 1)
    _legend(canvas, legend, [curve.level is not None for curve in series], bottom + 56)
    return canvas.done()


def bars(title: str, rows: Sequence[Bar], x: str, form: Callable[[float], str] = percent) -> str:
    """Draw horizontal bars below one another. Returns SVG."""
    labels = shortened([row.name for row in rows], LABEL)
    left, right = _label_width(labels), 20 + _label_width([row.note for row in rows])
    bottom = TOP + ROW * len(rows) + 4
    canvas = Canvas(WIDTH, bottom + 44, title)
    most = max([row.value for row in rows] + [row.high for row in rows if row.high is not None], default=0) or 1
    across = Axis(x, 0, most * 1.04, left, WIDTH - right, form=form)
    draw_x(canvas, across, TOP, bottom)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        y = TOP + index * ROW + 4
        canvas.text(left - 8, y + 12, label, "end")
        canvas.box(left, y, across(row.value) - left, ROW - 7, COLOURS[0], f"{row.name}: {form(row.value)}")
        if row.low is not None and row.high is not None:
            middle = y + (ROW - 7) / 2
            canvas.line([(across(row.low), middle), (across(row.high), middle)], BLACK, 1.5)
            for end in (row.low, row.high):
                canvas.line([(across(end), middle - 4), (across(end), middle + 4)], BLACK, 1.5)
        if row.note:
            canvas.text(WIDTH - right + 10, y + 12, row.note, size=11)
    return canvas.done()


def ranges(
    title: str, rows: Sequence[tuple[str, Sequence[tuple[float, float] | None]]], names: Sequence[str], x: str
) -> str:
    """Draw, for each row, one range low…high for each of `names`, on a logarithmic axis. Returns SVG.

    Args:
        title: Title of the plot.
        rows: Name and ranges of each row; values above 0, or None.
        names: Names of the ranges in the legend.
        x: Label of the axis.
    """
    labels = shortened([row[0] for row in rows], LABEL)
    left = _label_width(labels)
    thick = 9
    height = thick * len(names) + 10
    bottom = TOP + height * len(rows)
    legend = _legend_rows(list(names))
    canvas = Canvas(WIDTH, bottom + 50 + 20 * len(legend), title)
    values = [end for _, spans in rows for ends in spans if ends is not None for end in ends if end > 0] or [1.0]
    ends = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)) + 1e-9)
    across = Axis(x, ends[0], max(ends[1], ends[0] * 10), left, WIDTH - RIGHT, log=True, form=tick)
    draw_x(canvas, across, TOP, bottom)
    for index, (name, spans) in enumerate(rows):
        y = TOP + index * height
        if index:
            canvas.line([(left, y), (WIDTH - RIGHT, y)], "#e3e3e3", 1)
        canvas.text(left - 8, y + height / 2 + 4, labels[index], "end")
        for level, limits in enumerate(spans):
            middle = y + 5 + thick * level + thick / 2
            if limits is None or limits[1] <= 0:
                continue
            low, high = across(limits[0]), across(limits[1])
            colour, hint = COLOURS[level % len(COLOURS)], f"{name}, {names[level]}: {limits[0]:.3g} to {limits[1]:.3g}"
            canvas.box(low - 2, middle - 2.5, high - low + 4, 5, colour, hint)
            for end in {low, high}:
                canvas.dot(end, middle, colour, hint, 3, level % 2 == 1)
    _legend(canvas, legend, [False] * len(names), bottom + 54)
    return canvas.done()


def raster(title: str, layers: Sequence[tuple[str, Spikes]]) -> str:
    """Draw spikes as marks, with a row per neuron and a column per time-step. Returns SVG.

    Args:
        title: Title of the plot.
        layers: Name and spikes of each layer, (T, neurons) bool.
    """
    labels = shortened([name for name, _ in layers], LABEL)
    left, mark, gap = _label_width(labels), 3.0, 8.0
    steps = len(layers[0][1])
    column = (WIDTH - RIGHT - left) / steps
    bottom = TOP + sum(spikes.shape[1] * mark + gap for _, spikes in layers)
    canvas = Canvas(WIDTH, bottom + 40, title)
    y = float(TOP)
    for index, (label, (_, spikes)) in enumerate(zip(labels, layers, strict=True)):
        height = spikes.shape[1] * mark
        canvas.box(left, y, WIDTH - RIGHT - left, height, "#f4f4f4")
        canvas.text(left - 8, y + height / 2 + 4, label, "end")
        for t, neuron in np.argwhere(spikes):
            canvas.box(left + t * column + 1, y + neuron * mark, column - 2, mark - 0.6, COLOURS[index % 2])
        y += height + gap
    for t in range(steps):
        if steps <= 32 or t % 8 == 0:
            canvas.text(left + (t + 0.5) * column, bottom + 12, str(t + 1), "middle", 11)
    canvas.text((left + WIDTH - RIGHT) / 2, bottom + 32, "time-step", "middle")
    return canvas.done()


def _style(index: int) -> tuple[str, str]:
    """Return colour and dash of a series; the first 36 pairs differ."""
    return COLOURS[index % len(COLOURS)], DASHES[(index + index // len(COLOURS)) % len(DASHES)]


def _label_width(names: Sequence[str]) -> float:
    return 16 + 6.8 * max((len(name) for name in names), default=0)


def _legend_rows(names: Sequence[str]) -> list[list[tuple[int, str]]]:
    rows: list[list[tuple[int, str]]] = [[]]
    width = 0.0
    for index, name in enumerate(names):
        width += 52 + 6.6 * len(name)
        if rows[-1] and width > WIDTH - LEFT:
            rows.append([])
            width = 52 + 6.6 * len(name)
        rows[-1].append((index, name))
    return rows


def _legend(canvas: Canvas, rows: list[list[tuple[int, str]]], level: Sequence[bool], y: float) -> None:
    for row in rows:
        x = float(LEFT)
        for index, name in row:
            colour, dash = _style(index)
            dash = "6 4" if level[index] else dash
            canvas.line([(x, y - 4), (x + 26, y - 4)], colour, 2, dash)
            if not level[index]:
                canvas.dot(x + 13, y - 4, colour, "", 3, index % 2 == 1)
            canvas.text(x + 32, y, name)
            x += 52 + 6.6 * len(name)
        y += 20


__all__ = ["Bar", "Curve", "bars", "curves", "percent", "ranges", "raster", "tick"]
