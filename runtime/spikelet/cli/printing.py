"""What a command prints: its result as text or JSON, and a progress bar."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path

from spikelet.escapes import encodable, printable


@contextmanager
def only_results(args: argparse.Namespace) -> Iterator[None]:
    """Keep standard output for what `emit` prints if --json was given.

    What else is printed, such as by `print` in the code of a network, goes to standard error.
    """
    args.results = sys.stdout
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        yield


def emit(args: argparse.Namespace, value: Mapping[str, object], text: str, flush: bool = False) -> None:
    """Print `value` as JSON if --json was given, else `text`, with control characters escaped.

    Newlines in the names of files that the command line states are escaped too, so that they begin no line.
    """
    for name in sorted(_names(args), key=len, reverse=True):
        text = text.replace(name, printable(name))
    print(json_text(value) if args.json else printable(text, "\n\t"), file=args.results, flush=flush)


def json_text(value: Mapping[str, object], indent: int | None = None) -> str:
    """Return JSON that strict readers accept, whatever the names of files are; one line without `indent`."""
    return json.dumps(encodable(value), indent=indent, allow_nan=False)


def _names(args: argparse.Namespace) -> set[str]:
    """Return the arguments that contain line breaks or tabs, and the names of files and folders in them."""
    names: set[str] = set()
    for value in vars(args).values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, str | Path):
                names.update((str(item), Path(item).stem, *Path(item).parts))
    return {name for name in names if not {"\n", "\t"}.isdisjoint(name)}


class Progress:
    """A progress bar on standard error; silent if that is not a terminal."""

    def __init__(self, label: str, quiet: bool = False) -> None:
        self.label = label
        self.shown = not quiet and sys.stderr.isatty()
        self.started = time.monotonic()
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` items are finished."""
        now = time.monotonic()
        if not self.shown or (now - self.last < 0.1 and done < total):
            return
        self.last = now
        # trailing spaces overwrite the rest of a longer line
        left = f", {(now - self.started) * (total - done) / done:.0f} s left" if done else ""
        filled = 30 * done // total
        bar = "█" * filled + "·" * (30 - filled)
        end = "\n" if done >= total else ""
        print(f"\r{self.label} {bar} {done}/{total}{left}    ", end=end, file=sys.stderr, flush=True)
