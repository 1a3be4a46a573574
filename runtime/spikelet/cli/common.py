"""What the verbs share: arguments, data, tables, progress."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any


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


def command_line(args: argparse.Namespace) -> str:
    """The running command, as it may be repeated in a shell."""
    return shlex.join(["spikelet", *args.argv])


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
