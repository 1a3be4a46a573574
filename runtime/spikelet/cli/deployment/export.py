"""Export a bundle to another format: `spikelet export FORMAT BUNDLE OUT`.

Each format is a module; other packages add formats as entry points.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from spikelet.cli.command import Command, configure_command

HELP = "export a bundle to another format"
EXAMPLE = "spikelet export c vgg9-cifar10 firmware/ --mcu"

OWN = {"c": "spikelet.cli.deployment.export_c"}
ENTRY_POINTS = "spikelet.exports"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every format."""
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    for name, module in _formats().items():
        parser_of_format = formats.add_parser(name, help=module.HELP)
        configure_command(parser_of_format, module)
        parser_of_format.set_defaults(export=module, program=parser_of_format.prog)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    export: Command = args.export
    return export.run(args)


def _formats() -> dict[str, Command]:
    programs = {name: cast("Command", import_module(module)) for name, module in OWN.items()}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        programs.setdefault(entry.name, entry.load())
    return programs
