"""Compile a bundle for the native engine before its first use.

Without --target, the library is compiled for this machine and stored in the cache of the engine. With --target, such as
aarch64-linux-gnu, it is cross compiled into a folder for the board, where SPIKELET_CACHE must name that folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from spikelet.cli.arguments import add_bundle
from spikelet.cli.printing import emit
from spikelet.errors import UsageError

HELP = "compile a bundle for the native engine"
EXAMPLE = "spikelet compile vgg9-cifar10 --target aarch64-linux-gnu -o board/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument("--target", metavar="TRIPLET", help="cross compile with TRIPLET-gcc, such as aarch64-linux-gnu")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the cross compiled library")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.engines import native

    if (args.target is None) != (args.output is None):
        raise UsageError("--target and -o require each other: a library for this machine is stored in the cache")
    graph = bundles.read(args.bundle).graph
    started = time.perf_counter()
    if args.target is not None:
        path: Path | None = native.cross_compile(graph, args.target, args.output)
        compiled = True
    else:
        prepared = native.prepare_graph(graph)
        path, compiled = prepared.path, prepared.compiled
    seconds = time.perf_counter() - started
    facts = {
        "target": args.target,
        "compiled": compiled,
        "bundle": str(args.bundle),
        "library": None if path is None else str(path),
        "seconds": seconds,
    }
    emit(args, facts, _text(path, compiled, seconds))
    return 0


def _text(path: Path | None, compiled: bool, seconds: float) -> str:
    if path is None:
        return f"compiled in {seconds:.1f} s; it is not stored: the cache folder is not writable"
    if not compiled:
        return f"{path}: already compiled"
    return f"{path}: compiled in {seconds:.1f} s"
