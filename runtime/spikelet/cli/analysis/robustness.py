"""Break a network as devices break, and say how much accuracy is left after each time-step.

Flipped bits of weights, stuck neurons, lost and spurious spikes, thresholds that drift, noise of the input: each at
several levels, on as many faulty devices as there are seeds. DATA is as for `run`; without labels the answers are
held against those of the sound network.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from spikelet import bundle as bundles
from spikelet.atomic import replacing, write_files
from spikelet.cli.common import Progress, emit, existing, number, positive
from spikelet.errors import UsageError
from spikelet.metrics.faults import KINDS, Fault
from spikelet.metrics.robustness import SEEDS, all_faults, robustness
from spikelet.report.columns import table
from spikelet.report.fault_report import fault_figures, fault_table
from spikelet.report.figures import files
from spikelet.session import DEFAULT_STEPS
from spikelet.shipped import find_data

HELP = "accuracy on faulty devices"
EXAMPLE = "spikelet robustness vgg9-cifar10.snnb cifar-10-batches-bin/ --count 200 --figures figures/"
COUNT = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("data", type=existing, metavar="DATA", nargs="?")
    parser.add_argument("--steps", type=positive, default=DEFAULT_STEPS, help="time-steps T (default %(default)s)")
    parser.add_argument(
        "--count", type=positive, default=COUNT, metavar="N", help="N images, drawn by a fixed seed (default 100)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=list(range(SEEDS)), metavar="S", help="a device each (default 0 1 2)"
    )
    parser.add_argument("--faults", choices=list(KINDS), nargs="+", default=list(KINDS), help="default: all")
    parser.add_argument(
        "--levels", type=number, nargs="+", metavar="P", help="instead of the fault's own; with one of --faults"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write what `report --robustness` reads")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write a plot of each fault as SVG and CSV")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    faults = _faults(args)
    if min(args.seeds) < 0:
        raise UsageError(f"--seeds: expected whole numbers of 0 or more, got {min(args.seeds)}")
    for path in (args.output, args.figures):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path.parent}: no such folder")
    bundle = bundles.read(args.bundle)
    data = find_data(args.data, bundle.graph.input.shape, bundle.manifest.labels, args.count)
    found = robustness(bundle, data, args.steps, faults, args.seeds, Progress("devices", quiet=args.json))
    facts = found.as_json()
    if args.output is not None:
        with replacing(args.output) as file:
            file.write(json.dumps(facts, indent=1).encode())
    if args.figures is not None:
        write_files(args.figures, files(fault_figures(facts)))
    text = (
        f"{found.bundle}: {found.data}, {found.images:,} images, T = {found.steps}, {len(found.seeds)} devices "
        f"a fault; {found.measure}, 95 % interval"
    )
    emit(args, facts, f"{text}\n\n{table(*fault_table(facts))}")
    return 0


def _faults(args: argparse.Namespace) -> list[Fault]:
    if args.levels is None:
        return all_faults(args.faults)
    if len(args.faults) != 1:
        raise UsageError("--levels: name one fault (--faults KIND); levels of one mean nothing for another")
    return [Fault(args.faults[0], level) for level in args.levels]
