"""Accuracy of the shipped networks on full test splits: docs/results/accuracy.json, and the tables that are written from it.

The table of differences between methods is written from the published results of studies.

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

from page_tables.blocks import with_block
from page_tables.held_out import held_out_table

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

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
FIGURES = ROOT / "docs" / "results" / "accuracy.json"
STEPS = {1: (1, 2, 3, 4, 6, 8, 16, 32), 2: (1, 2, 4), 4: (1, 2), 8: (1,)}  # time-steps T by copies k
TUNED_STEPS = {**STEPS, 1: (1, 2, 4, 8)}
README_STEPS = (1, 2, 4, 8, 16, 32)
STUDIES = ROOT / "docs" / "studies"
DIFFERENCES = (  # study, method, the method that it is compared with
    ("vgg9-cifar10-lossless", "spikelet", "qcfs"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "qcfs"),
    ("resnet20-cifar10-lossless", "spikelet-longer", "qcfs"),
    ("vgg9-cifar100-lossless", "spikelet-longer", "qcfs"),
    ("vgg9-cifar10", "spikelet", "qcfs"),
    ("vgg9-cifar10", "spikelet", "gaussian"),
    ("resnet20-cifar10", "spikelet", "qcfs"),
    ("resnet20-cifar10", "spikelet", "gaussian"),
)
DIFFERENCE_STEPS = (1, 2, 4, 8, 16, 32)
LAST_EPOCHS = (  # study, the methods that are compared on held-out images
    ("vgg9-cifar10-lossless", ("spikelet", "spikelet-longer")),
)
SOFT_TARGETS = (
    ("vgg9-cifar10", ("spikelet", "spikelet-distil")),
    ("resnet20-cifar10", ("spikelet", "spikelet-distil")),
    ("vgg5-fashion-mnist", ("spikelet", "spikelet-distil")),
)
NETWORKS = {
    "CIFAR-10": ("vgg9-cifar10", "resnet20-cifar10"),
    "CIFAR-100": ("vgg9-cifar100",),
    "Fashion-MNIST": ("vgg5-fashion-mnist",),
}

Figures = dict[str, dict]


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


def percent(right: int, entry: dict) -> str:
    """Return an accuracy in %, with two decimals."""
    return f"{100 * right / entry['images']:.2f}"


def shipped_table(figures: Figures, steps: tuple[int, ...] = STEPS[1]) -> str:
    """Return the table of the bundles without copies, over T."""
    rows = [f"| bundle | data | source | {' | '.join(f'T = {t}' for t in steps)} |", "|---" * (len(steps) + 3) + "|"]
    for name, entry in figures.items():
        cells = [percent(entry["copies"]["1"][str(t)], entry) for t in steps]
        rows.append(f"| `{name}` | {entry['data']} | {percent(entry['source'], entry)} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def copies_table(figures: Figures) -> str:
    """Return the table of all copies k and time-steps T, a row for each number of levels k T of a network."""
    rows = ["| bundle | levels k T | " + " | ".join(f"k = {copies}" for copies in STEPS) + " |"]
    rows.append("|---" * (len(STEPS) + 2) + "|")
    for name, entry in figures.items():
        for levels in (1, 2, 4, 8):
            cells = []
            for copies in STEPS:
                t, rest = divmod(levels, copies)
                right = None if rest else entry["copies"].get(str(copies), {}).get(str(t))
                cells.append("" if right is None else f"T = {t}: {percent(right, entry)}")
            rows.append(f"| `{name}` | {levels} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def equal_steps_table(figures: Figures) -> str:
    """Return the table of all copies k, a row for each number of time-steps T of a network."""
    rows = ["| bundle | T | " + " | ".join(f"k = {copies}" for copies in STEPS) + " | source |"]
    rows.append("|---" * (len(STEPS) + 3) + "|")
    for name, entry in figures.items():
        for t in (1, 2, 4):
            by_copies = [entry["copies"].get(str(copies), {}).get(str(t)) for copies in STEPS]
            cells = ["" if right is None else percent(right, entry) for right in by_copies]
            rows.append(f"| `{name}` | {t} | {' | '.join(cells)} | {percent(entry['source'], entry)} |")
    return "\n".join(rows) + "\n"


def potentials_table(figures: Figures) -> str:
    """Return the table of the initial potentials of copies at T = 1: around theta / 2, and around the trained ones."""
    rows = ["| bundle | k, T = 1 | theta/2 | trained | difference |", "|---|---|---|---|---|"]
    for name, entry in figures.items():
        for copies, by_steps in entry.get("trained", {}).items():
            half, trained = entry["copies"][copies]["1"], by_steps["1"]
            difference = f"{100 * (trained - half) / entry['images']:+.2f}"
            rows.append(f"| `{name}` | {copies} | {percent(half, entry)} | {percent(trained, entry)} | {difference} |")
    return "\n".join(rows) + "\n"


def tuned_table(figures: Figures) -> str:
    """Return the table of the networks that were trained further for copies, each below the shipped one."""
    settings = [(1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (4, 1), (2, 2), (4, 2)]  # k, T
    rows = ["| network | source | " + " | ".join(f"k = {k}, T = {t}" for k, t in settings) + " |"]
    rows.append("|---" * (len(settings) + 2) + "|")
    for name, entry in figures.items():
        if "tuned" not in entry:
            continue
        for title, row in ((f"`{name}`", entry), ("trained for copies", entry["tuned"])):
            cells = [percent(row["copies"][str(k)][str(t)], row) for k, t in settings]
            rows.append(f"| {title} | {percent(row['source'], row)} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def differences_table() -> str:
    """Return the table of the differences between methods in points, means over the seeds of both."""
    rows = [f"| network | data | methods | seeds | {' | '.join(f'T = {t}' for t in DIFFERENCE_STEPS)} |"]
    rows.append("|---" * (len(DIFFERENCE_STEPS) + 4) + "|")
    for study, method, reference in DIFFERENCES:
        results = json.loads((STUDIES / f"{study}.results.json").read_text("utf-8"))["results"]
        first, second = (
            {result["point"]["seed"]: result for result in results if result["method"] == name}
            for name in (method, reference)
        )
        seeds = sorted(first.keys() & second.keys())
        cells = []
        for t in map(str, DIFFERENCE_STEPS):
            points = [100 * (first[seed]["accuracy"][t] - second[seed]["accuracy"][t]) for seed in seeds]
            cells.append(f"{round(sum(points) / len(points), 1) + 0.0:+.1f}")  # + 0.0: no negative zero
        facts = first[seeds[0]]["point"]["model"], first[seeds[0]]["test"]["data"], f"`{method}` − `{reference}`"
        rows.append(f"| {' | '.join(facts)} | {', '.join(map(str, seeds))} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def tables(figures: Figures) -> dict[str, dict[str, str]]:
    """Return the generated parts of each page, by name."""
    return {
        "README.md": {"accuracy": shipped_table(figures, README_STEPS)},
        "docs/results/accuracy.md": {"accuracy": shipped_table(figures), "differences": differences_table()},
        "docs/method.md": {
            "last-epochs": held_out_table(STUDIES, LAST_EPOCHS),
            "soft-targets": held_out_table(STUDIES, SOFT_TARGETS),
        },
        "docs/results/copies.md": {
            "copies": copies_table(figures),
            "equal-steps": equal_steps_table(figures),
            "potentials": potentials_table(figures),
            "tuned": tuned_table(figures),
        },
    }


def write_tables(figures: Figures) -> None:
    """Write the tables into the pages that show them."""
    for name, blocks in tables(figures).items():
        text = (ROOT / name).read_text("utf-8")
        for title, content in blocks.items():
            text = with_block(text, title, content)
        (ROOT / name).write_text(text, "utf-8")


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
