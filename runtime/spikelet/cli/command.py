"""The interface of a command, and its texts and arguments that every command has."""

from __future__ import annotations

import argparse
from typing import Protocol

from spikelet.escapes import shell_line, without_folders

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


def configure_command(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the texts and arguments of a command, and `--json`."""
    parser.description, parser.epilog = command.__doc__, f"example: {command.EXAMPLE}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.configure(parser)
    parser.add_argument("--json", action="store_true", help=getattr(command, "JSON", JSON))


def command_line(args: argparse.Namespace) -> str:
    """Return the running command as a line for a shell, with control characters escaped."""
    return shell_line(["spikelet", *args.argv])


def stored_command(args: argparse.Namespace) -> str:
    """Return the running command as checkpoints, bundles and results store it: without the folders of the author."""
    return shell_line(["spikelet", *without_folders(args.argv)])
