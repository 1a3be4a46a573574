"""The command line: `spikelet COMMAND …`.

A command is a module with `HELP`, `EXAMPLE`, `configure` and `run`. Other packages add commands as entry points.
Exit codes: 0 success, 1 the work failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from spikelet import signing
from spikelet.bounds.limits import in_environment
from spikelet.cli.common import Command, add_limits
from spikelet.cli.console import tolerate
from spikelet.errors import SpikeletError, UsageError, out_of_memory
from spikelet.version import __version__

# Commands of the runtime: name, module. Other packages add theirs as entry points.
COMMANDS = {
    "inspect": "spikelet.cli.analysis.inspect",
    "verify": "spikelet.cli.analysis.verify",
    "run": "spikelet.cli.inference.run",
    "events": "spikelet.cli.inference.events",
    "energy": "spikelet.cli.analysis.energy",
    "report": "spikelet.cli.analysis.report",
    "compare": "spikelet.cli.analysis.compare",
    "robustness": "spikelet.cli.analysis.robustness",
    "bench": "spikelet.cli.inference.bench",
    "compile": "spikelet.cli.deployment.compile",
    "export": "spikelet.cli.deployment.export",
    "deploy": "spikelet.cli.deployment.deploy",
    "watch": "spikelet.cli.inference.watch",
    "keygen": "spikelet.cli.keys.keygen",
    "sign": "spikelet.cli.keys.sign",
    "doctor": "spikelet.cli.doctor",
}
ENTRY_POINTS = "spikelet.commands"
OUT_OF_MEMORY = "out of memory; use fewer images at a time (--count), or a machine with more memory"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: arguments without the name of the program; by default those of the process.
    """
    tolerate()
    try:
        argv = sys.argv[1:] if argv is None else argv
        args = build_parser().parse_args(argv)
        args.argv = list(argv)
    except MemoryError:
        print("spikelet: out of memory", file=sys.stderr)
        return 1
    try:
        limits = in_environment(args.max_memory, args.max_operations)
        with limits, signing.required_here() if args.require_signature else nullcontext():
            command: Command = args.command
            return command.run(args)
    except SpikeletError as error:
        return _fail(args, str(error), 2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output has ended
        return 1
    except KeyboardInterrupt:
        return _fail(args, "interrupted", 130)
    except Exception as error:
        if out_of_memory(error):
            return _fail(args, OUT_OF_MEMORY, 1)
        if isinstance(error, OSError):
            return _fail(args, f"{error.filename or 'input/output'}: {error.strerror or error}", 1)
        raise


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all installed commands."""
    parser = argparse.ArgumentParser(
        prog="spikelet",
        description="Convert a trained network into a spiking network, and run it anywhere.",
        epilog="example: spikelet run vgg9-cifar10.snnb --steps 8",
    )
    parser.add_argument("--version", action="version", version=f"spikelet {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _commands().items():
        subparser = subparsers.add_parser(
            name,
            help=command.HELP,
            description=command.__doc__,
            epilog=f"example: {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(subparser)
        subparser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        subparser.add_argument(
            "--require-signature",
            action="store_true",
            help="refuse bundles that are not signed by a key in SPIKELET_TRUSTED_KEYS",
        )
        add_limits(subparser)
        subparser.set_defaults(command=command)
    return parser


def _commands() -> dict[str, Command]:
    commands = {name: cast("Command", import_module(module)) for name, module in COMMANDS.items()}
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry_point: entry_point.name):
        commands.setdefault(entry_point.name, entry_point.load())
    return commands


def _fail(args: argparse.Namespace, message: str, code: int) -> int:
    name = args.command.__name__.rpartition(".")[2]
    if args.json:
        print(json.dumps({"error": message}))
    print(f"spikelet {name}: {message}", file=sys.stderr)
    return code
