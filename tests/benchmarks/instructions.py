"""Count the instructions of generated C per image: `make bench-instructions` writes docs/instructions.md.

Counts depend on the compiler only, not on the machine or its load. Those of x86-64 come from callgrind, those of the other
processors from an emulator without an operating system. The predictions are compared with those of the numpy engine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from counts import emulated, instructions
from counts.emulated import PROCESSORS
from counts.instructions import TIMES, answers, export

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
NETWORKS = {
    "vgg9-cifar10": ("spikelet_assets/vgg9-cifar10.snnb", "spikelet_assets/cifar10-500.npz"),
    "resnet20-cifar10": ("spikelet_assets/resnet20-cifar10.snnb", "spikelet_assets/cifar10-500.npz"),
    "vgg5-fashion-mnist": ("spikelet_assets/vgg5-fashion-mnist.snnb", "spikelet_assets/fashion-mnist-200.npz"),
}
COPIES = (2, 4)  # copies of each neuron, in addition to networks without copies
LEVELS = ((2, 1), (4, 1), (2, 2))  # copies and time-steps
OF_COPIES = (
    "x86-64-v3, gcc",
    "x86-64-v3, clang",
    "Cortex-M4",
    "Cortex-A72",
    "riscv32",
)  # targets on which copies are counted
MCU = {"Cortex-M4", "Cortex-M7", "Cortex-M33", "riscv32"}  # targets that run the form for microcontrollers
PAGE, DATA = ROOT / "docs" / "instructions.md", ROOT / "docs" / "instructions.json"
INTRODUCTION = """# Instructions per image

Written by `make bench-instructions`; do not edit. Millions of instructions for one image, the mean over the first {images} test
images that are shipped, after T time-steps. x86-64 is counted by callgrind on the code of `spikelet export c`; the other
processors are emulated by QEMU without an operating system (`-icount shift=0`). The counts depend on the compiler only, not on
the machine on which they are made; they are not times. The predictions equal those of the numpy engine.

Compilers: {compilers}. "Before" is the count of {before}.

"""


def count(bundle: Path, copies: int, images: np.ndarray, work: Path) -> dict[str, dict]:
    """Return instructions by target and T, and those by function and by layer on x86-64-v3 at the largest T."""
    expected = answers(bundle, copies, images)
    host = export(bundle, work / f"host-{copies}", copies=copies)
    mcu = export(bundle, work / f"mcu-{copies}", mcu=True, copies=copies)
    targets = [f"{march}, {compiler}" for compiler in ("gcc", "clang") for march in ("x86-64-v3", "x86-64-v2")]
    targets = [name for name in (*targets, *PROCESSORS) if copies == 1 or name in OF_COPIES]
    result: dict[str, dict] = {"counts": {}, "functions": {}, "layers": {}}
    longest = (max(TIMES) // copies,)
    for name in targets:
        if name in PROCESSORS:
            lacking = emulated.missing(PROCESSORS[name])
        else:
            march, compiler = name.split(", ")
            lacking = instructions.missing(compiler)
        if lacking:
            print(f"left out: {name} ({lacking} is missing)")
        elif name in PROCESSORS:
            form = mcu if name in MCU else host
            totals, classes = emulated.count(PROCESSORS[name], form, images, keeps_image=form is host)
        else:
            program = instructions.build(host, march, compiler=compiler)
            profile = instructions.profile(program, images)
            totals, classes = profile.totals, profile.classes
            if name == "x86-64-v3, gcc":
                result["functions"] = instructions.profile(program, images, longest).functions
                by_layer = instructions.build(host, march, layers=True)
                result["layers"] = instructions.profile(by_layer, images, longest).layers
        if not lacking:
            check(f"{name}, {copies} copies", classes, expected)
            result["counts"][name] = {str(t): total for t, total in totals.items()}
    return result


def check(target: str, classes: np.ndarray, expected: np.ndarray) -> None:
    if not np.array_equal(classes, expected):
        sys.exit(f"{target}: predictions {classes.tolist()}, the numpy engine has {expected.tolist()}")


def page(document: dict) -> str:
    """Return the text of the page, from the data stored in docs/instructions.json."""
    before = document["before"]
    lines = [
        INTRODUCTION.format(
            images=document["images"], compilers=", ".join(document["compilers"].values()), before=before["name"]
        )
    ]
    for network, entry in document["networks"].items():
        lines += [f"## {network}", "", "| target | " + " | ".join(f"T = {t} | before" for t in TIMES) + " |"]
        lines.append("|---|" + "---|" * 2 * len(TIMES))
        for target, totals in entry["counts"].items():
            old = before["networks"].get(network, {}).get(target, {})
            cells = [f"{totals[str(t)] / 1e6:.2f} | {change(totals[str(t)], old.get(str(t)))}" for t in TIMES]
            lines.append(f"| {target} | " + " | ".join(cells) + " |")
        lines += copies_table(entry)
        for title, key in (("layer, with the functions that it calls", "layers"), ("function", "functions")):
            ranked = sorted(entry[key].items(), key=lambda item: -item[1])[:12]
            lines += ["", f"| x86-64-v3, {title} | million instructions, T = 4 |", "|---|---|"]
            lines += [f"| `{name}` | {value / 1e6:.2f} |" for name, value in ranked]
        lines.append("")
    return "\n".join(lines)


def copies_table(entry: dict) -> list[str]:
    """Return the table of k copies at T time-steps, with ratios to one copy at k T time-steps."""
    lines = ["", "| target, k copies, T time-steps | " + " | ".join(f"k = {k}, T = {t}" for k, t in LEVELS) + " |"]
    lines.append("|---|" + "---|" * len(LEVELS))
    for target in OF_COPIES:
        single, cells = entry["counts"].get(target), []
        for k, t in LEVELS:
            totals = entry["copies"].get(str(k), {}).get("counts", {}).get(target)
            if totals is not None and single is not None:
                now, before = totals[str(t)], single[str(k * t)]
                cells.append(f"{now / 1e6:.2f} ({now / before:.2f} of k = 1, T = {k * t})")
        if cells:
            lines.append(f"| {target} | " + " | ".join(cells) + " |")
    return lines


def change(now: float, before: float | None) -> str:
    return "–" if before is None else f"{before / 1e6:.2f} ({now / before - 1:+.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3, help="number of images per network")
    parser.add_argument(
        "--release", metavar="NAME", help="store these counts under the name of a release, for comparison"
    )
    args = parser.parse_args()
    networks = {}
    for name, (bundle, data) in NETWORKS.items():
        with np.load(ASSETS / data) as archive, tempfile.TemporaryDirectory() as work:
            images = archive["images"][: args.images]
            networks[name] = count(ASSETS / bundle, 1, images, Path(work))
            networks[name]["copies"] = {str(k): count(ASSETS / bundle, k, images, Path(work)) for k in COPIES}
        print(name, json.dumps(networks[name], indent=1), flush=True)
    stored = json.loads(DATA.read_text()) if DATA.exists() else {}
    before = stored.get("before", {"name": "no release", "networks": {}})
    if args.release:
        before = {"name": args.release, "networks": {name: entry["counts"] for name, entry in networks.items()}}
    usable = [name for name in ("gcc", "clang") if not instructions.missing(name)]
    compilers = {name: instructions.compiler_version(name) for name in usable}
    document = {"images": args.images, "compilers": compilers, "networks": networks, "before": before}
    DATA.write_text(json.dumps(document, indent=1) + "\n")
    PAGE.write_text(page(document))
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
