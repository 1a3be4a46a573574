"""Summary of a study as CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from spikelet.display import number_of
from spikelet.escapes import table_cell
from spikelet_converters.study.grid import Study
from spikelet_converters.study.summary import CONFIDENCE, Cell, PairedDifference, Row, holm


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
            seeds = " ".join(map(str, cell.values))
            source = [row.noise_off.mean, row.noise_on.mean]
            line = [row.method, row.point, t, seeds, cell.mean, cell.sd, *source, *statistics]
            writer.writerow(["" if value is None else table_cell(value) for value in line])
    return text.getvalue()


def percent(cell: Cell) -> str:
    """Return mean and standard deviation in percent, as 83.12 ± 0.20; only the mean for one seed."""
    return f"{100 * cell.mean:.2f}" + ("" if cell.sd is None else f" ± {100 * cell.sd:.2f}")


def to_markdown(study: Study, rows: Sequence[Row]) -> str:
    """Return two tables for each grid point: accuracy, and difference to the reference."""
    lines = []
    for point in dict.fromkeys(row.point for row in rows):
        group_rows = [row for row in rows if row.point == point]
        times = sorted({t for row in group_rows for t in row.cells})
        head = ["method", *(f"T={t}" for t in times), "source, noise off", "noise on", "seeds"]
        spread = any(cell.sd is not None for row in group_rows for cell in row.cells.values())
        shown = "mean ± standard deviation over seeds" if spread else "one seed"
        lines += [f"Accuracy in %, {point}, {shown}.", "", *heading(head)]
        for row in group_rows:
            cells = [percent(row.cells[t]) if t in row.cells else "–" for t in times]
            source = [percent(row.noise_off), percent(row.noise_on)]
            seeds = ", ".join(str(r["point"]["seed"]) for r in row.runs)
            lines.append("| " + " | ".join([row.method, *cells, *source, seeds]) + " |")
        lines.append("")
        compared = [row for row in group_rows if row.against]
        if compared:
            title = f"Difference to `{study.reference}` in percentage points, {_statistics(compared)}."
            overall, steps = _overall(study, compared), ", ".join(map(str, compared[0].overall_steps))
            columns = [f"T={t}" for t in times] + ([f"mean of T={steps}"] if overall else [])
            lines += [title + overall, "", *heading(["method", *columns])]
            for row in compared:
                cells = [_difference(row.against.get(t)) for t in times]
                cells += [_difference(row.overall)] if overall else []
                lines.append("| " + " | ".join([row.method, *cells]) + " |")
            lines.append("")
    return "\n".join(lines)


def heading(names: Sequence[str]) -> list[str]:
    """Return the two header lines of a Markdown table."""
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _statistics(rows: Sequence[Row]) -> str:
    """State what a table of differences contains, its number of tests, and what is significant after correction."""
    tests = [(f"`{row.method}` at T = {t}", difference) for row in rows for t, difference in row.against.items()]
    count, remaining = _corrected(tests)
    if not count:
        return "same seed"
    return (
        "same seeds: mean [95% confidence interval], p value of a paired t test over seeds. "
        f"Intervals and p values are not corrected for multiple tests; the columns of single T have {count}. "
        f"After Holm's correction, {remaining}"
    )


def _overall(study: Study, rows: Sequence[Row]) -> str:
    """State what the last column of a table of differences tests, or nothing if there is no such column."""
    tests = [(f"`{row.method}`", row.overall) for row in rows if row.overall is not None]
    if not tests:
        return ""
    steps = ", ".join(map(str, rows[0].overall_steps))
    text = f" The last column is the mean over T = {steps}, by which the epochs of `{study.reference}` are selected"
    count, remaining = _corrected(tests)
    return f"{text}: {number_of(count, 'test')}. After Holm's correction, {remaining}." if count else f"{text}."


def _corrected(tests: Sequence[tuple[str, PairedDifference]]) -> tuple[int, str]:
    """Return the number of comparisons with a p value, and those that are significant after Holm's correction."""
    corrected = holm([difference.p for _, difference in tests])
    level = 1 - CONFIDENCE
    remaining = [name for (name, _), p in zip(tests, corrected, strict=True) if p is not None and p < level]
    text = f"p < {level:.2g} remains for: {', '.join(remaining) or 'none'}"
    return sum(p is not None for p in corrected), text


def _difference(difference: PairedDifference | None) -> str:
    if difference is None:
        return "–"
    text = f"{100 * difference.mean:+.2f}"
    if difference.low is None or difference.high is None or difference.p is None:
        return text
    return f"{text} [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}], p = {difference.p:.2g}"
