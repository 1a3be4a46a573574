"""Write a bundle as NIR (Neuromorphic Intermediate Representation).

NIR has no word for reset by subtraction, initial potentials or ties that fire. The annotated form keeps them in the
file's metadata, from which `spikelet convert` reads the very same network back; what another reader does differently
is printed. The expressed form says them in NIR's own nodes, with feedback where a threshold is subtracted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet import bundle as bundles
from spikelet.cli.common import above_zero, emit, existing
from spikelet_converters.exports import nir

HELP = "NIR, annotated so that it reads back without loss"
EXAMPLE = "spikelet export nir vgg9-cifar10.snnb vgg9.nir"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the format."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("output", type=Path, metavar="OUT.nir")
    parser.add_argument("--form", choices=nir.FORMS, default="annotated", help="(default annotated)")
    parser.add_argument(
        "--dt", type=above_zero, default=nir.DT, metavar="S", help="seconds of a time-step (default 1e-4)"
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    warned = nir.export(bundles.read(args.bundle), args.output, args.form, args.dt)
    facts = {"bundle": str(args.bundle), "output": str(args.output), "form": args.form, "warnings": warned}
    lines = [f"wrote {args.output}, {args.output.stat().st_size:,} bytes, {args.form}"]
    emit(args, facts, "\n".join([*lines, *(f"note: {words}" for words in warned)]))
    return 0
