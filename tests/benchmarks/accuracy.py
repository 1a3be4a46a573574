"""Accuracy of the shipped networks on full test splits: docs/results/accuracy.json, and the tables that are written from it.

    python tests/benchmarks/accuracy.py --cifar10 DIR --cifar100 DIR --fashion-mnist DIR
    python tests/benchmarks/accuracy.py --cifar10 DIR --tuned vgg9-cifar10=runs/copies/last.pt

Each option names the folder of a data set in its published layout. A network is measured as the exact bundle that is
shipped, without copies and with the copies that `spikelet convert --copies` adds, whose initial potentials are staggered
around theta / 2 or around the trained ones; its source is the checkpoint that the bundle was converted from, in float
without residual. The file stores numbers of correct predictions, which do not depend on the engine. Figures of the
other data sets are kept.

--missing keeps all figures of the same bundle and images, and measures the settings that have none.
--tuned measures a checkpoint that was trained from that of a shipped network, as its exact 8-bit bundle, and no other.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from page_tables.accuracy import FIGURES, STEPS, Figures, write_tables
from page_tables.measured import ROOT

from spikelet import bundle, data
from spikelet.data.images import ImageSet
from spikelet.graph import Graph
from spikelet_converters.conversion.checkpoint import convert
from spikelet_converters.conversion.copied_bundle import trained_potentials
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.measured import measured
from spikelet_converters.source_model.evaluation import evaluate
from spikelet_converters.study.protocol import weights_digest
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint

ASSETS = ROOT / "assets"
TUNED_STEPS = {**STEPS, 1: (1, 2, 4, 8)}
NETWORKS = {
    "CIFAR-10": ("vgg9-cifar10", "resnet20-cifar10"),
    "CIFAR-100": ("vgg9-cifar100",),
    "Fashion-MNIST": ("vgg5-fashion-mnist",),
}


def figures_of(
    graph: Graph,
    source: Checkpoint,
    images: ImageSet,
    data_name: str,
    before: dict | None = None,
    settings: dict[int, tuple[int, ...]] | None = None,
) -> dict:
    """Return the numbers of correct predictions of a network, of its copies and of its source.

    Args:
        graph: Exact graph of the bundle.
        source: Checkpoint that the bundle was converted from.
        images: Test images.
        data_name: Name of the data in the tables.
        before: Figures that are kept; missing ones are measured.
        settings: Time-steps T by copies k; None for `STEPS`.
    """
    entry = before or {"data": data_name, "images": len(images), "digest": images.digest, "copies": {}}
    if "source" not in entry:
        entry["source"] = round(evaluate(source.network(), images, (1,))["float_accuracy"] * len(images))
    for copies, steps in (settings or STEPS).items():
        if not {str(t) for t in steps} <= entry["copies"].get(str(copies), {}).keys():
            entry["copies"][str(copies)] = correct(with_copies(graph, copies) if copies > 1 else graph, images, steps)
    if trained_potentials(graph):
        trained = entry.setdefault("trained", {})
        for copies in STEPS:
            if copies > 1 and str(copies) not in trained:
                trained[str(copies)] = correct(with_copies(graph, copies, "trained"), images, (1,))
    return entry


def correct(graph: Graph, images: ImageSet, steps: tuple[int, ...]) -> dict[str, int]:
    """Return the number of correct predictions by T."""
    accuracy = measured(graph, images, max(steps))["accuracy"]
    return {str(t): round(accuracy[t - 1] * len(images)) for t in steps}


def shipped_figures(name: str, images: ImageSet, data_name: str, before: dict | None = None) -> dict:
    """Return the figures of a shipped network; those of the same bundle and images in `before` are kept."""
    shipped = bundle.read(ASSETS / "spikelet_assets" / f"{name}.snnb")
    if before is not None and (before["bundle"], before["digest"]) != (shipped.digest, images.digest):
        before = None
    entry = figures_of(shipped.graph, load_checkpoint(ASSETS / f"{name}.pt"), images, data_name, before)
    return {"bundle": shipped.digest, **entry}


def with_tuned(entry: dict, before: dict) -> dict:
    """Return the figures of a shipped network with those of the network that was trained from it, if it is the same one."""
    same = "tuned" in before and before["bundle"] == entry["bundle"]
    return {**entry, "tuned": before["tuned"]} if same else entry


def tuned_figures(path: Path, images: ImageSet, data_name: str) -> dict:
    """Return the figures of a checkpoint that was trained from a shipped network, and the command that trained it."""
    source = load_checkpoint(path)
    graph = convert(source, path.stem).graph
    entry = figures_of(graph, source, images, data_name, settings=TUNED_STEPS)
    trained = {"command": source.provenance["command"], "epoch": source.provenance["validation"]["epoch"]}
    return {"weights": weights_digest(source.weights), **trained, **entry}


def main() -> None:
    """Measure the networks of the named data sets and write file and tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", type=Path, metavar="DIR")
    parser.add_argument("--cifar100", type=Path, metavar="DIR")
    parser.add_argument("--fashion-mnist", type=Path, metavar="DIR")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--tuned", action="append", default=[], metavar="NAME=CHECKPOINT")
    args = parser.parse_args()
    tuned = dict(option.split("=", 1) for option in args.tuned)
    figures: Figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    paths = {"CIFAR-10": args.cifar10, "CIFAR-100": args.cifar100, "Fashion-MNIST": args.fashion_mnist}
    for data_name, path in paths.items():
        if path is None:
            continue
        images = data.read(path, "test")
        for name in NETWORKS[data_name]:
            if name in tuned:
                figures[name]["tuned"] = tuned_figures(Path(tuned[name]), images, data_name)
            elif not tuned:
                before = figures.get(name, {})
                entry = shipped_figures(name, images, data_name, before if args.missing and before else None)
                figures[name] = with_tuned(entry, before)
            FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    write_tables(figures)


if __name__ == "__main__":
    main()
