"""Argument types, and options that several commands have."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from spikelet import limits
from spikelet.choices import ENGINES
from spikelet.cli.parser import suggestion


def existing(text: str) -> Path:
    """Argument type: an existing path."""
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file or folder")
    return path


def bundle_file(text: str) -> Path:
    """Argument type: an existing path, or the name of a shipped bundle."""
    from spikelet import shipped

    path = shipped.located(Path(text))
    if path.exists():
        return path
    names = [bundle.stem for bundle in shipped.bundles()]
    hint = ""
    if names:
        hint = suggestion(text.removesuffix(".snnb"), names) or f"; shipped bundles: {', '.join(names)}"
    raise argparse.ArgumentTypeError(f"{text}: no such file or folder{hint}")


def positive(text: str) -> int:
    """Argument type: an integer of 1 or more."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text!r}")
    return value


def number(text: str) -> float:
    """Argument type: a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return value


def above_zero(text: str) -> float:
    """Argument type: a finite number above 0, such as a duration."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return value


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Add the argument BUNDLE."""
    parser.add_argument(
        "bundle", type=bundle_file, metavar="BUNDLE", help="bundle file, or the name of a shipped bundle"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the optional argument DATA."""
    parser.add_argument(
        "data",
        type=existing,
        metavar="DATA",
        nargs="?",
        help="images, arrays or recordings (default: the shipped images that fit the network)",
    )


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Add the option --steps."""
    parser.add_argument("--steps", type=positive, metavar="T", help="time-steps T (default: that of the bundle)")


def add_count(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """Add the option --count; None as the default uses all images."""
    parser.add_argument(
        "--count",
        type=positive,
        default=default,
        metavar="N",
        help=f"use N images, drawn with a fixed seed (default: {default or 'all'})",
    )


def add_early_exit(parser: argparse._ActionsContainer) -> None:
    """Add the option --early-exit."""
    parser.add_argument(
        "--early-exit",
        type=number,
        metavar="MARGIN",
        help="stop when the mean logit of the best class is MARGIN or more above the second",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the option --engine."""
    parser.add_argument(
        "--engine",
        choices=["auto", *ENGINES],
        default="auto",
        help="engine to use (default auto: the first available one of native, onnx and numpy)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option --threads."""
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="number of threads (onnx: per operator; numpy: per batch; native: per batch or image)",
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options --max-memory and --max-operations."""
    parser.add_argument(
        "--max-memory",
        type=_memory,
        metavar="BYTES",
        help=f"refuse networks and runs that need more, such as 8G (default {limits.DEFAULT_MEMORY >> 30}G)",
    )
    parser.add_argument(
        "--max-operations",
        type=_operations,
        metavar="N",
        help="refuse networks that need more operations per image and time-step, such as 200G (default 100G)",
    )


def _memory(text: str) -> int:
    return _limit(text, 1024)


def _operations(text: str) -> int:
    return _limit(text, 1000)


def _limit(text: str, unit: int) -> int:
    try:
        return limits.parse(text, unit)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
