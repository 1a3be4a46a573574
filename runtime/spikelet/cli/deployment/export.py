"""Write a bundle in another form: `spikelet export FORMAT BUNDLE OUT`.

One module a format; other rooms add theirs as entry points.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

HELP = "write a bundle in another form"
EXAMPLE = "spikelet export c vgg9-cifar10.snnb firmware/ --mcu"

OWN = {"c": "spikelet.cli.deployment.export_c"}
ENTRY_POINTS = "spikelet.exports"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb: those of each format."""
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
    """Do it."""
    return int(args.export.run(args))


def _formats() -> dict[str, Any]:
    found = {name: import_module(module) for name, module in OWN.items()}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        found.setdefault(entry.name, entry.load())
    return found
