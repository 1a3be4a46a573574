"""Measure accuracy per time-step on faulty devices.

Faults are flipped weight bits, stuck neurons, lost and spurious spikes, threshold drift and input noise, each at
several levels and on one faulty device per seed. DATA is as for `run`. Without labels, predictions are compared with
those of the network without faults.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import FAULT_SEEDS, FAULTS
from spikelet.cli.arguments import add_bundle, add_count, add_data, add_steps, number
from spikelet.cli.data import add_data_options, find_images
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import Progress, emit, json_text
from spikelet.display import number_of
from spikelet.errors import UsageError
from spikelet.files.atomic import replacing, write_files
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.metrics.faults import Fault

HELP = "measure accuracy on faulty devices"
EXAMPLE = "spikelet robustness vgg9-cifar10 --count 200 --figures figures/"
COUNT = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    add_data(parser)
    add_steps(parser)
    add_count(parser, COUNT)
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=list(range(FAULT_SEEDS)),
        metavar="S",
        help="seeds, one faulty device per seed (default 0 1 2)",
    )
    parser.add_argument(
        "--faults",
        choices=list(FAULTS),
        nargs="+",
        default=list(FAULTS),
        metavar="KIND",
        help=f"faults to measure: {', '.join(FAULTS)} (default: all)",
    )
    parser.add_argument(
        "--levels", type=number, nargs="+", metavar="P", help="levels of the fault, with a single --faults KIND"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.json", help="write the result for `report --robustness`"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write a plot of each fault as SVG and CSV")
    add_data_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.engines import choose
    from spikelet.metrics.robustness import robustness
    from spikelet.report.fault_report import fault_figures, fault_table
    from spikelet.report.figures import files

    faults = _faults(args)
    if min(args.seeds) < 0:
        raise UsageError(f"--seeds: expected whole numbers of 0 or more, found {min(args.seeds)}")
    if args.output is not None:
        check_output_file(args.output, ".json")
    if args.figures is not None and not args.figures.absolute().parent.is_dir():
        raise UsageError(f"{args.figures.parent}: no such folder")
    bundle = bundles.read(args.bundle)
    choose(bundle.graph, "numpy")  # raises before images are resampled to the shape of its input
    data = find_images(args, args.data, bundle, args.count)
    result = robustness(bundle, data, args.steps, faults, args.seeds, Progress("devices", quiet=args.json))
    facts = result.as_json()
    if args.output is not None:
        with replacing(args.output) as file:
            file.write(json_text(facts, 1).encode())
    if args.figures is not None:
        write_files(args.figures, files(fault_figures(facts)))
    images = number_of(result.images, "image")
    text = (
        f"{result.bundle}: {result.data}, {images}, T = {result.steps}, {number_of(len(result.seeds), 'device')} "
        f"per fault; {result.measure}, 95% interval"
    )
    emit(args, facts, f"{text}\n\n{table(*fault_table(facts))}")
    return 0


def _faults(args: argparse.Namespace) -> list[Fault]:
    from spikelet.metrics.faults import Fault
    from spikelet.metrics.robustness import all_faults

    if args.levels is None:
        return all_faults(args.faults)
    if len(args.faults) != 1:
        raise UsageError("--levels: requires exactly one fault (--faults KIND), since levels differ between faults")
    return [Fault(args.faults[0], level) for level in args.levels]
