"""Write a folder, or a .tar.gz, that runs a bundle on a board with one command, or a web page that runs it.

The folder contains the runtime, the bundle, the network compiled for the board (if a cross compiler is installed), a
start script and a README. For cortex-m it contains C source with a self-test. For web, the output is one HTML file that
runs the network as WebAssembly in a browser, without a server; Clang and LLD are required.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet import shipped
from spikelet.cli.arguments import add_bundle, existing
from spikelet.cli.output_files import check_output_file, check_output_folder
from spikelet.cli.printing import emit
from spikelet.deploy.targets import TARGETS, WEB
from spikelet.errors import SpikeletError, UsageError
from spikelet.files.atomic import not_written, replacing

if TYPE_CHECKING:
    from spikelet.bundle import Bundle

HELP = "write a folder that runs a bundle on a board, or a web page"
FILE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".xz", ".7z", ".html", ".htm")  # of names that no folder should have
EXAMPLE = "spikelet deploy vgg9-cifar10 --target raspberrypi -o board.tar.gz"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument("--target", required=True, choices=[*TARGETS, WEB], help="board, or web for a page")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="new folder, NAME.tar.gz, or NAME.html for web"
    )
    parser.add_argument(
        "--images", type=existing, metavar="DATA", help="web: samples in the page (default: shipped images that fit)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles

    output: Path = args.output
    if output.exists():
        raise UsageError(f"{output}: already exists; choose another name or remove it")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder")
    _check_options(args)
    bundle = bundles.read(args.bundle)
    if args.target == WEB:
        return _run_web(args, bundle)
    try:
        size, notes = _write(bundle, args.bundle, args.target, output)
    except shutil.Error as error:  # of copied folders: (source, target, reason) of each file
        raise SpikeletError(f"{output}: could not be written ({error.args[0][0][2]})") from error
    except OSError as error:
        raise not_written(output, error) from error
    facts = {"target": args.target, "output": str(output), "bytes": size, "notes": notes}
    emit(args, facts, "\n".join([f"{output}: for {TARGETS[args.target].about}, {size / 1e6:.1f} MB", *notes]))
    return 0


def _check_options(args: argparse.Namespace) -> None:
    if args.target != WEB and args.images is not None:
        raise UsageError("--images: is an option of --target web")
    if args.target == WEB:
        check_output_file(args.output, ".html", ".htm")
    elif not args.output.name.endswith(".tar.gz"):
        check_output_folder(args.output, *FILE_SUFFIXES)


def _run_web(args: argparse.Namespace, bundle: Bundle) -> int:
    """Write a web page."""
    from spikelet.data import stated_options
    from spikelet.deploy.web import web_page
    from spikelet.deploy.web.payload import takes_bytes

    node = bundle.graph.input
    if args.images is not None and not takes_bytes(bundle.graph):
        raise UsageError(f"--images: the network takes values {node.low}…{node.high}, samples have 0…255")
    shape, labels = bundle.graph.input.shape, bundle.manifest.labels
    fitting = shipped.images_for(shape, labels)
    options = stated_options(bundle.manifest.provenance)
    samples = fitting if args.images is None else shipped.find_data(args.images, shape, labels, None, options=options)
    page = web_page(bundle, samples)
    content = page.html.encode()
    with replacing(args.output) as file:
        file.write(content)
    facts = {
        "target": WEB,
        "output": str(args.output),
        "bytes": len(content),
        "module_bytes": page.module_bytes,
        "parameter_bytes": page.parameter_bytes,
        "inputs": page.inputs,
    }
    text = (
        f"{args.output}: for a web browser, {len(content) / 1e6:.2f} MB: {page.module_bytes / 1e3:.0f} kB of code, "
        f"{page.parameter_bytes / 1e3:.0f} kB of parameters, {page.inputs} inputs to try\n"
        "open the file; it replays the golden inputs and needs no server"
    )
    emit(args, facts, text)
    return 0


def _write(bundle: Bundle, source: Path, target: str, output: Path) -> tuple[int, list[str]]:
    """Write the output atomically; return the bytes of all files and the notes."""
    from spikelet.deploy.deployment import deploy

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
