"""Table of the costs of the networks of a study: neurons, synaptic operations, and training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikelet_converters.study.grid import Study
from spikelet_converters.study.summary import Row
from spikelet_converters.study.summary_text import heading

NOTE = (
    "Cost, {where}: neurons, copies included; synaptic operations per image in millions up to each T, without those "
    "of the constant input; compute of the method's own epochs, in forward passes per training image, relative to "
    "`{reference}`, and with its start included."
)


def costs_table(study: Study, rows: Sequence[Row]) -> str:
    """Return one Markdown table for each grid point, or nothing for results without these figures."""
    lines: list[str] = []
    for point in dict.fromkeys(row.point for row in rows):
        group = [row for row in rows if row.point == point and _has_compute(row)]
        if not group:
            continue
        times = sorted({t for row in group for t in row.cells})
        head = ["method", "neurons", *(f"T={t}" for t in times), "compute", "with start"]
        lines += [NOTE.format(where=point, reference=study.reference), "", *heading(head)]
        reference = [row for row in group if row.method == study.reference]
        reference_run, reference_total = _compute(reference[0]) if reference else (None, None)
        for row in group:
            run, total = _compute(row)
            cells = [_operations(row, t) for t in times]
            shares = [_share(run, reference_run), _share(total, reference_total)]
            lines.append("| " + " | ".join([row.method, f"{row.runs[0]['neurons']:,}", *cells, *shares]) + " |")
        lines.append("")
    return "\n".join(lines)


def _has_compute(row: Row) -> bool:
    """Return whether all runs have figures of their costs; those of earlier versions have none."""
    return all("compute" in run for run in row.runs)


def _compute(row: Row) -> tuple[float, float]:
    """Return the mean compute of the own epochs and with the start. A baseline has those of the network it changes."""
    figures = [run["compute"] for run in row.runs]
    run = float(np.mean([figure["run"] for figure in figures]))
    return run, run + float(np.mean([figure["start"] for figure in figures]))


def _share(value: float, reference: float | None) -> str:
    return f"{value:,.0f} passes" if not reference else f"{value / reference:.2f}"


def _operations(row: Row, steps: int) -> str:
    by_time = [run.get("operations") or {} for run in row.runs]
    counts = [operations[str(steps)] for operations in by_time if str(steps) in operations]
    return f"{np.mean(counts) / 1e6:.2f}" if counts else "–"
