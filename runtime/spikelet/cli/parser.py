"""An argument parser with errors of one line: the problem, a suggestion, and the command that prints the help."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

LIKE = 0.6  # least share of equal letters of a suggestion
SYNONYMS = {
    "T": "--steps", "time-steps": "--steps", "timesteps": "--steps", "batch-size": "--batch",
    "info": "inspect", "show": "inspect", "predict": "run", "test": "run", "list": "models", "benchmark": "bench",
}  # fmt: skip
"""Names that other programs, and publications, have for an option or a command."""


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

    def __str__(self) -> str:
        """Return the reason, and the command that prints the help."""
        return f"{self.reason} ({self.program} --help)"


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

    def _program(self, argv: Sequence[str]) -> str:
        """Return the command of a command line with its subcommand, such as "spikelet export c"."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and argv and argv[0] in action.choices:
                return str(action.choices[argv[0]].prog)
        return self.prog

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse a command line.

        Raises:
            WrongCall: There is an option or argument that the command does not have, or an argument is empty, such as
            from an unset variable of the shell.
        """
        program = self._program(argv)
        if "" in argv:
            before = argv[argv.index("") - 1] if argv.index("") else "the command"
            raise WrongCall(program, f"the argument after {before} is empty; expected a name or a value")
        known = options(self)
        for text in itertools.takewhile(lambda text: text != "--", argv):
            option = text.partition("=")[0]
            if option.startswith("--") and not any(name.startswith(option) for name in known):
                hint = self._argument_hint(option) or suggestion(option, known)
                raise WrongCall(program, f"unknown option {option}{hint}")
        args, unknown = self.parse_known_args(argv)
        if unknown and not any(action.nargs == argparse.PARSER for action in self._actions):
            # an optional argument may follow an option: run BUNDLE --steps 8 DATA
            args, unknown = self.parse_known_intermixed_args(argv)
        if unknown:
            kind = "unknown option" if unknown[0].startswith("-") else "unexpected argument"
            hint = suggestion(unknown[0], known) if kind == "unknown option" else self._option_hint(unknown[0])
            raise WrongCall(program, f"{kind} {unknown[0]}{hint}")
        return args

    def _argument_hint(self, option: str) -> str:
        """Return a hint if an option has the name of a positional argument, such as --data for DATA, else ""."""
        name = option.lstrip("-").upper()
        for action in self._get_positional_actions():
            if re.search(rf"\b{re.escape(name)}\b", f"{action.metavar} {action.help}"):
                return f"; {name} is an argument without an option"
        return ""

    def _option_hint(self, argument: str) -> str:
        """Return a hint if an argument is a file and the command takes data as an option, else ""."""
        if "--data" in self._option_string_actions and Path(argument).exists():
            return f"; did you mean --data {argument}?"
        return ""


def suggestion(text: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" with the most similar of some texts, those that begin with the text, or "".

    Leading dashes are not compared.
    """
    stripped = {name.lstrip("-"): name for name in known}
    bare = text.lstrip("-")
    if SYNONYMS.get(bare) in stripped.values():
        return f"; did you mean {SYNONYMS[bare]}?"
    nearest = get_close_matches(bare, list(stripped), 1, LIKE)
    names = nearest or [name for name in stripped if len(bare) > 1 and name.startswith(bare)]
    return f"; did you mean {' or '.join(stripped[name] for name in names)}?" if names else ""


def options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a parser and of its subcommands."""
    names: list[str] = []
    for action in parser._actions:
        names += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            names += [name for sub in action.choices.values() for name in options(sub)]
    return names
