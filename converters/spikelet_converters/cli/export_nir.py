"""Write a bundle as NIR (Neuromorphic Intermediate Representation).

NIR does not represent reset by subtraction, initial potentials or ties that fire. The annotated form stores them in the
file's metadata, from which `spikelet convert` restores the identical network; the differences in other readers are
printed. The normalised form is the same for a network in float32 with thresholds of 1, which snnTorch and SpikingJelly
need. The expressed form uses NIR's own nodes, with feedback where a threshold is subtracted.
"""

from __future__ import annotations

import argparse

from spikelet.cli.arguments import above_zero, add_bundle
from spikelet.cli.output_files import check_output_file, output_argument
from spikelet.cli.printing import emit
from spikelet_converters.choices import NIR_FORMS, TIME_STEP

HELP = "NIR, annotated for a lossless import"
EXAMPLE = "spikelet export nir vgg9-cifar10 vgg9.nir"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the format's arguments."""
    add_bundle(parser)
    output_argument(parser, "OUT.nir", "file to write")
    parser.add_argument("--form", choices=NIR_FORMS, default="annotated", help="form of the file (default annotated)")
    parser.add_argument(
        "--dt", type=above_zero, default=TIME_STEP, metavar="S", help="length of a time-step in seconds (default 1e-4)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet_converters.exports import nir

    check_output_file(args.output, ".nir")
    differences = nir.export(bundles.read(args.bundle), args.output, args.form, args.dt)
    facts = {"bundle": str(args.bundle), "output": str(args.output), "form": args.form, "warnings": differences}
    lines = [f"wrote {args.output}, {args.output.stat().st_size:,} bytes, {args.form}"]
    emit(args, facts, "\n".join([*lines, *(f"note: {difference}" for difference in differences)]))
    return 0
