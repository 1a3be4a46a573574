"""Write a validation as one self-contained HTML page, or as Markdown with a folder of figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from spikelet import escapes
from spikelet.files.atomic import replacing, write_files
from spikelet.report import page
from spikelet.report.figures import Figure
from spikelet.report.page import Section
from spikelet_converters.brian2 import wording
from spikelet_converters.brian2.dynamics import DynamicsReport
from spikelet_converters.brian2.figures import overlays, potentials, rate_figures
from spikelet_converters.brian2.report import ValidationReport

SUFFIXES = (".html", ".htm", ".md")


def save(path: Path, report: ValidationReport | None, dynamics: DynamicsReport | None) -> None:
    """Write HTML, or Markdown and a folder of figures, depending on the suffix."""
    if path.suffix.lower() == ".md":
        figures = [figure for chapter in _chapters(report, dynamics) for figure in chapter.figures]
        folder = path.with_name(f"{path.stem}-figures")
        write_files(folder, {f"{figure.name}.svg": figure.svg for figure in figures})
        text = markdown(report, dynamics, folder.name)
    else:
        text = html(report, dynamics)
    with replacing(path) as file:
        file.write(text.encode())


def html(report: ValidationReport | None, dynamics: DynamicsReport | None = None) -> str:
    """Return the validation as an HTML page."""
    sections = []
    for chapter in _chapters(report, dynamics):
        body = "".join(page.paragraph(text) for text in chapter.text)
        if chapter.table is not None:
            body += page.table(*chapter.table)
        body += "".join(page.figure(figure.title, figure.svg) for figure in chapter.figures)
        sections.append(Section(chapter.anchor, chapter.title, body))
    lead = f'<p class="note">{escape(_verdict(report, dynamics))}</p>'
    return page.page(_title(report), lead, sections)


def markdown(report: ValidationReport | None, dynamics: DynamicsReport | None, figures: str) -> str:
    """Return the validation as Markdown. figures: name of the folder with the figures."""
    folder = quote(os.fsencode(figures))
    parts = [f"# {escapes.markdown(_title(report))}", _verdict(report, dynamics)]
    for chapter in _chapters(report, dynamics):
        parts += [f"## {chapter.title}", *chapter.text]
        if chapter.table is not None:
            head, rows = chapter.table
            parts.append("\n".join(_row(cells) for cells in [head, ["---"] + ["---:"] * (len(head) - 1), *rows]))
        parts += [f"![{figure.title}]({folder}/{quote(figure.name)}.svg)" for figure in chapter.figures]
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class _Chapter:
    anchor: str
    title: str
    text: Sequence[str] = ()
    table: tuple[list[str], list[list[str]]] | None = None
    figures: Sequence[Figure] = ()


def _chapters(report: ValidationReport | None, dynamics: DynamicsReport | None) -> list[_Chapter]:
    chapters: list[_Chapter] = []
    if report is not None:
        diverges = any(layer.first_divergence is not None for layer in report.layers)
        chapters += [
            _Chapter("layers", "Layers", [wording.about(report)], wording.layer_table(report)),
            _Chapter(
                "first-divergence" if diverges else "potential",
                "The first divergence" if diverges else "A potential",
                [str(report.first_divergence)] if diverges else [],
                figures=potentials(report),
            ),
            _Chapter(
                "spikes",
                "First divergences" if diverges else "Spikes of a few neurons",
                ["Filled: the engine under test. Ring: Brian2. Neurons by their index: channel·row·column."],
                figures=overlays(report),
            ),
        ]
    if dynamics is not None:
        chapters += [
            _Chapter("neurons", "Single neurons", [wording.about_dynamics(dynamics)], wording.kind_table(dynamics)),
            _Chapter("f-i", "f-I curves", [wording.ABOUT_RATES], figures=rate_figures(dynamics)),
        ]
    return [*chapters, _Chapter("method", "Method", wording.METHOD)]


def _title(report: ValidationReport | None) -> str:
    return "Neurons against Brian2" if report is None else f"{report.bundle} against Brian2"


def _verdict(report: ValidationReport | None, dynamics: DynamicsReport | None) -> str:
    verdicts = [] if report is None else [wording.verdict(report)]
    return ". ".join(verdicts + ([] if dynamics is None else [wording.dynamics_verdict(dynamics)]))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
