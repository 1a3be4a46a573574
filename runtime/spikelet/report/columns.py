"""Plain-text tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from spikelet.display import printable


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table: the first column aligned to the left, the others to the right.

    Cells may contain any text; characters that control a terminal are escaped.

    Args:
        head: Titles of the columns.
        rows: Cells, as many in each row as there are columns.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])
