"""Summary of a study: mean, standard deviation and paired t test over seeds, as values, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikelet.display import table_cell
from spikelet.errors import MissingDependency
from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.study.grid import START, Study

Metrics = ReadOnlyDocument
CONFIDENCE = 0.95
_SOURCE = ("noise_off", "noise_on")  # accuracies of the source network


@dataclass(frozen=True)
class PairedDifference:
    """Difference of a method to the reference for the same seeds.

    Attributes:
        mean: Mean difference.
        low, high: Confidence interval of the mean. None with fewer than two seeds or without spread.
        p: p value of a paired t test, or None.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True)
class Cell:
    """Accuracy of a method at one T, by seed."""

    values: Mapping[int, float]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(list(self.values.values())))

    @property
    def sd(self) -> float | None:
        """Sample standard deviation over seeds, None for one seed."""
        return float(np.std(list(self.values.values()), ddof=1)) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """Results of a method at one grid point.

    Attributes:
        method: Name of the method.
        point: Grid point without the seed.
        runs: Metrics of the runs.
        cells: Accuracy by T.
        noise_off, noise_on: Accuracy of the source network without and with noise.
        against: Difference to the reference by T.
    """

    method: str
    point: ReadOnlyDocument
    runs: Sequence[Metrics]
    cells: Mapping[int, Cell]
    noise_off: Cell
    noise_on: Cell
    against: Mapping[int, PairedDifference]

    @property
    def label(self) -> str:
        """Name of the method in tables."""
        return self.method


def read_metrics(study: Study, folder: Path) -> list[Metrics]:
    """Read the metrics of the finished runs, in the order of the study."""
    paths = [folder / run.name / "metrics.json" for run in study.runs if run.method != START]
    return [json.loads(path.read_text("utf-8")) for path in paths if path.exists()]


def summarise(study: Study, metrics: Sequence[Metrics]) -> list[Row]:
    """Return one row for each method and grid point with results."""
    groups: dict[str, dict[str, list[Metrics]]] = {}
    for result in metrics:
        groups.setdefault(grid_point(result), {}).setdefault(result["method"], []).append(result)
    rows = []
    for methods in groups.values():
        reference = _cells(methods.get(study.reference, []))
        for name in study.methods:
            if name not in methods:
                continue
            runs, cells = methods[name], _cells(methods[name])
            is_reference = name == study.reference
            against = (
                {} if is_reference else {t: paired(cell, reference[t]) for t, cell in cells.items() if t in reference}
            )
            sources = {key: Cell({r["point"]["seed"]: r["source"][key] for r in runs}) for key in _SOURCE}
            point = {key: value for key, value in runs[0]["point"].items() if key != "seed"}
            differences = {t: difference for t, difference in against.items() if difference is not None}
            rows.append(Row(name, point, runs, cells, sources["noise_off"], sources["noise_on"], differences))
    return rows


def grid_point(metrics: Metrics) -> str:
    """Return the grid point of a result, without the seed, as text."""
    return ", ".join(f"{k} {v}" if k != "model" else str(v) for k, v in metrics["point"].items() if k != "seed")


def _cells(runs: Sequence[Metrics]) -> dict[int, Cell]:
    times = sorted({int(t) for run in runs for t in run["accuracy"]})
    return {
        t: Cell({r["point"]["seed"]: r["accuracy"][str(t)] for r in runs if str(t) in r["accuracy"]}) for t in times
    }


def paired(method: Cell, reference: Cell) -> PairedDifference | None:
    """Return the difference over the seeds that both have, or None without common seeds.

    The paired t test: t = mean(d) sqrt(n) / sd(d) with n - 1 degrees of freedom, d the differences by seed.
    """
    try:
        from scipy.special import stdtr, stdtrit  # scipy.stats has the same functions, and takes a second to import
    except ModuleNotFoundError:
        raise MissingDependency("scipy", "study") from None
    seeds = sorted(set(method.values) & set(reference.values))
    if not seeds:
        return None
    d = np.array([method.values[s] - reference.values[s] for s in seeds])
    mean = float(d.mean())
    if len(d) < 2 or math.isclose(float(d.std()), 0, abs_tol=1e-12):
        return PairedDifference(mean, None, None, None)
    error = float(d.std(ddof=1)) / math.sqrt(len(d))
    half = float(stdtrit(len(d) - 1, (1 + CONFIDENCE) / 2)) * error
    p = float(2 * stdtr(len(d) - 1, -abs(mean / error)))
    return PairedDifference(mean, mean - half, mean + half, p)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p values for the number of tests (Holm, 1979): p of rank i of m, times m - i + 1, at most 1, monotone.

    None is a comparison without a test, and is kept.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[index] = largest
    return corrected


