"""What others published, beside our results: figures with their sources, and every difference of protocol by name.

title = "…"
about = "…"
differences = ["…"]
[[figure]]  method, network, source; float (the source network, %), accuracy = { T = % }

A figure without its source is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikelet.errors import UsageError
from spikelet.toml import read_toml
from spikelet_converters.study.summary import heading


def published_section(path: Path) -> str:
    """Markdown of a file of published figures.

    Raises:
        UsageError: not such a file, or a figure without its source; names which.
    """
    content = read_toml(path)
    figures = content.get("figure", [])
    if not figures or not content.get("differences"):
        raise UsageError(f"{path}: expected [[figure]] tables, and in what they differ from ours as `differences`")
    for index, figure in enumerate(figures, 1):
        for key in ("method", "network", "source", "accuracy"):
            if not figure.get(key):
                raise UsageError(f"{path}: figure {index} ({figure.get('method', 'unnamed')}) has no {key}")
    times = sorted({int(t) for figure in figures for t in figure["accuracy"]})
    head = ["network", "method", "source network", *(f"T={t}" for t in times), "published in"]
    lines = [f"## {content['title']}", "", content.get("about", "").strip(), ""]
    lines += heading(head)
    lines += ["| " + " | ".join(_cells(figure, times)) + " |" for figure in figures]
    lines += ["", "Where they differ from what is above:", ""]
    return "\n".join([*lines, *(f"* {each}" for each in content["differences"])])


def _cells(figure: Mapping[str, Any], times: list[int]) -> list[str]:
    accuracy = {int(t): value for t, value in figure["accuracy"].items()}
    values = [figure.get("float"), *(accuracy.get(t) for t in times)]
    shown = ["–" if value is None else f"{value:.2f}" for value in values]
    return [figure["network"], figure["method"], *shown, figure["source"]]
