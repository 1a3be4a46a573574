"""Plots of a study: accuracy against T, levels k T or synaptic operations, with bands of one standard deviation.

The source network is a line. Axes of costs are logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spikelet.report.charts import Curve, curves
from spikelet_converters.study.grid import Study
from spikelet_converters.study.summary import Cell, Metrics, Row

CURVES = 6  # maximum number of curves per plot, the reference included


@dataclass(frozen=True)
class Cost:
    """Cost of a horizontal axis.

    Attributes:
        name: Part of the name of the plot; "" for time-steps.
        label: Label of the axis.
        of: Value of a run after T time-steps, above 0; None if the run does not state it.
    """

    name: str
    label: str
    of: Callable[[Metrics, int], float | None]


def _copies(run: Metrics) -> int:
    return int(run.get("copies", 1))


def _operations(run: Metrics, steps: int) -> float | None:
    """Return synaptic operations per image in millions. Networks that never fire have no logarithm."""
    counts = run.get("operations")
    return counts.get(str(steps), 0) / 1e6 or None if counts else None


TIME = Cost("", "time-steps T, pre-steps included", lambda run, steps: steps)
OPERATIONS = Cost("operations", "synaptic operations per image, in millions", _operations)


def plots(study: Study, rows: Sequence[Row]) -> Mapping[str, str]:
    """Return SVG by name: for each grid point and cost as many plots as its methods need, each with the reference.

    Synaptic operations have a plot if results state them, and levels k T if some networks have copies.
    """
    drawings = {}
    for point in dict.fromkeys(row.point for row in rows):
        group_rows = [row for row in rows if row.point == point]
        copied = _with_copies(group_rows, study.reference)
        for cost, selected in ((TIME, group_rows), (_levels(group_rows), copied), (OPERATIONS, _counted(group_rows))):
            reference = [row for row in selected if row.method == study.reference]
            others = [row for row in selected if row.method != study.reference]
            size = CURVES - len(reference)
            groups = [others[i : i + size] for i in range(0, len(others), size)] or [[]]
            for number, group in enumerate(groups if selected else [], 1):
                title = f"{study.title}: {point}" + (f" ({number})" if len(groups) > 1 else "")
                names = [study.path.stem, *_name_parts(point), *([cost.name] if cost.name else [])]
                name = "-".join([*names, *([str(number)] if len(groups) > 1 else [])])
                drawings[name] = accuracy_plot(title, [*reference, *group], cost)
    return drawings


def accuracy_plot(title: str, rows: Sequence[Row], cost: Cost = TIME) -> str:
    """Draw accuracy against a cost on a logarithmic axis. The dashed line is the source network of the first row."""
    series = [_curve(row, cost) for row in rows]
    if rows:
        series.append(Curve(f"source network of {rows[0].method}", level=rows[0].noise_off.mean))
    return curves(title, series, cost.label, "test accuracy", x_form=_power)


def _levels(rows: Sequence[Row]) -> Cost:
    """Return the cost k T. Without copies, all networks of a grid point have the same number of neurons."""
    neurons = {run["neurons"] // _copies(run) for row in rows for run in row.runs if "neurons" in run}
    scale = f"; times {neurons.pop():,}: neurons times time-steps" if len(neurons) == 1 else ""
    return Cost("levels", f"levels k T, copies times time-steps{scale}", lambda run, steps: _copies(run) * steps)


def _with_copies(rows: Sequence[Row], reference: str) -> list[Row]:
    """Return the methods with copies, those whose networks they copy, and the reference; none without copies."""
    copied = {row.method: row.runs[0]["begins"] for row in rows if _copies(row.runs[0]) > 1}
    sources = {row.method for row in rows if any(run["name"] in copied.values() for run in row.runs)}
    return [row for row in rows if copied and row.method in {*copied, *sources, reference}]


def _counted(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if any(run.get("operations") for run in row.runs)]


def _curve(row: Row, cost: Cost) -> Curve:
    costs = {t: _mean_cost(row, cost, t) for t in row.cells}
    points = [(x, row.cells[t]) for t, x in costs.items() if x is not None]
    return Curve(row.method, [(x, cell.mean) for x, cell in points], _band(points))


def _band(points: Sequence[tuple[float, Cell]]) -> list[tuple[float, float, float]]:
    return [(x, cell.mean - cell.sd, cell.mean + cell.sd) for x, cell in points if cell.sd is not None]


def _mean_cost(row: Row, cost: Cost, steps: int) -> float | None:
    """Return the logarithm to base 2 of the mean cost over seeds."""
    values = [cost.of(run, steps) for run in row.runs if str(steps) in run["accuracy"]]
    stated = [value for value in values if value is not None]
    return math.log2(float(np.mean(stated))) if stated else None


def _power(value: float) -> str:
    """Return the label of an axis value: the cost at powers of two, otherwise empty."""
    return f"{2.0 ** round(value):g}" if abs(value - round(value)) < 1e-6 else ""


def _name_parts(point: str) -> list[str]:
    return "".join(c if c.isalnum() or c in ".=" else "-" for c in point).replace("--", "-").strip("-").split("-")
