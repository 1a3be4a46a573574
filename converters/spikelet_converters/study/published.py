"""Published results of other work for the results page, with sources and differences of protocol.

title = "…"
about = "…"
differences = ["…"]
[[figure]]  method, network, source; float (source network, %), accuracy = { T = % }

Every figure needs a source.
"""

from __future__ import annotations

from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.decoded import ReadOnlyDocument
from spikelet.files.toml import read_toml
from spikelet_converters.study.summary import heading


def published_section(path: Path) -> str:
    """Return a file of published figures as Markdown.

    Raises:
        UsageError: The file has another structure, or a figure has no source; the message names it.
    """
    content = read_toml(path)
    figures = content.get("figure", [])
    if not figures or not content.get("differences"):
        raise UsageError(f"{path}: expected [[figure]] tables and `differences`, the differences of protocol")
    for index, figure in enumerate(figures, 1):
        for key in ("method", "network", "source", "accuracy"):
            if not figure.get(key):
                raise UsageError(f"{path}: figure {index} ({figure.get('method', 'unnamed')}) has no {key}")
    times = sorted({int(t) for figure in figures for t in figure["accuracy"]})
    head = ["network", "method", "source network", *(f"T={t}" for t in times), "published in"]
    lines = [f"## {content['title']}", "", content.get("about", "").strip(), ""]
    lines += heading(head)
    lines += ["| " + " | ".join(_cells(figure, times)) + " |" for figure in figures]
    lines += ["", "Differences from the results above:", ""]
    return "\n".join([*lines, *(f"* {difference}" for difference in content["differences"])])


def _cells(figure: ReadOnlyDocument, times: list[int]) -> list[str]:
    accuracy = {int(t): value for t, value in figure["accuracy"].items()}
    values = [figure.get("float"), *(accuracy.get(t) for t in times)]
    cells = ["–" if value is None else f"{value:.2f}" for value in values]
    return [figure["network"], figure["method"], *cells, figure["source"]]
