"""Count what a network does on images, and estimate what an image costs.

DATA is as for `run`. Operations are counted exactly; energy is an estimate: counts times published energies of
one operation, each with its source. Three levels stand side by side: synaptic operations, with neuron updates,
with memory traffic; beside them the same work by networks that do not spike.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet import bundle as bundles
from spikelet.cli.common import Progress, emit, existing, positive
from spikelet.engines import ENGINES
from spikelet.metrics.energy import Estimate
from spikelet.metrics.hardware import MAIN_PROFILE, Profile, builtin, find_profile, names
from spikelet.metrics.measurement import Measurement, measure
from spikelet.metrics.traffic import BUFFER
from spikelet.report import wording as words
from spikelet.report.columns import table
from spikelet.report.tables import accuracy_table, energy_table, operations_table, rivals_table
from spikelet.session import DEFAULT_STEPS
from spikelet.shipped import find_data

HELP = "count operations and estimate energy"
EXAMPLE = "spikelet energy vgg9-cifar10.snnb cifar-10-batches-bin/ --steps 8 --profile cmos45-int8"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("data", type=existing, metavar="DATA", nargs="?")
    configure_measuring(parser)


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """Arguments that every verb has which measures."""
    parser.add_argument("--steps", type=positive, default=DEFAULT_STEPS, help="time-steps T (default %(default)s)")
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto")
    parser.add_argument("--count", type=positive, metavar="N", help="N images, drawn by a fixed seed (default all)")
    parser.add_argument("--threads", type=positive, metavar="N", help="of an operator, or (native) a batch")
    parser.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help=f"one hardware profile: {', '.join(names())}, or a TOML file with a source for every number",
    )
    parser.add_argument(
        "--buffer", type=positive, default=BUFFER, metavar="BYTES", help="on-chip memory of a layer (default 1 MiB)"
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    profiles = chosen_profiles(args)
    measured = measure_bundle(args, args.bundle)
    estimates = measured.estimates(profiles)
    facts = measured.facts() | {"energy": words.energy_json(measured, estimates, profiles)}
    emit(args, facts, _text(measured, estimates, profiles))
    return 0


def chosen_profiles(args: argparse.Namespace) -> list[Profile]:
    """The profile that was named, or all that come with spikelet."""
    return [find_profile(args.profile)] if args.profile else list(builtin().values())


def measure_bundle(args: argparse.Namespace, path: Path) -> Measurement:
    """Read a bundle and run the data through it, with a bar."""
    bundle = bundles.read(path)
    data = find_data(args.data, bundle.graph.input.shape, bundle.manifest.labels, args.count)
    return measure(
        bundle,
        data,
        args.steps,
        args.engine,
        args.threads,
        args.buffer,
        on_progress=Progress(bundle.manifest.name, quiet=args.json),
    )


def _text(measured: Measurement, estimates: list[Estimate], profiles: list[Profile]) -> str:
    facts, name = measured.facts(), measured.bundle.manifest.name
    lines = [f"{name}, engine {facts['engine']}: {facts['data']}, {facts['images']:,} images, T = {facts['steps']}", ""]
    rows = accuracy_table([measured], [name])
    lines += [table(*rows) if measured.accuracy is not None else words.NO_LABELS, ""]
    lines += ["Operations of one image", "", table(*operations_table([measured], [name])), ""]
    lines += [
        f"{words.count(measured.operations.neuron_updates)} neuron updates; spike rate at the synapses "
        f"{measured.operations.rate:.2%}",
        "",
        words.ESTIMATE,
        "",
    ]
    main = next((each for each in estimates if each.profile.name == MAIN_PROFILE), estimates[0] if estimates else None)
    if main is not None and main.baselines:
        lines += [table(*rivals_table([main], [name])), ""]
    if len(estimates) > 1 or (main is not None and not main.baselines):
        lines += [table(*energy_table([estimates], [name])), ""]
    lines += words.left_out(estimates)
    lines += [f"{each.name}: {each.unpublished}. {words.power(each)}" for each in profiles if not each.priced]
    lines += ["", "Assumptions", *(f"* {each}" for each in words.assumptions(measured))]
    if len(profiles) == 1:
        lines += ["", "Sources", *(f"* {what}: {figure.source}" for what, figure in profiles[0].sources())]
    else:
        lines += ["", "--profile NAME shows the sources of one profile; --json has them all."]
    return "\n".join(lines)
