"""Make a folder, or a .tar.gz, that runs a bundle on a board after one command.

It holds the runtime, the bundle, the network compiled for the board where a cross compiler is here, a start script
and a README. For cortex-m it holds C source with a self-test.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
import tempfile
from pathlib import Path

from spikelet import bundle as bundles
from spikelet.cli.common import emit, existing
from spikelet.deployment import TARGETS, deploy
from spikelet.errors import UsageError

HELP = "a folder that runs a bundle on a board"
EXAMPLE = "spikelet deploy vgg9-cifar10.snnb --target raspberrypi -o board.tar.gz"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("--target", required=True, choices=list(TARGETS))
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="a folder that is not there yet, or NAME.tar.gz"
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    output: Path = args.output
    if output.exists():
        raise UsageError(f"{output}: is there already; name another, or remove it")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder")
    bundle = bundles.read(args.bundle)
    packed = output.name.endswith(".tar.gz")
    with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=".spikelet-") as place:
        name = output.name.removesuffix(".tar.gz")
        folder = Path(place, name)
        folder.mkdir()
        said = deploy(bundle, args.bundle, TARGETS[args.target], folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if packed:
            archive = Path(place, output.name)
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(folder, name)
            archive.replace(output)
        else:
            shutil.move(folder, output)
    facts = {"target": args.target, "output": str(output), "bytes": size, "notes": said}
    emit(args, facts, "\n".join([f"{output}: for {TARGETS[args.target].about}, {size / 1e6:.1f} MB", *said]))
    return 0
