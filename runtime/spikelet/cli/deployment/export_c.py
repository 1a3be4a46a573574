"""Export a bundle as C source without malloc, floating point or libraries.

The host form uses lists of spikes and vector registers (GCC or Clang). The form for microcontrollers (--mcu) is plain
C99 with the smallest memory. Both come with a Makefile and a self-test that replays the golden inputs of the bundle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet.choices import C_PREFIX
from spikelet.cli.common import bundle_file, emit
from spikelet.deploy.packages.kinds import PACKAGES
from spikelet.errors import UsageError
from spikelet.files.atomic import write_files

HELP = "export C source with a self-test"
EXAMPLE = "spikelet export c vgg9-cifar10 firmware/ --mcu"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the format."""
    parser.add_argument("bundle", type=bundle_file, metavar="BUNDLE")
    parser.add_argument("folder", type=Path, metavar="DIR", help="output folder, created if it does not exist")
    parser.add_argument("--mcu", action="store_true", help="for a microcontroller: plain C99, smallest memory")
    order = "order of the values of an image: channel first (chw, default) or last, as cameras write them (hwc)"
    parser.add_argument("--layout", choices=("chw", "hwc"), default="chw", help=order)
    names = f"what public names and file names begin with (default: {C_PREFIX}), for several networks in one program"
    parser.add_argument("--prefix", metavar="NAME", default=C_PREFIX, help=names)
    kinds = ", ".join(f"{name} ({package.about})" for name, package in PACKAGES.items())
    parser.add_argument(
        "--package",
        choices=PACKAGES,
        help=f"write the files of a build system: {kinds}; all but cmake imply --mcu",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.deploy.firmware import c_project

    if args.folder.exists() and not args.folder.is_dir():
        raise UsageError(f"{args.folder}: is a file; name a folder")
    package = None if args.package is None else PACKAGES[args.package]
    mcu = args.mcu or (package is not None and not package.host)
    files, size = c_project(bundles.read(args.bundle), mcu, args.layout, args.prefix, package)
    write_files(args.folder, files)
    facts = {
        "bundle": str(args.bundle),
        "folder": str(args.folder),
        "form": "mcu" if mcu else "host",
        "layout": args.layout,
        "prefix": args.prefix,
        "package": args.package,
        "files": sorted(files),
        "flash_bytes": size["flash"],
        "ram_bytes": size["ram"],
    }
    emit(
        args,
        facts,
        f"{args.folder}: {', '.join(sorted(files))}\n"
        f"{facts['form']} form: {size['flash'] / 1024:,.1f} KB of constants (flash), {size['ram'] / 1024:,.1f} KB of "
        f"memory (RAM), without code and stack\n"
        + ("see README.md for its use and its self-test" if package else f"self-test: make -C {args.folder} test"),
    )
    return 0
