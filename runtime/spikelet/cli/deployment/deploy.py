"""Write a folder, or a .tar.gz, that runs a bundle on a board with one command.

It contains the runtime, the bundle, the network compiled for the board (if a cross compiler is installed), a start
script and a README. For cortex-m it contains C source with a self-test.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
import tempfile
from pathlib import Path

from spikelet import bundle as bundles
from spikelet.bundle import Bundle
from spikelet.cli.common import emit, existing
from spikelet.deploy.deployment import TARGETS, deploy
from spikelet.errors import SpikeletError, UsageError

HELP = "write a folder that runs a bundle on a board"
EXAMPLE = "spikelet deploy vgg9-cifar10.snnb --target raspberrypi -o board.tar.gz"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("--target", required=True, choices=list(TARGETS))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="new folder, or NAME.tar.gz")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    output: Path = args.output
    if output.exists():
        raise UsageError(f"{output}: already exists; choose another name or remove it")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder")
    bundle = bundles.read(args.bundle)
    try:
        size, notes = _write(bundle, args.bundle, args.target, output)
    except OSError as error:
        reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
        raise SpikeletError(f"{output}: could not be written ({reason})") from error
    facts = {"target": args.target, "output": str(output), "bytes": size, "notes": notes}
    emit(args, facts, "\n".join([f"{output}: for {TARGETS[args.target].about}, {size / 1e6:.1f} MB", *notes]))
    return 0


def _write(bundle: Bundle, source: Path, target: str, output: Path) -> tuple[int, list[str]]:
    """Write the output atomically; return the bytes of all files and the notes."""
    with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=".spikelet-") as temporary:
        name = output.name.removesuffix(".tar.gz")
        folder = Path(temporary, name)
        folder.mkdir()
        notes = deploy(bundle, source, TARGETS[target], folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        complete = folder
        if name != output.name:
            complete = Path(temporary, output.name)
            with tarfile.open(complete, "w:gz") as tar:
                tar.add(folder, name)
        complete.rename(output)
    return size, notes
