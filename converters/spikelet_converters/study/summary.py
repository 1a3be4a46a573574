"""Summary of a study: mean, standard deviation and paired t test over seeds, as values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikelet.errors import MissingDependency
from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.study.grid import START, Study
from spikelet_converters.study.stored import read_run_metrics

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
        point: Grid point without the seed, as text.
        runs: Metrics of the runs.
        cells: Accuracy by T.
        noise_off, noise_on: Accuracy of the source network without and with noise.
        against: Difference to the reference by T.
        overall: Difference of the mean accuracy over `overall_steps`, or None.
        overall_steps: Values of T by whose mean accuracy the epochs of the reference were selected.
    """

    method: str
    point: str
    runs: Sequence[Metrics]
    cells: Mapping[int, Cell]
    noise_off: Cell
    noise_on: Cell
    against: Mapping[int, PairedDifference]
    overall: PairedDifference | None = None
    overall_steps: tuple[int, ...] = ()


def read_metrics(study: Study, folder: Path) -> list[Metrics]:
    """Read the metrics of the finished runs, in the order of the study.

    Raises:
        UsageError: A file contains something else.
    """
    paths = [folder / run.name / "metrics.json" for run in study.runs if run.method != START]
    return [read_run_metrics(path) for path in paths if path.exists()]


def summarise(study: Study, metrics: Sequence[Metrics]) -> list[Row]:
    """Return one row for each method and grid point with results."""
    groups: dict[str, dict[str, list[Metrics]]] = {}
    for result in metrics:
        groups.setdefault(grid_point(result["point"]), {}).setdefault(result["method"], []).append(result)
    rows = []
    for point, methods in groups.items():
        reference_runs = methods.get(study.reference, [])
        reference, steps = _cells(reference_runs), selection_steps(reference_runs)
        for name in study.methods:
            if name not in methods:
                continue
            runs, cells = methods[name], _cells(methods[name])
            is_reference = name == study.reference
            against = (
                {} if is_reference else {t: paired(cell, reference[t]) for t, cell in cells.items() if t in reference}
            )
            sources = {key: Cell({r["point"]["seed"]: r["source"][key] for r in runs}) for key in _SOURCE}
            differences = {t: difference for t, difference in against.items() if difference is not None}
            overall = None if is_reference else paired(mean_over(cells, steps), mean_over(reference, steps))
            noise_off, noise_on = (sources[key] for key in _SOURCE)
            rows.append(Row(name, point, runs, cells, noise_off, noise_on, differences, overall, steps))
    return rows


def grid_point(point: ReadOnlyDocument) -> str:
    """Return a grid point, without the seed, as text.

    Examples:
        >>> grid_point({"seed": 1, "model": "vgg9", "levels": 4})
        'vgg9, levels 4'
    """
    return ", ".join(f"{k} {v}" if k != "model" else str(v) for k, v in point.items() if k != "seed")


def _cells(runs: Sequence[Metrics]) -> dict[int, Cell]:
    times = sorted({int(t) for run in runs for t in run["accuracy"]})
    return {
        t: Cell({r["point"]["seed"]: r["accuracy"][str(t)] for r in runs if str(t) in r["accuracy"]}) for t in times
    }


def selection_steps(runs: Sequence[Metrics]) -> tuple[int, ...]:
    """Return the values of T by whose mean accuracy the epochs of runs were selected; none unless all state the same.

    Examples:
        >>> selection_steps([{"options": {"validation_steps": [1, 2, 4, 8]}}])
        (1, 2, 4, 8)
    """
    stated = [run["options"].get("validation_steps") for run in runs]
    if not stated or any(steps != stated[0] for steps in stated) or not isinstance(stated[0], list):
        return ()
    return tuple(stated[0]) if all(type(t) is int for t in stated[0]) else ()


def mean_over(cells: Mapping[int, Cell], steps: Sequence[int]) -> Cell:
    """Return the mean accuracy over values of T, of the seeds that were measured at all of them."""
    if not steps or any(t not in cells for t in steps):
        return Cell({})
    seeds = set.intersection(*(set(cells[t].values) for t in steps))
    return Cell({seed: float(np.mean([cells[t].values[seed] for t in steps])) for seed in sorted(seeds)})


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
