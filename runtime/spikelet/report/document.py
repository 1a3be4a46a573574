"""Assemble the report of one or more measured bundles: figures and an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spikelet.benchmark.latency import Latency, batches
from spikelet.display import number_of
from spikelet.metrics.energy import Estimate
from spikelet.metrics.fault_results import FaultFacts
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.report import figures, page
from spikelet.report.fault_report import fault_figures, fault_section
from spikelet.report.figures import Figure
from spikelet.report.markdown import to_html
from spikelet.report.measured_json import measured_json
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
from spikelet.verify import StepVerification, Verification

CARD_ENDS = "## Float activation"  # this part of the card is shown in the section on the conversion


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes:
        measured: Measurements, one per bundle.
        names: Unique names of the bundles.
        profiles: Hardware profiles.
        main: Name of the profile that is compared with the baselines.
        latency: Results of `benchmark.measure` by bundle, or empty.
        verification: Results by bundle and engine.
        step_models: Results of replaying step.onnx, by bundle.
        validation: Result of `spikelet validate`.
        robustness: Result of `spikelet robustness` for one of the bundles.
        web: Address of the page of `spikelet deploy --target web`, or None.
        estimates: Energy estimates by bundle and profile.
    """

    measured: Sequence[Measurement]
    names: Sequence[str]
    profiles: Sequence[Profile]
    main: str
    latency: Sequence[Latency] = ()
    verification: Sequence[Sequence[Verification]] = ()
    step_models: Sequence[StepVerification] = ()
    validation: Mapping[str, object] | None = None
    robustness: FaultFacts | None = None
    web: str | None = None
    estimates: list[list[Estimate]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimates", [measurement.estimates(self.profiles) for measurement in self.measured])

    @property
    def main_estimates(self) -> list[Estimate]:
        """Estimates with the main profile, by bundle; with the first profile if the main profile is missing."""
        chosen = []
        for estimates in self.estimates:
            named = [estimate for estimate in estimates if estimate.profile.name == self.main]
            chosen += named or estimates[:1]
        return chosen

    def as_json(self) -> dict[str, object]:
        """Convert the measurements, and the replays of golden inputs by engine, to a JSON object."""
        return {
            "bundles": [
                measured_json(measurement, estimates, self.profiles)
                for measurement, estimates in zip(self.measured, self.estimates, strict=True)
            ],
            "verification": [[result.as_json() for result in results] for results in self.verification],
        }


def all_figures(report: Report) -> list[Figure]:
    """Draw every figure. With several bundles, the names of figures of one bundle end in its number."""
    measured, names = report.measured, report.names
    shared = [figures.accuracy_figure(measured, names), *figures.exit_figures(measured, names)]
    drawn = [figure for figure in shared if figure is not None]
    for index, measurement in enumerate(measured):
        own = [
            figures.rate_figure(measurement),
            figures.operations_figure(measurement),
            figures.raster_figure(measurement),
        ]
        if report.estimates[index]:
            own.append(figures.energy_figure(report.estimates[index]))
        if report.latency:
            own.append(figures.latency_figure(report.latency[index]))
        drawn += own if len(measured) == 1 else [_numbered(figure, index, names[index]) for figure in own]
    if report.robustness is not None:
        drawn += fault_figures(report.robustness)
    if report.main_estimates:
        drawn.append(figures.baselines_figure(report.main_estimates, names))
    return drawn


def html(report: Report, drawn: Sequence[Figure]) -> str:
    """Return the HTML of the page. drawn: figures from `all_figures`."""
    first = report.measured[0]
    facts = (
        f"{first.data.name}, {number_of(len(first.data), 'image')} (sha256 {first.data.digest[:16]}…), T = "
        f"{first.counted.steps}, engine {first.engine}, spikelet {first.as_json()['version']}."
    )
    bundles = [
        f"{name}: sha256 {measurement.bundle.digest}"
        for name, measurement in zip(report.names, report.measured, strict=True)
    ]
    lead = page.paragraph(facts, "facts") + page.paragraph(" · ".join(bundles), "facts")
    if report.web is not None:
        lead += f"<p>{page.link(report.web, 'Run this network in the browser')}</p>"
    lead += page.paragraph(ESTIMATE, "note")
    art = {figure.name: page.figure(figure.title, figure.svg) for figure in drawn}
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
        verification_section(report.names, report.verification, report.step_models, report.validation),
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
    head = ["network", "batch", "ms per time-step, median", "95%", "first prediction ms", "load ms"]
    rows = [
        [
            name,
            str(batch),
            f"{value['ms_per_step_p50']:.2f}",
            f"{value['ms_per_step_p95']:.2f}",
            f"{latency['first_answer_ms']:.0f}",
            f"{latency['load_ms']:.0f}",
        ]
        for name, latency in zip(report.names, report.latency, strict=True)
        for batch, value in batches(latency).items()
    ]
    drawn = "".join(svg for name, svg in art.items() if name.startswith("latency"))
    return [Section("latency", "Time on this machine", drawn + page.table(head, rows))]


def _cards(report: Report) -> list[Section]:
    sections = []
    for index, (name, measurement) in enumerate(zip(report.names, report.measured, strict=True)):
        before, _, rest = measurement.bundle.card.partition(CARD_ENDS)
        after = rest[rest.index("\n## ") :] if "\n## " in rest else ""
        title = "Model card" if len(report.names) == 1 else f"Model card of {name}"
        sections.append(Section(f"card-{index + 1}", title, to_html(before + after)))
    return sections


def _numbered(figure: Figure, index: int, name: str) -> Figure:
    return Figure(f"{figure.name}-{index + 1}", f"{name}: {figure.title}", figure.svg, figure.head, figure.rows)
