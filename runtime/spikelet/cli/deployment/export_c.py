"""Export a bundle as C source without malloc, floating point or libraries.

The host form uses lists of spikes and vector registers (GCC or Clang). The form for microcontrollers (--mcu) is plain
C99 that uses as little memory as possible. Both come with a Makefile and a self-test that replays the golden inputs of
the bundle.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from spikelet.choices import C_PREFIX
from spikelet.cli.arguments import add_bundle
from spikelet.cli.output_files import check_output_folder, keep_other_files, output_argument
from spikelet.cli.printing import emit
from spikelet.deploy.packages.kinds import PACKAGES
from spikelet.escapes import shell_line
from spikelet.files.atomic import Text, write_files
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.bundle import Bundle
    from spikelet.deploy.firmware import Form
    from spikelet.deploy.footprint import Footprint

HELP = "export C source with a self-test"
EXAMPLE = "spikelet export c vgg9-cifar10 firmware/ --mcu"


class LayerFacts(TypedDict):
    """Constants, memory and stack of one node in the JSON output; alignment is not counted."""

    node: str
    constant_bytes: int
    memory_bytes: int
    stack_bytes: int | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the format."""
    add_bundle(parser)
    output_argument(parser, "DIR", "output folder, created if it does not exist")
    parser.add_argument("--mcu", action="store_true", help="for a microcontroller: plain C99, smallest memory")
    order = "order of the values of an image: channel first (chw, default) or last, as cameras write them (hwc)"
    parser.add_argument("--layout", choices=("chw", "hwc"), default="chw", help=order)
    names = f"prefix of public names and file names (default: {C_PREFIX}), for several networks in one program"
    parser.add_argument("--prefix", metavar="NAME", default=C_PREFIX, help=names)
    kinds = ", ".join(f"{name} ({package.about})" for name, package in PACKAGES.items())
    parser.add_argument(
        "--package",
        choices=PACKAGES,
        help=f"write the files of a build system: {kinds}; all but cmake imply --mcu",
    )
    parser.add_argument(
        "--footprint",
        action="store_true",
        help="compile the code, and print its size, the worst-case stack and the share of every layer",
    )
    parser.add_argument(
        "--compiler",
        metavar="COMMAND",
        help='compiler of --footprint with its flags, such as "arm-none-eabi-gcc -mcpu=cortex-m7" (default: that for a '
        "Cortex-M4 if it is installed, else gcc)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.deploy.firmware import c_files

    check_output_folder(args.output, ".c", ".h")
    package = None if args.package is None else PACKAGES[args.package]
    form: Form = "mcu" if args.mcu or (package is not None and not package.host) else "host"
    bundle = bundles.read(args.bundle)
    files, size = c_files(bundle, form, args.layout, args.prefix, package)
    measured: Footprint | None = None
    rows: list[LayerFacts] = []
    if args.footprint or args.compiler is not None:
        measured, rows = _footprint(args, bundle, files, form)
    keep_other_files(args.output, files, "spikelet export c")
    write_files(args.output, files)
    facts = {
        "bundle": str(args.bundle),
        "folder": str(args.output),
        "form": form,
        "layout": args.layout,
        "prefix": args.prefix,
        "package": args.package,
        "files": sorted(files),
        "flash_bytes": size.flash,
        "ram_bytes": size.ram,
    }
    if measured is not None:
        facts |= {"compiler": measured.command, "code_bytes": measured.code, "stack_bytes": measured.stack}
        facts["layers"] = rows
    excluded = "code and stack" if measured is None else "the code"
    text = (
        f"{args.output}: {', '.join(sorted(files))}\n"
        f"{form} form: {size.flash / 1024:,.1f} KB of constants (flash), {size.ram / 1024:,.1f} KB of "
        f"memory (RAM), without {excluded}\n"
        f"{'' if measured is None else _text(measured, rows)}"
    )
    test = shell_line(["make", "-C", str(args.output), "test"])
    hint = "see README.md for its use and its self-test" if package else f"self-test: {test}"
    emit(args, facts, text + hint)
    return 0


def _footprint(
    args: argparse.Namespace, bundle: Bundle, files: Mapping[str, Text], form: Form
) -> tuple[Footprint, list[LayerFacts]]:
    """Return the sizes of the compiled code, and the share of each node."""
    from spikelet.deploy.firmware import c_program
    from spikelet.deploy.footprint import AUTO, footprint
    from spikelet.lowering.c.shares import shares

    paths = {} if args.package is None else PACKAGES[args.package].paths(args.prefix)
    header, source = (str(files[paths.get(name, name)]) for name in (f"{args.prefix}.h", f"{args.prefix}.c"))
    measured = footprint(header, source, args.prefix, form, AUTO if args.compiler is None else args.compiler)
    rows: list[LayerFacts] = [
        {
            "node": share.node,
            "constant_bytes": share.constants,
            "memory_bytes": share.memory,
            "stack_bytes": measured.stacks.get(share.function),
        }
        for share in shares(c_program(bundle.graph, form, args.layout))
    ]
    return measured, rows


def _text(measured: Footprint, rows: list[LayerFacts]) -> str:
    stack = "not reported by this compiler" if measured.stack is None else f"{measured.stack:,} bytes at most"
    cells = []
    for row in rows:
        stack_of_node = "" if row["stack_bytes"] is None else f"{row['stack_bytes']:,}"
        cells.append([row["node"], f"{row['constant_bytes']:,}", f"{row['memory_bytes']:,}", stack_of_node])
    return (
        f"code: {measured.code:,} bytes; stack of a time-step: {stack}, without the C library ({measured.command})\n\n"
        f"{table(['node', 'constants', 'memory', 'stack'], cells)}\n\n"
    )
