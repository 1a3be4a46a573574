"""Measure how many copies, time-steps and early exits a bundle needs, and choose a setting for a budget.

A network with k copies of its neurons is derived from the bundle in memory, and one run over its largest T measures
every smaller T and every margin of early exit. The table is the Pareto front: no other setting is at least as accurate
and costs at most as much in time-steps, neurons, and what the budget limits. Costs are means over the images.

DATA is as for `run`. The setting is chosen on these images, by default those of the validation split if there is one,
which the output names. --confirm measures the chosen setting on other images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet import limits, shipped
from spikelet.choices import MAX_COPIES, profiles
from spikelet.cli.arguments import (
    above_zero,
    add_bundle,
    add_count,
    add_data,
    add_engine,
    add_threads,
    existing,
    number,
    positive,
)
from spikelet.cli.data import add_data_options, find_images
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import Progress, emit
from spikelet.errors import DataError, UsageError
from spikelet.files.atomic import replacing
from spikelet_converters.cli.convert_arguments import add_copies_start
from spikelet_converters.cli.plan_view import is_test_data, plan_text

if TYPE_CHECKING:
    from spikelet.bundle import Bundle
    from spikelet.data import ImageSet
    from spikelet_converters.planning.plan import Plan

HELP = "choose copies, time-steps and early exit for a budget"
EXAMPLE = "spikelet plan vgg9-cifar10 --max-steps 1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    add_data(parser)
    _add_budget(parser)
    _add_settings(parser)
    add_engine(parser)
    add_count(parser)
    parser.add_argument(
        "--confirm",
        type=existing,
        metavar="DATA",
        help="measure the chosen setting on the images of these data on which it was not chosen",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write the front as a plot")
    add_threads(parser)
    add_data_options(parser)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the limits on the cost of an image."""
    group = parser.add_argument_group("budget, as means of an image")
    group.add_argument("--max-steps", type=above_zero, metavar="T", help="time-steps")
    group.add_argument("--max-neurons", type=_large, metavar="N", help="neurons of the network, such as 300k")
    group.add_argument("--max-synaptic-operations", type=_large, metavar="N", help="synaptic operations, such as 5M")
    group.add_argument("--max-energy", type=above_zero, metavar="UJ", help="estimated energy in µJ, with --profile")
    group.add_argument("--max-time", type=above_zero, metavar="MS", help="milliseconds on this machine")
    group.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help=f"hardware profile of the energy: {', '.join(profiles())}, or a TOML file",
    )
    group.add_argument("--time", action="store_true", help="measure the time, also without --max-time")
    group.add_argument(
        "--tolerance",
        type=number,
        default=0.0,
        metavar="POINTS",
        help="accuracy in points that may be given up for a cheaper setting (default 0)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the settings to compare."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--copies",
        type=_copies,
        metavar="K,K=T",
        help="numbers of copies; K=T also sets the largest T for K copies (default 1,2,4,8)",
    )
    add_copies_start(group)
    group.add_argument(
        "--steps", type=positive, metavar="T", help="largest T (default: that of the bundle, less with more copies)"
    )
    group.add_argument("--no-early-exit", action="store_true", help="only settings in which every image takes T")
    group.add_argument("--all", action="store_true", help="list all settings, not only the front")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.metrics.hardware import find_profile
    from spikelet_converters.planning.confirmation import confirm, without
    from spikelet_converters.planning.plan import plan
    from spikelet_converters.planning.settings import Budget

    if args.plot is not None:
        check_output_file(args.plot, ".svg")
    if not 0 <= args.tolerance <= 100:
        raise UsageError(f"--tolerance: expected 0…100 points of accuracy, found {args.tolerance:g}")
    budget = Budget(args.max_steps, args.max_neurons, args.max_synaptic_operations, args.max_energy, args.max_time)
    profile = None if args.profile is None else find_profile(args.profile)
    bundle = bundles.read(args.bundle)
    images, split = _images(args, bundle)
    result = plan(
        bundle,
        images,
        copies=args.copies and list(args.copies),
        steps=_largest(args),
        budget=budget,
        tolerance=args.tolerance / 100,
        start=args.copies_start,
        early_exit=not args.no_early_exit,
        profile=profile,
        engine=args.engine,
        threads=args.threads,
        timed=args.time,
        on_progress=Progress("images", quiet=args.json),
    )
    confirmed = None
    if args.confirm is not None and result.chosen is not None:
        others = without(_confirmation_images(args, bundle), images)
        confirmed = others, confirm(bundle, result, others, profile=profile, engine=args.engine, threads=args.threads)
    if args.plot is not None:
        from spikelet_converters.planning.chart import chart

        with replacing(args.plot) as file:
            file.write(chart(result).encode())
    commands = _commands(args, bundle, result, split)
    facts = result.as_json() | {"test_images": is_test_data(images, split), "commands": commands}
    if confirmed is not None:
        facts["confirmed"] = confirmed[1].as_json() | {"data": confirmed[0].name, "data_digest": confirmed[0].digest}
    emit(args, facts, "\n".join(plan_text(result, images, split, commands, confirmed, args.all)))
    return 0 if result.chosen is not None else 1


