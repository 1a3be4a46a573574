"""Compare two or more bundles on the same images, in the terminal and, with -o, on one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.cli.analysis.report import check_output, configure_report, make_report, save_report
from spikelet.cli.arguments import bundle_file
from spikelet.cli.printing import emit
from spikelet.display import number_of
from spikelet.errors import DataError, UsageError
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.report.document import Report

HELP = "compare bundles"
EXAMPLE = "spikelet compare vgg9-cifar10 mine.snnb -o compare.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "paths", type=bundle_file, nargs="+", metavar="BUNDLE", help="two or more bundles, optionally followed by DATA"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="write an HTML page as well")
    configure_report(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    paths = [path for path in args.paths if path.suffix == ".snnb"]
    rest = [path for path in args.paths if path.suffix != ".snnb"]
    if len(paths) < 2 or len(rest) > 1:
        raise UsageError(f"expected two or more bundles and at most one DATA, found {len(paths)} and {len(rest)}")
    args.data = rest[0] if rest else None
    if args.output is not None:
        check_output(args)
    elif args.figures is not None:
        raise UsageError("--figures requires a page: add -o FILE.html")
    else:
        args.no_latency = True  # it is shown on the page only
    report = make_report(args, paths)
    digests = {measurement.data.digest for measurement in report.measured}
    if len(digests) > 1:
        raise DataError("the bundles have different classes, so they cannot be compared on the same images")
    facts = report.as_json() if args.output is None else save_report(args, report)
    emit(args, facts, _text(args, report))
    return 0


def _text(args: argparse.Namespace, report: Report) -> str:
    from spikelet.report import wording
    from spikelet.report.tables import summary_table

    first = report.measured[0]
    lines = [
        f"{first.data.name}, {number_of(len(first.data), 'image')}, T = {first.counted.steps}, engine {first.engine}",
        "",
        table(*summary_table(report.measured, report.names, report.main_estimates)),
        "",
    ]
    note = wording.note_on_labels(first)
    lines += [note, ""] if note else []
    if report.main_estimates:
        lines.append(f"µJ on {report.main_estimates[0].profile.title}. {wording.ESTIMATE}")
    lines += [f"Report saved: {args.output}"] if args.output is not None else []
    return "\n".join(lines)
