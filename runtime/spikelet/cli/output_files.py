"""Arguments that name the output of a command, and checks before it is written."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.atomic import not_written


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
        raise not_written(path, error) from None
