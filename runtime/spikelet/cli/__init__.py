"""The command line: `spikelet VERB …`. One module a verb; other rooms add verbs as entry points.

Exit codes: 0 done, 1 the work failed, 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from spikelet import signing
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
OUT_OF_MEMORY = "out of memory; try fewer images at a time (--count), or a machine with more"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        argv = sys.argv[1:] if argv is None else argv
        args = build_parser().parse_args(argv)
        args.argv = list(argv)
    except MemoryError:
        print("spikelet: out of memory", file=sys.stderr)
        return 1
    try:
        with signing.required_here() if args.require_signature else nullcontext():
            return int(args.verb.run(args))
    except SpikeletError as error:
        return _fail(args, str(error), 2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has left: nothing more to say
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
    """The parser of all verbs that are installed."""
    parser = argparse.ArgumentParser(
        prog="spikelet",
        description="Convert a trained network into a spiking one, and run it anywhere.",
        epilog="example: spikelet run vgg9-cifar10.snnb --steps 8",
    )
    parser.add_argument("--version", action="version", version=f"spikelet {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, verb in _verbs().items():
        sub = verbs.add_parser(
            name,
            help=verb.HELP,
            description=verb.__doc__,
            epilog=f"example: {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.configure(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        sub.add_argument(
            "--require-signature",
            action="store_true",
            help="read no bundle without the signature of a key that SPIKELET_TRUSTED_KEYS names",
        )
        sub.set_defaults(verb=verb)
    return parser


def _verbs() -> dict[str, Any]:
    found = {name: import_module(module) for name, module in COMMANDS.items()}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        found.setdefault(entry.name, entry.load())
    return found


def _fail(args: argparse.Namespace, message: str, code: int) -> int:
    name = args.verb.__name__.rpartition(".")[2]
    if args.json:
        print(json.dumps({"error": message}))
    print(f"spikelet {name}: {message}", file=sys.stderr)
    return code
