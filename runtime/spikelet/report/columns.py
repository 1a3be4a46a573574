"""Plain-text tables for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spikelet.display import printable

NUMBER = re.compile(r"[-+−–]?[.\d]")  # at the beginning of a cell


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table: the first column and columns of text aligned to the left, columns with numbers to the right.

    Cells may contain any text; characters that control a terminal are escaped.

    Args:
        head: Titles of the columns.
        rows: Cells, as many in each row as there are columns.

    Examples:
        >>> print(table(["layer", "form", "time"], [["conv1", "lists", "9.5"], ["fc", "image", "0.1"]]))
        layer  form   time
        -----  -----  ----
        conv1  lists   9.5
        fc     image   0.1
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    right = [i > 0 and any(NUMBER.match(row[i]) for row in rows) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])