def _images(args: argparse.Namespace, bundle: Bundle) -> tuple[ImageSet, str | None]:
    """Return the images to choose on, and their split: that of --split, or the validation split; None without splits.

    Data without splits are read whole.
    """
    from spikelet.data.names import SPLIT_NAMES

    if args.data is None and args.confirm is not None:  # options of data other than --split describe those of --confirm
        args = _with(args, layout="auto", white=None, range=None)
    if args.split is not None or args.data is None:
        return find_images(args, args.data, bundle, args.count), args.split
    try:
        images = find_images(_with(args, split="valid"), args.data, bundle, args.count)
    except DataError:  # the data have other splits, or the next reading raises it again
        return find_images(args, args.data, bundle, args.count), None
    return images, "valid" if images.name.split()[-1].casefold() in SPLIT_NAMES["valid"] else None


def _confirmation_images(args: argparse.Namespace, bundle: Bundle) -> ImageSet:
    """Return the images of --confirm."""
    return find_images(_with(args, split=None), args.confirm, bundle, None)


def _with(args: argparse.Namespace, **options: object) -> argparse.Namespace:
    """Return the arguments with some changed."""
    return argparse.Namespace(**{**vars(args), **options})


def _commands(args: argparse.Namespace, bundle: Bundle, result: Plan, split: str | None) -> list[str]:
    from spikelet_converters.planning.commands import command_lines
    from spikelet_converters.planning.plan import own_copies

    if result.chosen is None:
        return []
    path = args.bundle.stem if args.bundle in shipped.bundles() else str(args.bundle)
    data = [] if args.data is None else [str(args.data)]
    data += [] if split is None else ["--split", split]
    converted = result.chosen.setting.copies != own_copies(bundle.graph)
    return command_lines(result.chosen.setting, path, converted, result.start, data)


def _large(text: str) -> int:
    """Argument type: a number of 1 or more, such as 300k or 5M."""
    try:
        return limits.parse(text, 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number such as 300k, 5M or 2e6, found {text!r}") from None


def _copies(text: str) -> dict[int, int | None]:
    """Argument type: numbers of copies separated by commas, K or K=T; the largest T by number of copies, or None."""
    copies: dict[int, int | None] = {}
    for part in text.split(","):
        number, equals, steps = part.partition("=")
        is_whole = number.isdecimal() and (steps.isdecimal() if equals else True)
        if not is_whole or not 1 <= int(number) <= MAX_COPIES or (equals and int(steps) < 1):
            raise argparse.ArgumentTypeError(
                f"expected numbers of 1…{MAX_COPIES} such as 1,2,4 or 1=8,4=1, found {text!r}"
            )
        copies[int(number)] = int(steps) if equals else None
    return copies


def _largest(args: argparse.Namespace) -> int | dict[int, int] | None:
    """Return the largest T; by number of copies if --copies states any."""
    stated = {k: steps for k, steps in (args.copies or {}).items() if steps is not None}
    if not stated:
        return args.steps
    rest = {} if args.steps is None else dict.fromkeys(args.copies, args.steps)
    return rest | stated
