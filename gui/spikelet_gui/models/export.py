"""Tables that are exported as CSV, and the names of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.report.figures import as_csv


@dataclass(frozen=True)
class DataTable:
    """The data of a card.

    Attributes:
        name: Name of its file, without suffix.
        head: Titles of the columns; equal titles are numbered in the file.
        rows: Cells, one sequence per row.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        """Return the table as CSV."""
        return as_csv(distinct(self.head), self.rows)


def without_duplicates(tables: Sequence[DataTable | None]) -> list[DataTable]:
    """Return each table that has rows once: several cards can show the same data.

    Raises:
        UsageError: There is no table with rows.
    """
    unique: list[DataTable] = []
    for table in tables:
        if table is not None and table.rows and table not in unique:
            unique.append(table)
    if not unique:
        raise UsageError("no data to save yet: run the panel first (R)", remedy="run the panel first (R)")
    return unique


def csv_files(tables: Sequence[DataTable], path: Path) -> dict[Path, str]:
    """Return the files of some tables with their content: `path` for one table, else one file per table beside it."""
    if len(tables) == 1:
        return {path: tables[0].csv()}
    stems = distinct([safe_name(f"{path.stem}-{table.name}") for table in tables])
    return {path.with_name(f"{stem}.csv"): table.csv() for stem, table in zip(stems, tables, strict=True)}


def distinct(names: Sequence[str]) -> list[str]:
    """Number names that are equal, also in another case, so that all differ: a, A, b -> a, A-2, b."""
    taken = {name.casefold() for name in names}
    used: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in used or (number > 1 and candidate.casefold() in taken):
            number += 1
            candidate = f"{name}-{number}"
        used.add(candidate.casefold())
        result.append(candidate)
    return result


def safe_name(text: str) -> str:
    """Return a file name that is valid on every system: letters, digits, dots, - and _, not hidden, not empty."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.") or "export"
