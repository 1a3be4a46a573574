"""Write a bundle as plain ONNX files: one time-step with its weights, the initial states, and a loop that runs them.

The files need only an ONNX runtime. README.md contains the loop in Python and C++.
"""

from __future__ import annotations

import argparse

from spikelet.cli.arguments import add_bundle
from spikelet.cli.output_files import check_output_folder, keep_other_files, output_argument
from spikelet.cli.printing import emit

HELP = "ONNX: one time-step, states in and out"
EXAMPLE = "spikelet export onnx vgg9-cifar10 vgg9-onnx/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the format's arguments."""
    add_bundle(parser)
    output_argument(parser, "DIR", "output folder, created if it does not exist")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet_converters.exports import onnx

    check_output_folder(args.output, ".onnx")
    keep_other_files(args.output, onnx.FILES, "spikelet export onnx")
    paths = onnx.export(bundles.read(args.bundle), args.output)
    facts = {"bundle": str(args.bundle), "files": {path.name: path.stat().st_size for path in paths}}
    emit(args, facts, "\n".join(f"wrote {path}, {path.stat().st_size:,} bytes" for path in paths))
    return 0
