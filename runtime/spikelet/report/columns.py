"""Plain-text tables for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spikelet.escapes import printable

NUMBER = re.compile(r"[-+−–]?[.\d]")  # at the beginning of a cell


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table: the first column and columns of text aligned to the left, columns with numbers to the right.

    Cells may contain any text; characters that control a terminal are escaped.

    Args:
        head: Titles of the columns.
        rows: Cells, as many in each row as there are columns.

    Examples:
        >>> print(table(["steps", "form", "time"], [["1", "lists", "9.5"], ["10", "image", "0.1"]]))
        steps  form   time
        -----  -----  ----
        1      lists   9.5
        10     image   0.1
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    to_right = [i > 0 and any(NUMBER.match(row[i]) for row in rows) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        columns = zip(row, widths, to_right, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in columns).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])
