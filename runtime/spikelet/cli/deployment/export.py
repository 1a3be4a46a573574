"""Export a bundle to another format: `spikelet export FORMAT BUNDLE OUT`.

Each format is a module; other packages add formats as entry points.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from spikelet.cli.common import Command

HELP = "export a bundle to another format"
EXAMPLE = "spikelet export c vgg9-cifar10 firmware/ --mcu"

OWN = {"c": "spikelet.cli.deployment.export_c"}
ENTRY_POINTS = "spikelet.exports"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every format."""
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    for name, module in _formats().items():
        sub = formats.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=f"example: {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        sub.set_defaults(export=module)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    export: Command = args.export
    return export.run(args)


def _formats() -> dict[str, Command]:
    programs = {name: cast("Command", import_module(module)) for name, module in OWN.items()}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        programs.setdefault(entry.name, entry.load())
    return programs
