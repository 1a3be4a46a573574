"""Shell completion with argcomplete (`pip install "spikelet[completion]"`).

The shell starts `spikelet` with the variable `_ARGCOMPLETE` and reads the completions of the current command line.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from spikelet.cli.arguments import bundle_file

VARIABLE = "_ARGCOMPLETE"


def requested() -> bool:
    """Return whether a shell requests completions."""
    return VARIABLE in os.environ


def complete(parser: argparse.ArgumentParser) -> None:
    """Print the completions and end the process; does nothing if argcomplete is not installed.

    Args:
        parser: Parser of all commands.
    """
    try:
        import argcomplete
        from argcomplete.completers import FilesCompleter
    except ModuleNotFoundError:
        return
    files = FilesCompleter()

    def bundles(prefix: str, **options: object) -> list[str]:
        from spikelet import shipped

        return [path.stem for path in shipped.bundles() if path.stem.startswith(prefix)] + list(files(prefix))

    for action in actions(parser):
        if action.type is bundle_file:
            action.completer = bundles  # type: ignore[attr-defined]
        action.type = None  # an incomplete argument is not an error
    argcomplete.autocomplete(parser)


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from actions(subparser)
