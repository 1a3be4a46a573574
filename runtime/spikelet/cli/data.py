"""Options of commands that read images, and the selection of these images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import LAYOUTS, SPLITS, Split
from spikelet.cli.arguments import above_zero
from spikelet.errors import SpikeletError, UsageError
from spikelet.escapes import printable
from spikelet.files.reading import read_text
from spikelet.options import span
from spikelet.shipped import find_data

if TYPE_CHECKING:
    from spikelet.bundle import Bundle
    from spikelet.data import DataOptions, ImageSet


def add_data_options(
    parser: argparse.ArgumentParser,
    *,
    classes: bool = True,
    split: bool = True,
    range_default: str = "that of the bundle",
) -> None:
    """Add --split, --layout, --white, --range and --classes.

    Args:
        parser: Parser of the command.
        classes: Whether to add --classes.
        split: Whether to add --split.
        range_default: What holds without --range, for its help.
    """
    group = parser.add_argument_group("images")
    if split:
        group.add_argument(
            "--split", choices=SPLITS, help="split of data with several (default: test, or valid if there is no test)"
        )
    group.add_argument("--layout", choices=LAYOUTS, default="auto", help="axes of an array, if several layouts fit")
    group.add_argument(
        "--white", type=above_zero, metavar="V", help="pixel value of white, such as 1 or 65535 (default: by bit depth)"
    )
    group.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help=f"values of an array that become 0 and 255, for measured data (default: {range_default})",
    )
    if classes:
        group.add_argument(
            "--classes",
            type=class_names,
            metavar="NAMES|FILE",
            help="class names by index, separated by commas or one per line of a file, if the bundle has none",
        )


def class_names(text: str) -> tuple[str, ...]:
    """Argument type: names separated by commas, or the lines of a text file."""
    path = Path(text)
    try:
        is_file = path.is_file()
        lines = read_text(path, "text").removeprefix("\ufeff").splitlines() if is_file else text.split(",")
    except (OSError, ValueError) as error:  # a name that is too long
        raise argparse.ArgumentTypeError(f"{text}: cannot be read as names ({error})") from None
    except SpikeletError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    names = tuple(printable(line.strip()) for line in lines if line.strip())
    if not is_file and len(names) == 1 and path.suffix:
        raise argparse.ArgumentTypeError(f"{text}: no such file, and a single name; expected two or more names")
    if len(names) < 2 or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"expected two or more different names, found {text!r}")
    return names


def data_options(args: argparse.Namespace, provenance: Mapping[str, object] | None = None) -> DataOptions:
    """Return the options of the readers.

    Args:
        args: Arguments of the command.
        provenance: Provenance of a bundle or checkpoint, which may state a range of values and sound features.

    Raises:
        UsageError: --range is not a valid range, or is given together with --white.
    """
    from spikelet.data import stated_options

    stated = replace(stated_options(provenance or {}), layout=args.layout, white=args.white)
    if args.range is None:
        return stated if args.white is None else replace(stated, span=None)
    if args.white is not None:
        raise UsageError("--white is for pixels and --range for measured values; give one of the two")
    return replace(stated, span=span("--range", args.range))


def labels_for(args: argparse.Namespace, classes: int, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the class names of the bundle, or those of --classes.

    Args:
        args: Arguments of the command.
        classes: Number of classes of the network.
        labels: Class names of the bundle, or None.

    Raises:
        UsageError: The bundle has other names, or the network has another number of classes.
    """
    if args.classes is None:
        return labels
    if labels is not None and labels != args.classes:
        raise UsageError(f"--classes: the network has the classes {', '.join(labels)}; omit --classes")
    if len(args.classes) != classes:
        raise UsageError(f"--classes: found {len(args.classes)} names, the network has {classes} classes")
    names: tuple[str, ...] = args.classes
    return names


def find_images(
    args: argparse.Namespace,
    path: Path | None,
    bundle: Bundle,
    count: int | None,
) -> ImageSet:
    """Return the images of a path, or the shipped images that fit, with labels that are indices of the classes.

    Args:
        args: Arguments of the command.
        path: The data, or None for the shipped images.
        bundle: The network, with the names of its classes and the range of measured values.
        count: Largest number of images, or None for all.

    Raises:
        UsageError: --classes does not fit, no shipped images fit, or an option describes data that are not named.
        DataError: The data cannot be read, or its classes are not those of the network.
    """
    if path is None:
        _refuse_options_of_data(args)
    graph, described = bundle.graph, bundle.manifest
    names = labels_for(args, graph.classes, described.labels)
    split: Split = args.split or "auto"
    options = data_options(args, described.provenance)
    return find_data(path, graph.input.shape, names, count, split, graph.classes, options)


def _refuse_options_of_data(args: argparse.Namespace) -> None:
    """Raise UsageError for an option that would have no effect on the shipped images."""
    given = {
        f"--split {args.split}": args.split not in (None, "test"),
        f"--layout {args.layout}": args.layout != "auto",
        "--white": args.white is not None,
        "--range": args.range is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(
                f"{option}: describes images of your own, and none are named; the shipped ones are a sample of the "
                "test split"
            )
