"""The report: what was measured of one bundle, or of several side by side, as figures and sections of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spikelet.metrics.energy import Estimate
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.report import figures, page
from spikelet.report.fault_report import fault_figures, fault_section
from spikelet.report.figures import Figure
from spikelet.report.markdown import to_html
from spikelet.report.page import Section
from spikelet.report.sections import (
    accuracy_section,
    conversion_section,
    energy_section,
    exit_section,
    neurobench_section,
    operations_section,
    rate_section,
    sources_section,
    verification_section,
)
from spikelet.report.tables import summary_table
from spikelet.report.wording import ESTIMATE

CARD_ENDS = "## Float activation"  # of the card; the section on the conversion has those numbers


@dataclass(frozen=True)
class Report:
    """What a page is made of.

    names: of the bundles, each another. estimates: by bundle, of the same profiles. main: name of the profile
    that is shown beside networks that do not spike. latency: of `benchmark.measure`, by bundle, or empty.
    verification: by bundle, one entry an engine. validation: what another simulator said, by bundle.
    robustness: what `spikelet robustness` found of one of them.
    """

    measured: Sequence[Measurement]
    names: Sequence[str]
    profiles: Sequence[Profile]
    main: str
    latency: Sequence[dict[str, Any]] = ()
    verification: Sequence[list[dict[str, Any]]] = ()
    validation: dict[str, Any] | None = None
    robustness: dict[str, Any] | None = None
    estimates: list[list[Estimate]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimates", [each.estimates(self.profiles) for each in self.measured])

    @property
    def main_estimates(self) -> list[Estimate]:
        """Of the main profile, by bundle; of the first there is, if it is not among them."""
        found = []
        for each in self.estimates:
            named = [estimate for estimate in each if estimate.profile.name == self.main]
            found += named or each[:1]
        return found


def all_figures(report: Report) -> list[Figure]:
    """Every figure; with several bundles, those of one bundle carry its number in their names."""
    measured, names = report.measured, report.names
    shared = [figures.accuracy_figure(measured, names), *figures.exit_figures(measured, names)]
    found = [each for each in shared if each is not None]
    for index, each in enumerate(measured):
        own = [figures.rate_figure(each), figures.operations_figure(each), figures.raster_figure(each)]
        if report.estimates[index]:
            own.append(figures.energy_figure(report.estimates[index]))
        if report.latency:
            own.append(figures.latency_figure(report.latency[index]))
        found += own if len(measured) == 1 else [_numbered(figure, index, names[index]) for figure in own]
    if report.robustness is not None:
        found += fault_figures(report.robustness)
    if report.main_estimates:
        found.append(figures.rivals_figure(report.main_estimates, names))
    return found


def html(report: Report, drawn: Sequence[Figure]) -> str:
    """The page. drawn: what `all_figures` gave."""
    first = report.measured[0]
    facts = (
        f"{first.data.name}, {len(first.data):,} images (sha256 {first.data.digest[:16]}…), T = "
        f"{first.counted.steps}, engine {first.engine}, spikelet {first.facts()['version']}."
    )
    bundles = [f"{name}: sha256 {each.bundle.digest}" for name, each in zip(report.names, report.measured, strict=True)]
    lead = page.paragraph(facts, "facts") + page.paragraph(" · ".join(bundles), "facts")
    lead += page.paragraph(ESTIMATE, "note")
    art = {each.name: page.figure(each.title, each.svg) for each in drawn}
    sections = [
        *_side_by_side(report),
        accuracy_section(report.measured, report.names, art),
        exit_section(report.measured, report.names, art),
        rate_section(report.measured, report.names, art),
        operations_section(report.measured, report.names, art),
        energy_section(report.measured, report.names, report.estimates, report.main_estimates, art),
        neurobench_section(report.measured, report.names),
        *_latency(report, art),
        *([] if report.robustness is None else [fault_section(report.robustness, art)]),
        verification_section(report.names, report.verification, report.validation),
        conversion_section(report.measured, report.names),
        *_cards(report),
        sources_section(report.profiles),
    ]
    return page.page(" and ".join(report.names), lead, sections)


def _side_by_side(report: Report) -> list[Section]:
    if len(report.names) == 1:
        return []
    body = page.table(*summary_table(report.measured, report.names, report.main_estimates))
    if report.main_estimates:
        body += page.paragraph(f"Energy (estimate) on {report.main_estimates[0].profile.title}.")
    return [Section("side-by-side", "Side by side", body)]


def _latency(report: Report, art: dict[str, str]) -> list[Section]:
    if not report.latency:
        return []
    head = ["network", "batch", "ms a time-step, median", "95 %", "first answer ms", "load ms"]
    rows = [
        [
            name,
            key.partition("_")[2],
            f"{value['ms_per_step_p50']:.2f}",
            f"{value['ms_per_step_p95']:.2f}",
            f"{each['first_answer_ms']:.0f}",
            f"{each['load_ms']:.0f}",
        ]
        for name, each in zip(report.names, report.latency, strict=True)
        for key, value in each.items()
        if key.startswith("batch_")
    ]
    drawn = "".join(svg for name, svg in art.items() if name.startswith("latency"))
    return [Section("latency", "Time on this machine", drawn + page.table(head, rows))]


def _cards(report: Report) -> list[Section]:
    found = []
    for index, (name, each) in enumerate(zip(report.names, report.measured, strict=True)):
        before, _, rest = each.bundle.card.partition(CARD_ENDS)
        after = rest[rest.index("\n## ") :] if "\n## " in rest else ""
        title = "Model card" if len(report.names) == 1 else f"Model card of {name}"
        found.append(Section(f"card-{index + 1}", title, to_html(before + after)))
    return found


def _numbered(figure: Figure, index: int, name: str) -> Figure:
    return Figure(f"{figure.name}-{index + 1}", f"{name}: {figure.title}", figure.svg, figure.head, figure.rows)
