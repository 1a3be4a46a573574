"""Count operations on images and estimate the energy per image.

DATA is as for `run`. Operations are counted exactly. Energy is an estimate: counts multiplied by published
energies per operation, each with its source. It is given at three levels (synaptic operations, plus neuron updates,
plus memory traffic), together with baselines: the same network without spikes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import BUFFER, MAIN_PROFILE, profiles
from spikelet.cli.arguments import add_bundle, add_count, add_data, add_engine, add_steps, add_threads, positive
from spikelet.cli.data import add_data_options, find_images
from spikelet.cli.printing import Progress, emit
from spikelet.display import number_of
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.metrics.hardware import Profile
    from spikelet.metrics.measurement import Measurement
    from spikelet.report.document import Report

HELP = "count operations and estimate energy"
EXAMPLE = "spikelet energy vgg9-cifar10 --steps 8 --profile cmos45-int8"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    add_data(parser)
    configure_measuring(parser)


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that measures."""
    add_steps(parser)
    add_engine(parser)
    add_count(parser)
    add_threads(parser)
    parser.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help=f"one hardware profile: {', '.join(profiles())}, or a TOML file with a source for every number",
    )
    parser.add_argument(
        "--buffer", type=positive, default=BUFFER, metavar="BYTES", help="on-chip memory per layer (default 1 MiB)"
    )
    add_data_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.report.document import Report
    from spikelet.report.measured_json import measured_json

    profiles = chosen_profiles(args)
    measured = measure_bundle(args, args.bundle)
    report = Report([measured], [measured.bundle.manifest.name], profiles, MAIN_PROFILE)
    emit(args, measured_json(measured, report.estimates[0], profiles), _text(report))
    return 0


def chosen_profiles(args: argparse.Namespace) -> list[Profile]:
    """Return the named profile, or all shipped profiles."""
    from spikelet.metrics.hardware import builtin, find_profile

    return [find_profile(args.profile)] if args.profile else list(builtin().values())


def measure_bundle(args: argparse.Namespace, path: Path) -> Measurement:
    """Read a bundle and measure it on the data, with a progress bar."""
    from spikelet import bundle as bundles
    from spikelet.engines import choose
    from spikelet.metrics.measurement import measure

    bundle = bundles.read(path)
    choose(bundle.graph, args.engine)  # raises before images are resampled to the shape of its input
    data = find_images(args, args.data, bundle, args.count)
    return measure(
        bundle,
        data,
        args.steps,
        args.engine,
        args.threads,
        args.buffer,
        on_progress=Progress(bundle.manifest.name, quiet=args.json),
    )


def _text(report: Report) -> str:
    from spikelet.report import wording
    from spikelet.report.tables import accuracy_table, baselines_table, energy_table, operations_table

    (measured,), (estimates,), names, main = report.measured, report.estimates, report.names, report.main_estimates
    images = number_of(len(measured.data), "image")
    lines = [f"{names[0]}, engine {measured.engine}: {measured.data.name}, {images}, T = {measured.counted.steps}", ""]
    note = wording.note_on_labels(measured)
    lines += [table(*accuracy_table([measured], names)), ""] if measured.accuracy is not None else []
    lines += [note, ""] if note else []
    lines += ["Operations per image", "", table(*operations_table([measured], names)), ""]
    lines += [
        f"{wording.count(measured.operations.neuron_updates)} neuron updates; spike rate at the synapses "
        f"{measured.operations.rate:.2%}",
        "",
        wording.ESTIMATE,
        "",
    ]
    has_baselines = bool(main and main[0].baselines)
    if has_baselines:
        lines += [table(*baselines_table(main, names)), ""]
    if len(estimates) > 1 or (main and not has_baselines):
        lines += [table(*energy_table([estimates], names)), ""]
    lines += wording.left_out(estimates)
    lines += [
        f"{profile.name}: {profile.unpublished}. {wording.power(profile)}"
        for profile in report.profiles
        if not profile.priced
    ]
    lines += ["", "Assumptions", *(f"* {text}" for text in wording.assumptions(measured))]
    if len(report.profiles) == 1:
        sources = report.profiles[0].sources()
        lines += ["", "Sources", *(f"* {quantity}: {figure.source}" for quantity, figure in sources)]
    else:
        lines += ["", "--profile NAME shows the sources of one profile; --json has them all."]
    return "\n".join(lines)
