"""Published results of other work for the results page, with sources and differences of protocol.

title = "…"
about = "…"
differences = ["…"]
[[figure]]  method, network, source; float (source network, %), accuracy = { T = % }

Every figure needs a source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.toml import read_toml
from spikelet.files.toml_table import Table
from spikelet_converters.study.summary_text import heading


@dataclass(frozen=True)
class _Figure:
    method: str
    network: str
    source: str
    source_network: float | None
    accuracy: dict[int, float]

    def cells(self, times: list[int]) -> list[str]:
        values = [self.source_network, *(self.accuracy.get(t) for t in times)]
        cells = ["–" if value is None else f"{value:.2f}" for value in values]
        return [self.network, self.method, *cells, self.source]


def published_section(path: Path) -> str:
    """Return a file of published figures as Markdown.

    Raises:
        UsageError: The file has another structure, or a figure has no source; the message names it.
    """
    content = read_toml(path)
    table, differences = Table(str(path), content), content.get("differences")
    figures = [_figure(path, index, entry) for index, entry in enumerate(table.tables("figure"), 1)]
    if not figures or not differences:
        raise UsageError(f"{path}: expected [[figure]] tables and `differences`, the differences of protocol")
    if not isinstance(differences, list) or not all(isinstance(text, str) for text in differences):
        raise UsageError(f"{path}: differences: expected a list of texts")
    times = sorted({t for figure in figures for t in figure.accuracy})
    head = ["network", "method", "source network", *(f"T={t}" for t in times), "published in"]
    lines = [f"## {table.text('title')}", "", table.text("about", "").strip(), ""]
    lines += heading(head)
    lines += ["| " + " | ".join(figure.cells(times)) + " |" for figure in figures]
    lines += ["", "Differences from the results above:", ""]
    return "\n".join([*lines, *(f"* {difference}" for difference in differences)])


def _figure(path: Path, index: int, entry: Table) -> _Figure:
    name = entry.text("method") if "method" in entry else "unnamed"
    for key in ("method", "network", "source", "accuracy"):
        if key not in entry or (key != "accuracy" and not entry.text(key)):
            raise UsageError(f"{path}: figure {index} ({name}) has no {key}")
    accuracy = entry.table("accuracy")
    if not all(t.isascii() and t.isdecimal() and len(t) < 10 for t in accuracy):
        raise UsageError(f"{path}: figure {index} ({name}): accuracy: expected numbers of time-steps as keys")
    by_time = {int(t): accuracy.number(t) for t in accuracy}
    if not by_time:
        raise UsageError(f"{path}: figure {index} ({name}) has no accuracy")
    source_network = entry.number("float") if "float" in entry else None
    return _Figure(name, entry.text("network"), entry.text("source"), source_network, by_time)
