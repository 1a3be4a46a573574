"""Write a bundle as plain ONNX files: one time-step with its weights, the initial states, and a loop that runs them.

The files need only an ONNX runtime. README.md contains the loop in Python and C++.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet.cli.common import bundle_file, emit
from spikelet.errors import UsageError

HELP = "ONNX: one time-step, states in and out"
EXAMPLE = "spikelet export onnx vgg9-cifar10 vgg9-onnx/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the format's arguments."""
    parser.add_argument("bundle", type=bundle_file, metavar="BUNDLE")
    parser.add_argument("folder", type=Path, metavar="DIR", help="output folder, created if it does not exist")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet_converters.exports import onnx

    if args.folder.exists() and not args.folder.is_dir():
        raise UsageError(f"{args.folder}: is a file; name a folder")
    paths = onnx.export(bundles.read(args.bundle), args.folder)
    facts = {"bundle": str(args.bundle), "files": {path.name: path.stat().st_size for path in paths}}
    emit(args, facts, "\n".join(f"wrote {path}, {path.stat().st_size:,} bytes" for path in paths))
    return 0
