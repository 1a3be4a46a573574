"""Plots of a study: accuracy against T with bands of one standard deviation, and the source network as a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from spikelet.report.charts import Curve, curves
from spikelet_converters.study.config import Study
from spikelet_converters.study.summary import Row, grid_point

CURVES = 6  # maximum number of curves per plot, the reference included


def plots(study: Study, rows: Sequence[Row]) -> Mapping[str, str]:
    """Return SVG by name: for each grid point as many plots as its methods need, each with the reference."""
    drawings = {}
    for where in dict.fromkeys(grid_point(row.runs[0]) for row in rows):
        here = [row for row in rows if grid_point(row.runs[0]) == where]
        reference = [row for row in here if row.method == study.reference]
        others = [row for row in here if row.method != study.reference]
        size = CURVES - len(reference)
        groups = [others[i : i + size] for i in range(0, len(others), size)] or [[]]
        for number, group in enumerate(groups, 1):
            title = f"{study.title}: {where}" + (f" ({number})" if len(groups) > 1 else "")
            name = "-".join([study.path.stem, *_name_parts(where), *([str(number)] if len(groups) > 1 else [])])
            drawings[name] = accuracy_plot(title, [*reference, *group])
    return drawings


def accuracy_plot(title: str, rows: Sequence[Row]) -> str:
    """Draw accuracy against T on a logarithmic axis. The dashed line is the source network of the first row."""
    series = [_curve(row) for row in rows]
    if rows:
        series.append(Curve(f"source network of {rows[0].label}", level=rows[0].noise_off.mean))
    return curves(title, series, "time-steps T, pre-steps included", "test accuracy", x_form=_power)


def _curve(row: Row) -> Curve:
    points = [(math.log2(t), cell.mean) for t, cell in row.cells.items()]
    band = [(math.log2(t), c.mean - c.sd, c.mean + c.sd) for t, c in row.cells.items() if c.sd is not None]
    return Curve(row.label, points, band)


def _power(value: float) -> str:
    """Return the label of an axis value: T at powers of two, otherwise empty."""
    power = 2.0**value
    return f"{round(power)}" if abs(power - round(power)) < 1e-6 else ""


def _name_parts(where: str) -> list[str]:
    return "".join(c if c.isalnum() or c in ".=" else "-" for c in where).replace("--", "-").strip("-").split("-")
