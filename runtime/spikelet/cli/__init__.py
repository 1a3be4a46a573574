"""The command line: `spikelet COMMAND …`.

A command is a module with `HELP`, `EXAMPLE`, `configure` and `run`. Other packages add commands as entry points. Only
the module of the command that runs is imported.

Exit codes are 0 for success, 1 for a failure, and 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress

from spikelet.cli import completion, registry
from spikelet.cli.arguments import add_limits
from spikelet.cli.command import Command, configure_command
from spikelet.cli.console import discard_output, discard_output_after, finish, replace_unencodable
from spikelet.cli.output_files import refuse_overwriting
from spikelet.cli.parser import Parser, WrongCall, suggestion
from spikelet.cli.printing import json_text, only_results
from spikelet.errors import SpikeletError, UsageError, out_of_memory, unstated_cause
from spikelet.escapes import printable
from spikelet.version import __version__

PROGRAM = "spikelet"
ABOUT = "Convert a trained network into a spiking network, and run it anywhere."
EXAMPLE = "spikelet run vgg9-cifar10 --steps 8"
NO_MEMORY = b"spikelet: out of memory\n"
OUT_OF_MEMORY = (
    "out of memory; use fewer images or time-steps at a time (--count, --batch, --steps), or a machine with more memory"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: Arguments without the name of the program; by default those of the process.

    Raises:
        SystemExit: Help or the version was printed.
    """
    replace_unencodable()
    try:
        return finish(_main(argv))
    except SystemExit as stop:
        raise SystemExit(finish(0 if stop.code is None else int(stop.code))) from None
    except OSError as error:  # the help cannot be printed
        return discard_output_after(error)
    except MemoryError:  # while the command line was read, or an error was printed
        with suppress(OSError):
            os.write(2, NO_MEMORY)  # allocates nothing, unlike print
        return 1


def _main(argv: Sequence[str] | None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if completion.requested():
        completion.complete(build_parser())
    try:
        args = parse(argv)
    except WrongCall as error:
        return _failed(error.program, str(error), "--json" in argv, 2)
    try:
        from spikelet import signing
        from spikelet.limits import in_environment

        limits = in_environment(args.max_memory, args.max_operations)
        with only_results(args), limits, signing.required_here() if args.require_signature else nullcontext():
            command: Command = args.command
            refuse_overwriting(args)
            return command.run(args)
    except SpikeletError as error:
        return _failed(args.program, str(error), args.json, 2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        discard_output()  # the reader of the output has ended
        return 1
    except KeyboardInterrupt as stop:
        return _failed(args.program, str(stop) or "interrupted", args.json, 130)
    except Exception as error:
        if out_of_memory(error):
            return _failed(args.program, OUT_OF_MEMORY + unstated_cause(error), args.json, 1)
        if isinstance(error, OSError):
            return _failed(args.program, f"{error.filename or 'input/output'}: {error.strerror or error}", args.json, 1)
        raise


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. The result also contains the command and the whole line.

    Raises:
        WrongCall: There is no such command, or the arguments do not fit it.
        SystemExit: Help or the version was printed.
    """
    if not argv or argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    name = argv[0]
    command = None if name.startswith("-") else registry.find(name)
    if command is None:
        parser = _overview()
        parser.parse_known_args([text for text in argv[:1] if text.startswith("-")])
        if name.startswith("-"):
            raise WrongCall(PROGRAM, f"unknown option {name}{suggestion(name, ('--help', '--version'))}")
        raise WrongCall(PROGRAM, f"unknown command {name!r}{suggestion(name, registry.names())}")
    parser = Parser(prog=f"{PROGRAM} {name}")
    _configure(parser, command)
    args = parser.parse(argv[1:])
    args.argv = list(argv)
    return args


def build_parser() -> Parser:
    """Build the parser of all installed commands."""
    parser = Parser(prog=PROGRAM, description=ABOUT, epilog=f"example: {EXAMPLE}")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in registry.names():
        command = registry.find(name)
        assert command is not None
        _configure(subparsers.add_parser(name, help=command.HELP), command)
    return parser


def _overview() -> Parser:
    """Build a parser that prints the list of commands; no command is imported."""
    groups = "\n\n".join(
        "\n".join([f"{title}:", *(f"  {name:<14}{registry.help_line(name)}" for name in names)])
        for title, names in registry.groups().items()
    )
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] COMMAND …",
        description=f"{ABOUT}\n\n{groups}",
        epilog=f"{PROGRAM} COMMAND --help explains a command.\nexample: {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _configure(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the texts and arguments of a command, and the arguments that every command has."""
    configure_command(parser, command)
    parser.add_argument(
        "--require-signature",
        action="store_true",
        help="refuse bundles that are not signed by a key in SPIKELET_TRUSTED_KEYS",
    )
    add_limits(parser)
    parser.set_defaults(command=command, program=parser.prog)


def _failed(program: str, message: str, as_json: bool, code: int) -> int:
    """Print an error, and return the exit code."""
    if as_json:
        try:
            print(json_text({"error": message}), flush=True)
        except OSError:  # the output itself may have failed
            discard_output()
    print(printable(f"{program}: {message}"), file=sys.stderr)  # one line, whatever the names of files are
    return code
