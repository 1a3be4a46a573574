"""The commands: their modules, and a line of help for each without importing it."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from spikelet.cli.command import Command

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
    "models": "spikelet.cli.models",
    "doctor": "spikelet.cli.doctor",
}
# Commands by use, in the order of the help. Commands that are not listed are in the last group.
GROUPS = {
    "run a bundle": ("models", "run", "events", "watch", "gui"),
    "create a bundle": ("train", "convert", "plan"),
    "measure a bundle": ("inspect", "report", "compare", "energy", "bench", "robustness"),
    "check a bundle and this machine": ("verify", "validate", "doctor"),
    "deploy a bundle": ("export", "deploy", "compile", "keygen", "sign"),
    "research": ("study", "residuals"),
}
OTHER = "other commands"
ENTRY_POINTS = "spikelet.commands"


@cache
def _of_other_packages() -> dict[str, str]:
    """Read the entry points, once for each process: that reads the metadata of all installed distributions."""
    from importlib.metadata import entry_points

    entries = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry_point: entry_point.name)
    return {entry.name: entry.value for entry in entries}


def modules() -> dict[str, str]:
    """Return the modules of all commands by name: those of the runtime, then those of other packages."""
    return {**_of_other_packages(), **COMMANDS}


def names() -> list[str]:
    """Return the names of all commands, those of the runtime first."""
    known = modules()
    return [*COMMANDS, *(name for name in known if name not in COMMANDS)]


def groups() -> dict[str, list[str]]:
    """Return the names of all commands by use."""
    known = names()
    listed = {title: [name for name in members if name in known] for title, members in GROUPS.items()}
    listed[OTHER] = [name for name in known if not any(name in members for members in GROUPS.values())]
    return {title: members for title, members in listed.items() if members}


def find(name: str) -> Command | None:
    """Import the module of one command; None if there is no such command."""
    module = COMMANDS.get(name) or modules().get(name)
    return None if module is None else cast("Command", import_module(module))


def help_line(name: str) -> str:
    """Return `HELP` of a command, which is read from the source of its module."""
    module = modules()[name]
    specification = find_spec(module)
    if specification is not None and specification.origin is not None and specification.origin.endswith(".py"):
        line = re.search(r'^HELP = (".*")$', Path(specification.origin).read_text("utf-8"), re.MULTILINE)
        if line is not None:
            return str(ast.literal_eval(line[1]))
    return cast("Command", import_module(module)).HELP
