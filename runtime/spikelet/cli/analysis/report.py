"""Measure a bundle on images and write one HTML page that needs no network.

On it: accuracy per time-step with intervals, the early-exit trade-off, spike rates, a raster, operations and
energy (an estimate, with its sources), time on this machine, verification, the conversion, the model card.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikelet.atomic import replacing, write_files
from spikelet.benchmark import measure as benchmark
from spikelet.cli.analysis.energy import chosen_profiles, configure_measuring, measure_bundle
from spikelet.cli.common import emit, existing
from spikelet.engines import available
from spikelet.errors import UsageError
from spikelet.metrics.hardware import MAIN_PROFILE
from spikelet.metrics.measurement import Measurement
from spikelet.report import wording as words
from spikelet.report.columns import table
from spikelet.report.document import Report, all_figures, html
from spikelet.report.fault_report import check
from spikelet.report.figures import files
from spikelet.report.tables import rivals_table
from spikelet.verify import verify

HELP = "write a report as one HTML page"
EXAMPLE = "spikelet report vgg9-cifar10.snnb cifar-10-batches-bin/ -o report.html --figures figures/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("data", type=existing, metavar="DATA", nargs="?")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html")
    configure_report(parser)


def configure_report(parser: argparse.ArgumentParser) -> None:
    """Arguments that every verb has which writes a page."""
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write every figure as SVG and CSV as well")
    parser.add_argument("--no-latency", action="store_true", help="leave out the time on this machine")
    parser.add_argument(
        "--validation",
        type=existing,
        metavar="FILE.json",
        help="what an independent simulator said (default: BUNDLE.validation.json, where it is of that bundle)",
    )
    parser.add_argument(
        "--robustness", type=existing, metavar="FILE.json", help="what `spikelet robustness -o` found, to be shown"
    )
    configure_measuring(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    check_output(args)
    report = make_report(args, [args.bundle])
    facts = save_report(args, report)
    emit(args, facts, _text(args, report))
    return 0


def _text(args: argparse.Namespace, report: Report) -> str:
    each, main = report.measured[0], report.main_estimates
    lines = [f"{each.data.name}, {len(each.data):,} images, T = {each.counted.steps}, engine {each.engine}", ""]
    lines += [words.NO_LABELS, ""] if each.accuracy is None else []
    if main:
        lines += [table(*rivals_table(main, report.names)), "", words.ESTIMATE]
        lines += [f"Spike rate at the synapses: {each.operations.rate:.2%}.", ""]
    return "\n".join([*lines, f"{args.output}: the report"])


def check_output(args: argparse.Namespace) -> None:
    """Refuse a page that could not be written, before hours of work. Raises UsageError."""
    if args.output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{args.output}: a page's name ends in .html")
    if not args.output.parent.is_dir():
        raise UsageError(f"{args.output.parent}: no such folder")
    if args.figures is not None and args.figures.exists() and not args.figures.is_dir():
        raise UsageError(f"{args.figures}: is a file; expected a folder for the figures")


def make_report(args: argparse.Namespace, paths: list[Path]) -> Report:
    """Everything that the page shows, of one bundle or several."""
    profiles = chosen_profiles(args)
    validation = None if args.validation is None else _object(args.validation)
    faults = None if args.robustness is None else _robustness(args.robustness)
    measured = [measure_bundle(args, path) for path in paths]
    if validation is None and len(paths) == 1:
        validation = _beside(paths[0], measured[0].bundle.digest)
    if faults is not None and faults["bundle_digest"] not in {each.bundle.digest for each in measured}:
        raise UsageError(f"{args.robustness}: was measured on another bundle, {faults['bundle']}")
    return Report(
        measured=measured,
        names=_names(measured),
        profiles=profiles,
        main=MAIN_PROFILE,
        latency=[] if args.no_latency else [_latency(args, *each) for each in zip(paths, measured, strict=True)],
        verification=[_verification(each) for each in measured],
        validation=validation,
        robustness=faults,
    )


def save_report(args: argparse.Namespace, report: Report) -> dict[str, Any]:
    """Write the page and the figures; returns what `--json` prints."""
    drawn = all_figures(report)
    with replacing(args.output) as file:
        file.write(html(report, drawn).encode())
    if args.figures is not None:
        write_files(args.figures, files(drawn))
    bundles = [
        each.facts() | {"energy": words.energy_json(each, estimates, report.profiles)}
        for each, estimates in zip(report.measured, report.estimates, strict=True)
    ]
    return {
        "report": str(args.output),
        "figures": [each.name for each in drawn] if args.figures is not None else [],
        "bundles": bundles,
        "latency": list(report.latency),
        "verification": list(report.verification),
    }


def _names(measured: list[Measurement]) -> list[str]:
    """Names of the bundles, each another: those that share one get their digest's beginning."""
    names = [each.bundle.manifest.name for each in measured]
    found = [
        name if names.count(name) == 1 else f"{name} {each.bundle.digest[:8]}"
        for name, each in zip(names, measured, strict=True)
    ]
    return [name if found.count(name) == 1 else f"{name} #{i + 1}" for i, name in enumerate(found)]


def _latency(args: argparse.Namespace, path: Path, each: Measurement) -> dict[str, Any]:
    return benchmark(str(path), each.engine, args.threads)


def _verification(each: Measurement) -> list[dict[str, Any]]:
    found = [verify(each.bundle, engine) for engine in available(each.bundle.graph)]
    return [asdict(one) | {"ok": one.ok} for one in found]


def _beside(bundle: Path, digest: str) -> dict[str, Any] | None:
    """What `validate -o BUNDLE.validation.json` left beside the bundle, if it is of that very file."""
    path = bundle.with_suffix(".validation.json")
    found = _object(path) if path.is_file() else None
    return found if found is not None and found.get("digest") == digest else None


def _robustness(path: Path) -> dict[str, Any]:
    found = _object(path)
    try:
        return check(found)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected one JSON object")
    return value
