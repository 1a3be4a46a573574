"""Tables that are exported as CSV, and the names of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.escapes import table_cell
from spikelet.report.figures import as_csv
from spikelet.report.names import distinct

MAX_NAME = 120  # largest number of characters of a name


@dataclass(frozen=True)
class DataTable:
    """The data of a card.

    Attributes:
        name: Name of the file, without suffix.
        head: Titles of the columns; equal titles are numbered in the file.
        rows: Cells, one sequence per row.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        """Return the table as CSV."""
        return as_csv(distinct(self.head), self.rows)

    def tsv(self) -> str:
        """Return the table with tabs between the cells, the clipboard format of spreadsheets."""
        return tab_separated([distinct(self.head), *self.rows])


def tab_separated(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as lines with tabs between the cells; tabs and line breaks in cells become spaces.

    No cell is a formula of a spreadsheet.
    """
    return "\n".join("\t".join(re.sub(r"[\t\r\n]+", " ", str(table_cell(cell))) for cell in row) for row in rows)


def without_duplicates(tables: Sequence[DataTable | None]) -> list[DataTable]:
    """Return the tables that have rows, without duplicates: several cards can show the same data.

    Raises:
        UsageError: There is no table with rows.
    """
    unique: list[DataTable] = []
    known = [table for table in tables if table is not None]
    for table in known:
        if table.rows and table not in unique:
            unique.append(table)
    if known and not unique:
        raise UsageError(f"nothing to save: {' and '.join(table.name for table in known)} without rows")
    if not unique:
        raise UsageError("no data to save yet: run the panel first (R)", remedy="run the panel first (R)")
    return unique


def csv_files(tables: Sequence[DataTable], path: Path) -> dict[Path, str]:
    """Return the files of some tables with their content: `path` for one table, else one file per table beside it."""
    if len(tables) == 1:
        return {path: tables[0].csv()}
    stems = distinct([f"{path.stem}-{safe_name(table.name)}" for table in tables])
    return {path.with_name(f"{stem}.csv"): table.csv() for stem, table in zip(stems, tables, strict=True)}


def safe_name(text: str) -> str:
    """Return a part of a file name that is valid on every system.

    It consists of letters, digits, dots, - and _, is not hidden, not empty, and has at most MAX_NAME characters.
    """
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)[:MAX_NAME].strip("-.") or "export"
