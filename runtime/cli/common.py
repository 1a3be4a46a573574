"""What the verbs share: arguments, data, tables, progress."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikelet import shipped
from spikelet.data import ImageSet, read
from spikelet.errors import DataError, UsageError
from spikelet.nodes import Shape

SHUFFLE_SEED = 0


def existing(text: str) -> Path:
    """An argparse type: a path that is there."""
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file or folder")
    return path


def positive(text: str) -> int:
    """An argparse type: a whole number of 1 or more."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text!r}")
    return value


def number(text: str) -> float:
    """An argparse type: a number, neither infinite nor NaN."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return value


def above_zero(text: str) -> float:
    """An argparse type: a number above 0, as a duration is."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return value


def emit(args: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    """Print the JSON object or, without --json, the text."""
    print(json.dumps(value, allow_nan=False) if args.json else text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def find_data(
    path: Path | None, shape: Shape, labels: tuple[str, ...] | None, count: int | None, split: str = "test"
) -> ImageSet:
    """The images a command works on: from `path`, or those that ship and fit; at most `count`, shuffled.

    split: "train" or "test", where a data set has both.

    Raises:
        UsageError: no path, and nothing that ships fits.
    """
    images = shipped.images_for(shape, labels) if path is None else read(path, split, shape)
    if images is None:
        raise UsageError(f"no shipped images fit an input of {shape} with these classes; name a DATA path")
    images = with_labels_of(images, labels)
    return images if count is None else drawn(images, count)


def drawn(images: ImageSet, count: int) -> ImageSet:
    """`count` of the images, or all if there are fewer. Data is often sorted by class: they are drawn, always alike."""
    if count >= len(images):
        return images
    return images.take(np.random.default_rng(SHUFFLE_SEED).permutation(len(images))[:count])


def with_labels_of(images: ImageSet, labels: tuple[str, ...] | None) -> ImageSet:
    """The images with their classes numbered as the network numbers them, by name where both have names."""
    if images.labels is None or labels is None or images.classes is None or images.classes == labels:
        return images
    unknown = [name for name in images.classes if name not in labels]
    if unknown:
        raise DataError(
            f"{images.name}: class {unknown[0]!r} is none of the network's: {', '.join(labels)}; "
            "name the class folders as the network does"
        )
    index = np.array([labels.index(name) for name in images.classes])
    return ImageSet(images.images, index[images.labels], labels, images.name)


def command_line() -> str:
    """The call that is running, as it may be repeated."""
    return shlex.join(["spikelet", *sys.argv[1:]])


class Progress:
    """A bar on the standard error stream of a terminal; nothing elsewhere."""

    def __init__(self, what: str, quiet: bool = False) -> None:
        self.what = what
        self.shown = not quiet and sys.stderr.isatty()
        self.started = time.monotonic()
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are finished."""
        now = time.monotonic()
        if not self.shown or (now - self.last < 0.1 and done < total):
            return
        self.last = now
        # of nothing done no time can be told; the spaces cover a longer line before
        left = f", {(now - self.started) * (total - done) / done:.0f} s left" if done else ""
        filled = 30 * done // total
        bar = "█" * filled + "·" * (30 - filled)
        end = "\n" if done >= total else ""
        print(f"\r{self.what} {bar} {done}/{total}{left}    ", end=end, file=sys.stderr, flush=True)
