"""Arguments that name the output of a command, and checks before it is written."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.atomic import not_written

README = "README.md"


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


def check_output_file(path: Path, *suffixes: str) -> None:
    """Check that a file can be written, before the work whose result it is.

    Args:
        path: The file.
        suffixes: Suffixes of which its name must have one, such as ".html"; without any, all names are accepted.

    Raises:
        UsageError: The path is a folder, is in no folder, or has another suffix.
        SpikeletError: The folder or its file system accepts no new file.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{path.parent}: no such folder")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; expected the name of a file")
    if suffixes and path.suffix.lower() not in suffixes:
        listed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise UsageError(f"{path}: expected a name that ends in {listed}")
    if path.exists() and not path.is_file():
        return  # a device or a pipe
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise not_written(path, error) from None


def check_output_folder(path: Path, *file_suffixes: str) -> None:
    """Check that a path can be the output folder of a command.

    Args:
        path: The folder, which need not exist.
        file_suffixes: Suffixes of files that a user may expect instead of a folder, such as ".onnx".

    Raises:
        UsageError: The path is a file, or a new name with one of the suffixes.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path}: is a file; name a folder")
    if not path.exists() and path.suffix.lower() in file_suffixes:
        raise UsageError(f"{path}: is the name of a file, and the output is a folder; omit {path.suffix}")


def keep_other_files(folder: Path, names: Iterable[str], command: str) -> None:
    """Check that only files of an earlier export are replaced, by its README.md, which names the command.

    Args:
        folder: The output folder, which need not exist.
        names: Paths of the files below it that will be written.
        command: The command, such as "spikelet export c".

    Raises:
        UsageError: A file exists that is not part of an earlier export.
    """
    readme = folder / README
    if readme.is_file() and mark(command) in readme.read_text("utf-8", errors="replace"):
        return
    for name in names:
        if (folder / name).exists():
            raise UsageError(
                f"{folder / name}: already exists, and is not part of an earlier export; choose another folder, or "
                "remove the file"
            )


def mark(command: str) -> str:
    """Return the words by which the README.md of an export is recognised."""
    return f"ritten by `{command}`"
