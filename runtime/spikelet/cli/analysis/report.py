"""Measure a bundle on images and write a self-contained HTML page.

The page shows accuracy per time-step with intervals, the early-exit trade-off, spike rates, a raster, operations and
energy (an estimate, with its sources), time on this machine, verification, the conversion and the model card.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from spikelet.benchmark.latency import Latency
from spikelet.benchmark.measure import measure as benchmark
from spikelet.choices import MAIN_PROFILE
from spikelet.cli.analysis.energy import chosen_profiles, configure_measuring, measure_bundle
from spikelet.cli.arguments import add_bundle, add_data, existing
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import emit
from spikelet.display import number_of
from spikelet.errors import UsageError
from spikelet.escapes import shell_line
from spikelet.files.atomic import replacing, write_files
from spikelet.files.json_object import read_object
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.metrics.fault_results import FaultFacts
    from spikelet.metrics.measurement import Measurement
    from spikelet.report.document import Report
    from spikelet.verify import Verification

HELP = "write a report as one HTML page"
EXAMPLE = "spikelet report vgg9-cifar10 -o report.html --figures figures/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    add_data(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html", help="page to write")
    parser.add_argument(
        "--web", type=existing, metavar="PAGE.html", help="link to this page of `spikelet deploy --target web`"
    )
    configure_report(parser)


def configure_report(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that writes a page."""
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write every figure as SVG and CSV as well")
    parser.add_argument("--no-latency", action="store_true", help="do not measure the time on this machine")
    parser.add_argument(
        "--validation",
        type=existing,
        metavar="FILE.json",
        help="result of `spikelet validate -o` (default: BUNDLE.validation.json if it belongs to the bundle)",
    )
    parser.add_argument("--robustness", type=existing, metavar="FILE.json", help="result of `spikelet robustness -o`")
    configure_measuring(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    check_output(args)
    report = make_report(args, [args.bundle], web=args.web)
    facts = save_report(args, report)
    emit(args, facts, _text(args, report))
    return 0


def _text(args: argparse.Namespace, report: Report) -> str:
    from spikelet.report import wording
    from spikelet.report.tables import baselines_table

    measurement, main = report.measured[0], report.main_estimates
    data, steps = measurement.data, measurement.counted.steps
    lines = [
        f"{data.name}, {number_of(len(data), 'image')}, T = {steps}, engine {measurement.engine}",
        "",
    ]
    note = wording.note_on_labels(measurement)
    lines += [note, ""] if note else []
    if main:
        lines += [table(*baselines_table(main, report.names)), "", wording.ESTIMATE]
        lines += [f"Spike rate at the synapses: {measurement.operations.rate:.2%}.", ""]
    return "\n".join([*lines, f"Report saved: {args.output}"])


def check_output(args: argparse.Namespace) -> None:
    """Raise UsageError if the page cannot be written, before the measurement starts."""
    check_output_file(args.output, ".html", ".htm")
    if args.figures is not None and args.figures.exists() and not args.figures.is_dir():
        raise UsageError(f"{args.figures}: is a file; expected a folder for the figures")


def make_report(args: argparse.Namespace, paths: list[Path], web: Path | None = None) -> Report:
    """Measure the bundles and collect everything that the page shows. web: the page that the report links to."""
    from spikelet import bundle as bundles
    from spikelet.report.document import Report
    from spikelet.verify import verify_step

    profiles = chosen_profiles(args)
    compared = web or args.validation or args.robustness
    digests = {bundles.read(path).digest for path in paths} if compared else set()
    validation = None if args.validation is None else _validation(args.validation, digests)
    faults = None if args.robustness is None else _robustness(args.robustness)
    if args.steps is None and len(paths) > 1:
        args.steps = min(bundles.read(path).default_steps for path in paths)  # all bundles are compared at the same T
    if web is not None:
        _check_page(web, paths[0], digests)
    if faults is not None and faults["bundle_digest"] not in digests:
        raise UsageError(f"{args.robustness}: was measured on another bundle, {faults['bundle']}")
    measured = [measure_bundle(args, path) for path in paths]
    if validation is None and len(paths) == 1:
        validation = _validation_of(paths[0], measured[0].bundle.digest)
    return Report(
        measured=measured,
        names=_names(measured),
        profiles=profiles,
        main=MAIN_PROFILE,
        latency=[] if args.no_latency else [_latency(args, *pair) for pair in zip(paths, measured, strict=True)],
        verification=[_verification(measurement) for measurement in measured],
        step_models=[verify_step(measurement.bundle) for measurement in measured],
        validation=validation,
        robustness=faults,
        web=None if web is None else _link(web, args.output.parent),
    )


def save_report(args: argparse.Namespace, report: Report) -> dict[str, object]:
    """Write the page and the figures, and return the JSON output."""
    from spikelet.report.document import all_figures, html
    from spikelet.report.figures import files

    drawn = all_figures(report)
    with replacing(args.output) as file:
        file.write(html(report, drawn).encode())
    if args.figures is not None:
        write_files(args.figures, files(drawn))
    return {
        "report": str(args.output),
        "figures": [figure.name for figure in drawn] if args.figures is not None else [],
        **report.as_json(),
        "latency": list(report.latency),
        "step_models": [result.as_json() for result in report.step_models],
    }


def _check_page(page: Path, bundle: Path, digests: set[str]) -> None:
    """Raise UsageError unless a file is the page that runs the bundle."""
    from spikelet.deploy.web.document import digest_of

    stated = digest_of(page) if page.is_file() else None
    if stated not in digests:
        other = "another file" if stated is None else f"that of another bundle, {stated[:8]}"
        command = shell_line(["spikelet", "deploy", str(bundle), "--target", "web", "-o", "PAGE.html"])
        raise UsageError(f"{page}: expected the web page of {bundle}, found {other}; write it with `{command}`")


def _link(path: Path, folder: Path) -> str:
    """Return the address of a file, relative to a page in a folder."""
    try:
        return quote(os.fsencode(Path(os.path.relpath(path, folder)).as_posix()))
    except ValueError:  # on another drive of Windows
        return path.resolve().as_uri()


def _names(measured: list[Measurement]) -> list[str]:
    """Return unique names of the bundles: equal names are extended with the digest."""
    names = [measurement.bundle.manifest.name for measurement in measured]
    extended = [
        name if names.count(name) == 1 else f"{name} {measurement.bundle.digest[:8]}"
        for name, measurement in zip(names, measured, strict=True)
    ]
    return [name if extended.count(name) == 1 else f"{name} #{i + 1}" for i, name in enumerate(extended)]


def _latency(args: argparse.Namespace, path: Path, measurement: Measurement) -> Latency:
    return benchmark(str(path), measurement.engine, args.threads)


def _verification(measurement: Measurement) -> list[Verification]:
    from spikelet.engines import available
    from spikelet.verify import verify

    return [verify(measurement.bundle, engine) for engine in available(measurement.bundle.graph)]


def _validation_of(bundle: Path, digest: str) -> Mapping[str, object] | None:
    """Return the content of BUNDLE.validation.json next to the bundle if it belongs to this file, else None."""
    path = bundle.with_suffix(".validation.json")
    content = read_object(path) if path.is_file() else None
    return _validation(path, {digest}) if content is not None and content.get("digest") == digest else None


def _validation(path: Path, digests: set[str]) -> Mapping[str, object]:
    from spikelet.report.validation import check

    return check(str(path), read_object(path), digests)


def _robustness(path: Path) -> FaultFacts:
    from spikelet.report.fault_report import check

    content = read_object(path)
    try:
        return check(content)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