def to_csv(rows: Sequence[Row]) -> str:
    """Return one line for each method, grid point and T. p values are not corrected."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(
        ["method", "grid_point", "T", "seeds", "mean", "sd", "noise_off", "noise_on", "difference", "low", "high", "p"]
    )
    for row in rows:
        for t, cell in row.cells.items():
            against = row.against.get(t)
            statistics = ["", "", "", ""] if against is None else [against.mean, against.low, against.high, against.p]
            point_text = grid_point(row.runs[0])
            seeds = " ".join(map(str, cell.values))
            line = [
                row.method,
                point_text,
                t,
                seeds,
                cell.mean,
                cell.sd,
                row.noise_off.mean,
                row.noise_on.mean,
                *statistics,
            ]
            writer.writerow(["" if value is None else table_cell(value) for value in line])
    return text.getvalue()


def percent(cell: Cell) -> str:
    """Return mean and standard deviation in percent, as 83.12 ± 0.20; only the mean for one seed."""
    return f"{100 * cell.mean:.2f}" + ("" if cell.sd is None else f" ± {100 * cell.sd:.2f}")


def to_markdown(study: Study, rows: Sequence[Row]) -> str:
    """Return two tables for each grid point: accuracy, and difference to the reference."""
    lines = []
    for point_text in dict.fromkeys(grid_point(row.runs[0]) for row in rows):
        group_rows = [row for row in rows if grid_point(row.runs[0]) == point_text]
        times = sorted({t for row in group_rows for t in row.cells})
        head = ["method", *(f"T={t}" for t in times), "source, noise off", "noise on", "seeds"]
        spread = any(cell.sd is not None for row in group_rows for cell in row.cells.values())
        shown = "mean ± standard deviation over seeds" if spread else "one seed"
        lines += [f"Accuracy in %, {point_text}, {shown}.", "", *heading(head)]
        for row in group_rows:
            cells = [percent(row.cells[t]) if t in row.cells else "–" for t in times]
            source = [percent(row.noise_off), percent(row.noise_on)]
            seeds = ", ".join(str(r["point"]["seed"]) for r in row.runs)
            lines.append("| " + " | ".join([row.label, *cells, *source, seeds]) + " |")
        lines.append("")
        compared = [row for row in group_rows if row.against]
        if compared:
            title = f"Difference to `{study.reference}` in percentage points, {_statistics(compared)}."
            lines += [title, "", *heading(["method", *(f"T={t}" for t in times)])]
            for row in compared:
                cells = [_difference(row.against.get(t)) for t in times]
                lines.append("| " + " | ".join([row.label, *cells]) + " |")
            lines.append("")
    return "\n".join(lines)


def heading(names: Sequence[str]) -> list[str]:
    """Return the two header lines of a Markdown table."""
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _statistics(rows: Sequence[Row]) -> str:
    """State what a table of differences contains, its number of tests, and what is significant after correction."""
    tests = [(row.label, t, difference.p) for row in rows for t, difference in row.against.items()]
    corrected = holm([p for _, _, p in tests])
    count = sum(p is not None for p in corrected)
    if not count:
        return "same seed"
    level = 1 - CONFIDENCE
    remaining = [
        f"`{name}` T={t}" for (name, t, _), p in zip(tests, corrected, strict=True) if p is not None and p < level
    ]
    return (
        "same seeds: mean [95% confidence interval], p value of a paired t test. "
        f"Intervals and p values are not corrected for multiple tests; the table has {count}. After Holm's correction, "
        f"p < {level:.2g} remains for: {', '.join(remaining) or 'none'}"
    )


def _difference(difference: PairedDifference | None) -> str:
    if difference is None:
        return "–"
    text = f"{100 * difference.mean:+.2f}"
    if difference.low is None or difference.high is None or difference.p is None:
        return text
    return f"{text} [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}], p = {difference.p:.2g}"
