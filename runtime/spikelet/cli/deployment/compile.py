"""Compile a bundle for the native engine ahead of its first use.

Without --target: for this machine, into the cache where the engine looks. With --target, such as
aarch64-linux-gnu: by that cross compiler, for any processor of the kind, into a folder that goes to the board; there
it is found when the environment variable SPIKELET_CACHE names that folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from spikelet import bundle as bundles
from spikelet.cli.common import emit, existing
from spikelet.engines import native
from spikelet.errors import UsageError

HELP = "compile a bundle for the native engine"
EXAMPLE = "spikelet compile vgg9-cifar10.snnb --target aarch64-linux-gnu -o board/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("--target", metavar="TRIPLET", help="cross compile with TRIPLET-gcc, such as aarch64-linux-gnu")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where a cross compiled library goes")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if (args.target is None) != (args.output is None):
        raise UsageError("--target and -o go together: a library for this machine goes into the cache")
    graph = bundles.read(args.bundle).graph
    started = time.perf_counter()
    if args.target is not None:
        path: Path | None = native.cross_compile(graph, args.target, args.output)
        facts: dict[str, Any] = {"target": args.target, "compiled": True}
    else:
        prepared = native.prepare_graph(graph)
        path = prepared.path
        facts = {"target": None, "compiled": prepared.compiled}
    facts |= {"bundle": str(args.bundle), "library": path and str(path), "seconds": time.perf_counter() - started}
    emit(args, facts, _text(facts))
    return 0


def _text(facts: dict[str, Any]) -> str:
    if facts["library"] is None:
        return f"compiled in {facts['seconds']:.1f} s; it cannot be kept: the cache folder cannot be written"
    if not facts["compiled"]:
        return f"{facts['library']}: was compiled before"
    return f"{facts['library']}: compiled in {facts['seconds']:.1f} s"
