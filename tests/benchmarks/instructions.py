"""Count the instructions of generated C per image: `make bench-instructions` writes docs/results/instructions.md.

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
from contenders import int8, shapes
from page_tables import copies as copies_page
from page_tables.instructions import DATA, OF_COPIES, PAGE, SHARED, SHARING, page
from page_tables.measured import ROOT

from counts import deployed, emulated, instructions, threads
from counts.emulated import PROCESSORS
from counts.instructions import TIMES, answers, export
from spikelet.engines import create
from spikelet.graph import Graph

ASSETS = ROOT / "assets"
NETWORKS = {
    "vgg9-cifar10": ("spikelet_assets/vgg9-cifar10.snnb", "spikelet_assets/cifar10-500.npz"),
    "resnet20-cifar10": ("spikelet_assets/resnet20-cifar10.snnb", "spikelet_assets/cifar10-500.npz"),
    "vgg5-fashion-mnist": ("spikelet_assets/vgg5-fashion-mnist.snnb", "spikelet_assets/fashion-mnist-200.npz"),
}
COPIES = (2, 4)  # copies of each neuron, in addition to networks without copies
MCU = {"Cortex-M4", "Cortex-M7", "Cortex-M33", "riscv32"}  # targets that run the form for microcontrollers
WITH_RUNTIMES = ("vgg9-cifar10", "resnet20-cifar10")  # compared with the source network in other runtimes
RUNTIMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


def count(bundle: Path, copies: int, images: np.ndarray, work: Path, emulate: bool) -> dict[str, dict]:
    """Return instructions by target and T, and those by function and by layer on x86-64-v3 at the largest T.

    Args:
        bundle: Path of the bundle.
        copies: Number of copies of each neuron.
        images: (N, C, H, W) uint8.
        work: Folder for the exported C.
        emulate: Whether to count the emulated processors.
    """
    expected = answers(bundle, copies, images)
    host = export(bundle, work / f"host-{copies}", copies=copies)
    mcu = export(bundle, work / f"mcu-{copies}", mcu=True, copies=copies)
    targets = [f"{march}, {compiler}" for compiler in ("gcc", "clang") for march in ("x86-64-v3", "x86-64-v2")]
    targets += PROCESSORS if emulate else ()
    targets = [name for name in targets if copies == 1 or name in OF_COPIES]
    result: dict[str, dict] = {"counts": {}, "functions": {}, "layers": {}}
    longest = max(TIMES) // copies
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


def shared(graphs: dict[str, tuple[Graph, int]], images: np.ndarray) -> dict[str, dict]:
    """Return instructions of one image by number of threads, for networks and time-steps by name."""
    result = {}
    for name, (graph, steps) in graphs.items():
        with tempfile.TemporaryDirectory() as folder:
            program = threads.build(graph, Path(folder))
            counts = {number: threads.count(program, images, steps, number) for number in SHARING}
        for number, counted in counts.items():
            check(f"{name}, {number} threads", counted.classes, counts[1].classes)
        result[name] = {str(number): [counted.longest, counted.phases] for number, counted in counts.items()}
        print(name, json.dumps(result[name]), flush=True)
    return result


def count_deployed(bundle: Path, images: np.ndarray, labels: np.ndarray, count: int) -> dict[str, dict]:
    """Return instructions and accuracy of the source network in float and in 8-bit integers, by runtime."""
    graph = instructions.network(bundle, 1)
    judged, calibration = slice(None, -int8.CALIBRATION), images[-int8.CALIBRATION :]
    result: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        models, failures = int8.files(graph, calibration, folder)
        runs, missing = int8.runtimes(models, 1)
        for name, reason in (failures | missing).items():
            print(f"left out: {name} ({reason})")
        for name, run in runs.items():
            kind, title = name.split(", ")
            runtime = next(key for key, value in RUNTIMES.items() if value == title)
            try:
                taken = deployed.count(runtime, models[kind], images[:count])
            except RuntimeError as error:
                print(f"left out: {name} ({error})")
                continue
            right = int8.accuracy(run, images[judged], labels[judged])
            result[name] = {"instructions": taken, "right": right}
            print(name, json.dumps(result[name]), flush=True)
        for copies, steps in SHARED:
            engine = create(instructions.network(bundle, copies), "native")
            engine.reset(len(images[judged]), steps)
            total = sum(engine.step(images[judged] if t == 0 else None) for t in range(steps))
            result[f"{copies}, {steps}"] = {"right": float((total.argmax(1) == labels[judged]).mean())}
    return result


def check(target: str, classes: np.ndarray, expected: np.ndarray) -> None:
    if not np.array_equal(classes, expected):
        sys.exit(f"{target}: predictions {classes.tolist()}, the numpy engine has {expected.tolist()}")


def store(images: int, **counted: dict) -> None:
    """Replace parts of the stored counts, and write the page. Runs that count different parts may overlap.

    Args:
        images: Number of images of these counts. Stored counts of another number are dropped: all parts of the page are means
            over the same images.
        counted: Counts by part.
    """
    document = json.loads(DATA.read_text()) if DATA.exists() else {}
    if document.get("images") != images:
        document = {"images": images, "before": document.get("before", {})}
    if document["before"].get("images") != images:
        document["before"] = {"name": "no release", "images": images, "networks": {}}
    networks = document.get("networks", {})
    for name, entry in counted.pop("networks", {}).items():
        networks[name] = merged(networks.get(name, {}), entry)
    document["networks"] = networks
    for key, value in counted.items():
        document[key] = document.get(key, {}) | value if isinstance(value, dict) else value
    DATA.write_text(json.dumps(document, indent=1) + "\n")
    PAGE.write_text(page(document))
    text = copies_page.PAGE.read_text("utf-8")
    copies_page.PAGE.write_text(copies_page.with_table(text, document["networks"]), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", flush=True)


def merged(old: dict, new: dict) -> dict:
    """Return the counts of a network; targets that were not counted keep their old counts."""
    copies = {k: merged(old.get("copies", {}).get(k, {}), entry) for k, entry in new.get("copies", {}).items()}
    entry = new | {"counts": old.get("counts", {}) | new["counts"]}
    return entry | {"copies": copies} if copies else entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20, help="number of images per network")
    parser.add_argument(
        "--release", metavar="NAME", help="store these counts under the name of a release, for comparison"
    )
    parser.add_argument("--deployed", action="store_true", help="count float and int8 inferences of other runtimes too")
    parser.add_argument("--threads", action="store_true", help="count the threads that share an image too")
    parser.add_argument("--only", action="store_true", help="keep the counts of all targets as they are stored")
    parser.add_argument("--x86", action="store_true", help="keep those of the emulated processors as they are stored")
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="keep those of the others"
    )
    args = parser.parse_args()
    kept = json.loads(DATA.read_text())["images"] if DATA.exists() else None
    if (args.only or args.x86) and kept != args.images:
        parser.error(f"the stored counts are of {kept} images: count all targets first, or add --images {kept}")
    for name in () if args.only else args.networks:
        bundle, data = NETWORKS[name]
        with np.load(ASSETS / data) as archive, tempfile.TemporaryDirectory() as work:
            images = archive["images"][: args.images]
            entry = count(ASSETS / bundle, 1, images, Path(work), emulate=not args.x86)
            entry["copies"] = {
                str(k): count(ASSETS / bundle, k, images, Path(work), emulate=not args.x86) for k in COPIES
            }
        print(name, json.dumps(entry, indent=1), flush=True)
        usable = [compiler for compiler in ("gcc", "clang") if not instructions.missing(compiler)]
        compilers = {compiler: instructions.compiler_version(compiler) for compiler in usable}
        store(args.images, compilers=compilers, networks={name: entry})
    if args.release:
        stored = json.loads(DATA.read_text())
        counts = {name: entry["counts"] for name, entry in stored["networks"].items()}
        store(stored["images"], before={"name": args.release, "images": stored["images"], "networks": counts})
    with np.load(ASSETS / "spikelet_assets" / "cifar10-500.npz") as archive:
        images, labels = archive["images"], archive["labels"]
    if args.threads:
        graphs = {
            f"{name}, k = {k}, T = {t}": (instructions.network(ASSETS / NETWORKS[name][0], k), t)
            for name in WITH_RUNTIMES
            for k, t in SHARED
        }
        graphs["VGG-16 shapes, spike rate 15%, k = 1, T = 4"] = shapes.network(shapes.VGG16, 0.15), 4
        store(args.images, threads=shared(graphs, images[: args.images]))
    for name in set(WITH_RUNTIMES) & set(args.networks) if args.deployed else ():
        bundle = ASSETS / NETWORKS[name][0]
        store(args.images, deployed={name: count_deployed(bundle, images.astype(np.float32), labels, args.images)})


if __name__ == "__main__":
    main()
