"""Argument types, output and progress bar of all commands."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from spikelet import limits
from spikelet.cli.parser import suggestion
from spikelet.display import printable, shell_line, without_folders
from spikelet.errors import SpikeletError, UsageError

JSON = "print one JSON object and nothing else"


class Command(Protocol):
    """Interface of a command's module; its docstring is the description in `--help`.

    Attributes:
        HELP: One line for the list of commands.
        EXAMPLE: A complete command line.
        JSON: Help of the option --json, if it prints more than one object.
    """

    HELP: str
    EXAMPLE: str
    __name__: str
    __doc__: str | None

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command; returns the exit code."""


class _Output(argparse.Action):
    """Argparse action of an output that may be given as the last argument or as an option, and is required once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"-o: the output is given twice, as {getattr(namespace, self.dest)} and as {values}")
        setattr(namespace, self.dest, values)
        for action in parser._actions if self.option_strings else ():
            if isinstance(action, _Output):
                action.required = False  # the last argument


def output_argument(parser: argparse.ArgumentParser, metavar: str, hint: str) -> None:
    """Add the output of a command, `args.output`: its last argument, or the option -o as in other commands."""
    parser.add_argument("output", type=Path, action=_Output, metavar=metavar, help=hint)
    parser.add_argument(
        "-o", "--output", type=Path, action=_Output, metavar=metavar, help=f"same as the last argument, {metavar}"
    )


def refuse_overwriting(args: argparse.Namespace) -> None:
    """Raise UsageError if the output of a command is a file that is also one of its inputs."""
    output = getattr(args, "output", None)
    if not isinstance(output, Path) or not output.is_file():
        return
    for name, value in vars(args).items():
        for path in value if isinstance(value, list | tuple) else [value]:
            if name != "output" and isinstance(path, Path) and path.is_file() and path.samefile(output):
                raise UsageError(f"{output}: is an input of the command; expected another file as its output")


def check_output_file(path: Path) -> None:
    """Check that a file can be written, before the work whose result it is.

    Raises:
        UsageError: The path is a folder, or is in no folder.
        SpikeletError: The folder or its file system accepts no new file.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{path.parent}: no such folder")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; expected the name of a file")
    if path.exists() and not path.is_file():
        return  # a device or a pipe
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SpikeletError(f"{path}: could not be written ({error.strerror or error})") from None


def configure_command(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the texts and arguments of a command, and `--json`."""
    parser.description, parser.epilog = command.__doc__, f"example: {command.EXAMPLE}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.configure(parser)
    parser.add_argument("--json", action="store_true", help=getattr(command, "JSON", JSON))


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


def emit(args: argparse.Namespace, value: Mapping[str, object], text: str) -> None:
    """Print `value` as JSON if --json was given, else `text`, with control characters escaped.

    Newlines in the names of files that the command line states are escaped too, so that they begin no line.
    """
    for name in sorted(_names(args), key=len, reverse=True):
        text = text.replace(name, printable(name))
    print(json.dumps(value, allow_nan=False) if args.json else printable(text, "\n\t"))


def _names(args: argparse.Namespace) -> set[str]:
    """Return the arguments that contain line breaks or tabs, and the names of files and folders in them."""
    names: set[str] = set()
    for value in vars(args).values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, str | Path):
                names.update((str(item), Path(item).stem, *Path(item).parts))
    return {name for name in names if not {"\n", "\t"}.isdisjoint(name)}


def command_line(args: argparse.Namespace) -> str:
    """Return the running command as a line for a shell, with control characters escaped."""
    return shell_line(["spikelet", *args.argv])


def stored_command(args: argparse.Namespace) -> str:
    """Return the running command as checkpoints, bundles and results store it: without the folders of the author."""
    return shell_line(["spikelet", *without_folders(args.argv)])


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
