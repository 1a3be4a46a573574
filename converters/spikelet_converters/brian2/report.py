"""What Brian2 said, as one HTML page that needs no network, or as Markdown with its pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from spikelet.atomic import replacing, write_files
from spikelet.report import page
from spikelet.report.figures import Figure
from spikelet.report.page import Section
from spikelet_converters.brian2 import wording as words
from spikelet_converters.brian2.dynamics import DynamicsReport
from spikelet_converters.brian2.figures import overlays, potentials, rate_figures
from spikelet_converters.brian2.validation import ValidationReport

SUFFIXES = (".html", ".htm", ".md")


def save(path: Path, report: ValidationReport | None, dynamics: DynamicsReport | None) -> None:
    """Write the page, or the Markdown and a folder of its pictures, by the name's ending."""
    if path.suffix.lower() == ".md":
        pictures = [each for chapter in _chapters(report, dynamics) for each in chapter.figures]
        folder = path.with_name(f"{path.stem}-figures")
        write_files(folder, {f"{each.name}.svg": each.svg for each in pictures})
        text = markdown(report, dynamics, folder.name)
    else:
        text = html(report, dynamics)
    with replacing(path) as file:
        file.write(text.encode())


def html(report: ValidationReport | None, dynamics: DynamicsReport | None = None) -> str:
    """The page."""
    sections = []
    for chapter in _chapters(report, dynamics):
        body = "".join(page.paragraph(each) for each in chapter.text)
        if chapter.table is not None:
            body += page.table(*chapter.table)
        body += "".join(page.figure(each.title, each.svg) for each in chapter.figures)
        sections.append(Section(chapter.anchor, chapter.title, body))
    lead = f'<p class="note">{escape(_verdict(report, dynamics))}</p>'
    return page.page(_title(report), lead, sections)


def markdown(report: ValidationReport | None, dynamics: DynamicsReport | None, figures: str) -> str:
    """The same as Markdown. figures: folder of the pictures, as the text names it."""
    parts = [f"# {_title(report)}", _verdict(report, dynamics)]
    for chapter in _chapters(report, dynamics):
        parts += [f"## {chapter.title}", *chapter.text]
        if chapter.table is not None:
            head, rows = chapter.table
            parts.append("\n".join(_row(each) for each in [head, ["---"] + ["---:"] * (len(head) - 1), *rows]))
        parts += [f"![{each.title}]({quote(figures)}/{quote(each.name)}.svg)" for each in chapter.figures]
    return "\n\n".join(parts) + "\n"


class _Chapter:
    def __init__(
        self,
        anchor: str,
        title: str,
        text: Sequence[str] = (),
        table: tuple[list[str], list[list[str]]] | None = None,
        figures: Sequence[Figure] = (),
    ) -> None:
        self.anchor, self.title, self.text, self.table, self.figures = anchor, title, text, table, figures


def _chapters(report: ValidationReport | None, dynamics: DynamicsReport | None) -> list[_Chapter]:
    found: list[_Chapter] = []
    if report is not None:
        parted = any(each.first_divergence is not None for each in report.layers)
        found += [
            _Chapter("layers", "Layers", [words.about(report)], words.layer_table(report)),
            _Chapter(
                "first-divergence" if parted else "potential",
                "The first divergence" if parted else "A potential",
                [str(report.first_divergence)] if parted else [],
                figures=potentials(report),
            ),
            _Chapter(
                "spikes",
                "First divergences" if parted else "Spikes of a few neurons",
                ["Filled: the engine under test. Ring: Brian2. Neurons by their index: channel·row·column."],
                figures=overlays(report),
            ),
        ]
    if dynamics is not None:
        found += [
            _Chapter("neurons", "Single neurons", [words.about_dynamics(dynamics)], words.kind_table(dynamics)),
            _Chapter("f-i", "f-I curves", [words.ABOUT_RATES], figures=rate_figures(dynamics)),
        ]
    return [*found, _Chapter("method", "How it was done", words.METHOD)]


def _title(report: ValidationReport | None) -> str:
    return "Neurons against Brian2" if report is None else f"{report.bundle} against Brian2"


def _verdict(report: ValidationReport | None, dynamics: DynamicsReport | None) -> str:
    found = [] if report is None else [words.verdict(report)]
    return ". ".join(found + ([] if dynamics is None else [words.dynamics_verdict(dynamics)]))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
