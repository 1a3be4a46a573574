"""An argument parser with errors of one line: the problem, a suggestion, and the command that prints the help."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

LIKE = 0.6  # least share of equal letters of a suggestion


class WrongCall(Exception):
    """A command line that cannot be parsed.

    Attributes:
        program: The command, such as "spikelet run".
        reason: The problem.
    """

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(reason)
        self.program = program
        self.reason = reason

    @property
    def line(self) -> str:
        """The message: the command, the reason, and the command that prints the help."""
        return f"{self.program}: {self.reason} ({self.program} --help)"


class Parser(argparse.ArgumentParser):
    """A parser that raises `WrongCall` instead of printing the usage and ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise WrongCall."""
        raise WrongCall(self.prog, message)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Print help. Raises OSError, which argparse ignores since Python 3.11.4."""
        print(message, end="", file=sys.stderr if file is None else file)

    def _get_value(self, action: argparse.Action, arg_string: str) -> object:
        """Convert an argument. An OSError, such as for a file name that is too long, becomes an ArgumentError."""
        try:
            return super()._get_value(action, arg_string)
        except OSError as error:
            raise argparse.ArgumentError(action, f"{arg_string}: {error.strerror or error}") from None

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Raise ArgumentError for a value that is not among the choices, with the most similar choice."""
        choices = [str(choice) for choice in action.choices or ()]
        if action.choices is None or value in action.choices:
            return
        hint = suggestion(str(value), choices) or f"; choose from {', '.join(choices)}"
        raise argparse.ArgumentError(action, f"invalid choice: {value!r}{hint}")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse a command line.

        Raises:
            WrongCall: There is an option or argument that the command does not have, or an argument is empty, such as
            from an unset variable of the shell.
        """
        if "" in argv:
            raise WrongCall(self.prog, "an argument is empty; expected a name or a value")
        known = options(self)
        for text in itertools.takewhile(lambda text: text != "--", argv):
            option = text.partition("=")[0]
            if option.startswith("--") and not any(name.startswith(option) for name in known):
                raise WrongCall(self.prog, f"unknown option {option}{suggestion(option, known)}")
        args, unknown = self.parse_known_args(argv)
        if unknown and not any(action.nargs == argparse.PARSER for action in self._actions):
            # an optional argument may follow an option: run BUNDLE --steps 8 DATA
            args, unknown = self.parse_known_intermixed_args(argv)
        if unknown:
            kind = "unknown option" if unknown[0].startswith("-") else "unexpected argument"
            raise WrongCall(self.prog, f"{kind} {unknown[0]}")
        return args


def suggestion(text: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" with the most similar of some texts, or "". Leading dashes are not compared."""
    stripped = {name.lstrip("-"): name for name in known}
    nearest = get_close_matches(text.lstrip("-"), list(stripped), 1, LIKE)
    return f"; did you mean {stripped[nearest[0]]}?" if nearest else ""


def options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a parser and of its subcommands."""
    names: list[str] = []
    for action in parser._actions:
        names += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            names += [name for sub in action.choices.values() for name in options(sub)]
    return names
