"""Values of a chart: at a position, of its curves, its bars and its dots, and in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPen

from spikelet.display import number_of
from spikelet_gui.views.plots.axes import NumberAxis
from spikelet_gui.views.widgets.readout import Value

NEAR = 9.0  # largest distance in pixels from a dot whose values are shown


@dataclass(frozen=True)
class Curve:
    """A curve whose values are read.

    Attributes:
        item: The curve.
        name: Name of the curve.
        text: Formats a value.
    """

    item: pg.PlotDataItem
    name: str
    text: Callable[[float], str]


def curve_values(curves: Sequence[Curve], x: float) -> tuple[float, list[Value]] | None:
    """Return the values of all curves at the sample nearest to `x`, the largest first; None without samples.

    Returns:
        The sample of the first curve that has any, and the values there.
    """
    nearest: float | None = None
    values: list[tuple[float, Value]] = []
    for curve in curves:
        xs, ys = curve.item.getOriginalDataset()
        if xs is None or ys is None or not len(xs) or not curve.item.isVisible():
            continue
        if nearest is None:
            nearest = float(xs[np.argmin(np.abs(xs - x))])
        at_sample = np.flatnonzero(np.isclose(xs, nearest))
        index = int(at_sample[0]) if len(at_sample) else int(np.argmin(np.abs(xs - nearest)))
        values.append((float(ys[index]), Value(curve.name, curve.text(float(ys[index])), _hue(curve.item))))
    ordered = sorted(values, key=lambda value: -value[0])
    return None if nearest is None else (nearest, [value for _, value in ordered])


def bar_values(
    bars: Sequence[pg.BarGraphItem], x: float, axis: NumberAxis, name: str
) -> tuple[float, list[Value]] | None:
    """Return the centre of the bar at `x`, and the heights of all bars there; None between the bars."""
    centre: float | None = None
    values = []
    for item in bars:
        options = item.opts
        centres = np.atleast_1d(np.asarray(options["x"], np.float64))
        if not len(centres):
            continue
        heights = np.broadcast_to(np.asarray(options["height"], np.float64), centres.shape)
        index = int(np.argmin(np.abs(centres - x)))
        if abs(centres[index] - x) > _half_distance(centres, float(options["width"])):
            continue
        centre = float(centres[index])
        values.append(Value(str(options["name"] or name), axis.text_of(float(heights[index])), _brush(options, index)))
    return None if centre is None else (centre, values)


def dot_at(dots: Sequence[pg.ScatterPlotItem], x: float, y: float, pixel: tuple[float, float]) -> pg.SpotItem | None:
    """Return the dot nearest to a position, at most NEAR pixels away; pixel: width and height of one, in data."""
    best, nearest = None, NEAR
    for item in dots:
        xs, ys = item.getData()
        if not len(xs) or not item.isVisible():
            continue
        distance = np.hypot((xs - x) / pixel[0], (ys - y) / pixel[1])
        index = int(np.argmin(distance))
        if distance[index] <= nearest:
            best, nearest = item.points()[index], float(distance[index])
    return best


def positions_of(
    curves: Sequence[Curve], dots: Sequence[pg.ScatterPlotItem], bars: Sequence[pg.BarGraphItem]
) -> list[tuple[float, float]]:
    """Return the positions, from left to right, at which a chart has values: as drawn, also on a logarithmic axis.

    Those of the first curve that has any, at which the others are read as well; else of all dots; else of all bars.
    """
    for curve in curves:
        xs, ys = curve.item.getData()
        if xs is not None and len(xs) and curve.item.isVisible():
            known = np.isfinite(xs) & np.isfinite(ys)
            first = np.unique(xs[known], return_index=True)[1]
            return [(float(x), float(y)) for x, y in zip(xs[known][first], ys[known][first], strict=True)]
    positions: list[tuple[float, float]] = []
    for item in dots:
        if item.isVisible():
            positions += [(float(x), float(y)) for x, y in zip(*item.getData(), strict=True)]
    if positions:
        return sorted(positions)
    for item in bars:
        centres = np.atleast_1d(np.asarray(item.opts["x"], np.float64))
        heights = np.broadcast_to(np.asarray(item.opts["height"], np.float64), centres.shape)
        positions += [(float(x), float(y)) for x, y in zip(centres, heights, strict=True)]
    return list(dict(sorted(positions)).items())


def described(curves: Sequence[Curve], bars: Sequence[pg.BarGraphItem], bottom: NumberAxis, left: NumberAxis) -> str:
    """Return the ends, the lowest and the highest value of every curve, and the highest bar, for screen readers."""
    texts = []
    for curve in curves:
        xs, ys = curve.item.getOriginalDataset()
        if xs is None or ys is None or not curve.item.isVisible() or not np.isfinite(ys).any():
            continue
        known = np.isfinite(ys)
        xs, ys = xs[known], ys[known]
        ends = (0, len(ys) - 1, int(ys.argmin()), int(ys.argmax()))
        first, last, lowest, highest = (f"{curve.text(float(ys[n]))} at {bottom.text_of(float(xs[n]))}" for n in ends)
        named = f"{curve.name}: " if curve.name else ""
        texts.append(named + (first if len(ys) == 1 else f"{first} to {last}, lowest {lowest}, highest {highest}"))
    for item in bars:
        centres = np.atleast_1d(np.asarray(item.opts["x"], np.float64))
        if len(centres):
            heights = np.broadcast_to(np.asarray(item.opts["height"], np.float64), centres.shape)
            top = int(heights.argmax())
            highest = f"{left.text_of(float(heights[top]))} at {bottom.text_of(float(centres[top]))}"
            texts.append(f"{number_of(len(centres), 'bar')}, the highest {highest}")
    return "; ".join(texts)


def _half_distance(centres: npt.NDArray[np.float64], width: float) -> float:
    """Return half of the distance between bars, so that a thin bar is hit as well as a wide one."""
    gaps = np.diff(np.sort(centres))
    gaps = gaps[gaps > 0]
    return max(width, float(gaps.min()) if len(gaps) else width) / 2


def _hue(item: pg.PlotDataItem) -> str:
    pen = item.opts["pen"]
    return pen.color().name() if isinstance(pen, QPen) else ""


def _brush(options: dict[str, object], index: int) -> str:
    brushes = options.get("brushes")
    brush = brushes[index] if isinstance(brushes, list) else options.get("brush")
    return QColor(brush).name() if isinstance(brush, str) else ""
