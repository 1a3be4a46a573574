"""The summary of a study: mean, deviation and a paired test over seeds, as values, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikelet.errors import MissingDependency
from spikelet_converters.study.config import START, Study

Metrics = Mapping[str, Any]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Of a method to the reference, in the same seeds: mean, its confidence interval, p of a paired t test.

    None where there are fewer than two seeds, or no spread to test against.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True)
class Cell:
    """Accuracy of a method at T: by seed, mean, sample standard deviation (None of a single one)."""

    values: Mapping[int, float]

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(list(self.values.values())))

    @property
    def sd(self) -> float | None:
        """Over seeds, n - 1 in the denominator."""
        return float(np.std(list(self.values.values()), ddof=1)) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """A method at a place of the grid (without the seed). cells: by T. noise_off, noise_on: of the source network.

    against: by T, the difference to the reference.
    """

    method: str
    point: Mapping[str, Any]
    runs: Sequence[Metrics]
    cells: Mapping[int, Cell]
    noise_off: Cell
    noise_on: Cell
    against: Mapping[int, Difference]

    @property
    def label(self) -> str:
        """The method's name for tables."""
        return self.method


def read_metrics(study: Study, folder: Path) -> list[Metrics]:
    """Metrics of the runs that are done, in the study's order."""
    paths = [folder / run.name / "metrics.json" for run in study.runs if run.method != START]
    return [json.loads(path.read_text("utf-8")) for path in paths if path.exists()]


def summarise(study: Study, metrics: Sequence[Metrics]) -> list[Row]:
    """One row for each method and place of the grid that has results."""
    groups: dict[str, dict[str, list[Metrics]]] = {}
    for each in metrics:
        groups.setdefault(place(each), {}).setdefault(each["method"], []).append(each)
    rows = []
    for methods in groups.values():
        reference = _cells(methods.get(study.reference, []))
        for name in study.methods:
            if name not in methods:
                continue
            runs, cells = methods[name], _cells(methods[name])
            same = name == study.reference
            against = {} if same else {t: paired(cell, reference[t]) for t, cell in cells.items() if t in reference}
            sources = {key: Cell({r["point"]["seed"]: r["source"][key] for r in runs}) for key in _SOURCE}
            point = {key: value for key, value in runs[0]["point"].items() if key != "seed"}
            found = {t: difference for t, difference in against.items() if difference is not None}
            rows.append(Row(name, point, runs, cells, sources["noise_off"], sources["noise_on"], found))
    return rows


_SOURCE = ("noise_off", "noise_on")


def place(metrics: Metrics) -> str:
    """A result's place in the grid, without the seed."""
    return ", ".join(f"{k} {v}" if k != "model" else str(v) for k, v in metrics["point"].items() if k != "seed")


def _cells(runs: Sequence[Metrics]) -> dict[int, Cell]:
    times = sorted({int(t) for run in runs for t in run["accuracy"]})
    return {
        t: Cell({r["point"]["seed"]: r["accuracy"][str(t)] for r in runs if str(t) in r["accuracy"]}) for t in times
    }


def paired(one: Cell, other: Cell) -> Difference | None:
    """The difference in seeds that both have; None where there are none.

    The paired t test: t = mean(d) sqrt(n) / sd(d) with n - 1 degrees of freedom, d the differences by seed.
    """
    try:
        from scipy import stats
    except ModuleNotFoundError:
        raise MissingDependency("scipy", "study") from None
    seeds = sorted(set(one.values) & set(other.values))
    if not seeds:
        return None
    d = np.array([one.values[s] - other.values[s] for s in seeds])
    mean = float(d.mean())
    if len(d) < 2 or math.isclose(float(d.std()), 0, abs_tol=1e-12):
        return Difference(mean, None, None, None)
    error = float(d.std(ddof=1)) / math.sqrt(len(d))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(d) - 1)) * error
    p = float(2 * stats.t.sf(abs(mean / error), len(d) - 1))
    return Difference(mean, mean - half, mean + half, p)


def to_csv(rows: Sequence[Row]) -> str:
    """One line for each method, place and T."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(
        ["method", "place", "T", "seeds", "mean", "sd", "noise_off", "noise_on", "difference", "low", "high", "p"]
    )
    for row in rows:
        for t, cell in row.cells.items():
            against = row.against.get(t)
            rest = ["", "", "", ""] if against is None else [against.mean, against.low, against.high, against.p]
            where = place(row.runs[0])
            seeds = " ".join(map(str, cell.values))
            line = [row.method, where, t, seeds, cell.mean, cell.sd, row.noise_off.mean, row.noise_on.mean, *rest]
            writer.writerow(["" if value is None else value for value in line])
    return text.getvalue()


def percent(cell: Cell) -> str:
    """83.12 ± 0.20; without a deviation where there is one seed."""
    return f"{100 * cell.mean:.2f}" + ("" if cell.sd is None else f" ± {100 * cell.sd:.2f}")


def to_markdown(study: Study, rows: Sequence[Row]) -> str:
    """Tables: accuracy, then differences to the reference; a pair for each place of the grid."""
    lines = []
    for where in dict.fromkeys(place(row.runs[0]) for row in rows):
        here = [row for row in rows if place(row.runs[0]) == where]
        times = sorted({t for row in here for t in row.cells})
        head = ["method", *(f"T={t}" for t in times), "source, noise off", "noise on", "seeds"]
        lines += [f"Accuracy in %, {where}, mean ± standard deviation over seeds.", "", *heading(head)]
        for row in here:
            cells = [percent(row.cells[t]) if t in row.cells else "–" for t in times]
            source = [percent(row.noise_off), percent(row.noise_on)]
            seeds = ", ".join(str(r["point"]["seed"]) for r in row.runs)
            lines.append("| " + " | ".join([row.label, *cells, *source, seeds]) + " |")
        lines.append("")
        compared = [row for row in here if row.against]
        if compared:
            title = f"Points above `{study.reference}`, same seeds: mean [95 % interval], p of a paired t test."
            lines += [title, "", *heading(["method", *(f"T={t}" for t in times)])]
            for row in compared:
                cells = [_difference(row.against.get(t)) for t in times]
                lines.append("| " + " | ".join([row.label, *cells]) + " |")
            lines.append("")
    return "\n".join(lines)


def heading(names: Sequence[str]) -> list[str]:
    """The two lines that begin a Markdown table."""
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _difference(found: Difference | None) -> str:
    if found is None:
        return "–"
    text = f"{100 * found.mean:+.2f}"
    if found.low is None or found.high is None or found.p is None:
        return text
    return f"{text} [{100 * found.low:+.2f}, {100 * found.high:+.2f}], p = {found.p:.2g}"
