"""Accuracy of the shipped networks on full test splits: docs/accuracy.json, and the tables that are written from it.

    python tests/benchmarks/accuracy.py --cifar10 DIR --fashion-mnist DIR

Each option names the folder of a data set in its published layout. A network is measured as the exact bundle that is
shipped, without copies and with the copies that `spikelet convert --copies` adds; its source is the checkpoint that the
bundle was converted from, in float without residual. The file holds numbers of correct predictions, which do not depend
on the engine. The other data sets keep their figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from blocks import with_block

from spikelet import bundle, data
from spikelet.data.images import ImageSet
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.measured import measured
from spikelet_converters.source_model.evaluation import evaluate
from spikelet_converters.training.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
FIGURES = ROOT / "docs" / "accuracy.json"
STEPS = {1: (1, 2, 3, 4, 6, 8, 16, 32), 2: (1, 2, 4), 4: (1, 2)}  # time-steps T by copies k
README_STEPS = (1, 2, 4, 8, 16, 32)
NETWORKS = {"CIFAR-10": ("vgg9-cifar10", "resnet20-cifar10"), "Fashion-MNIST": ("vgg5-fashion-mnist",)}

Figures = dict[str, dict]


def figures_of(name: str, images: ImageSet, data_name: str) -> dict:
    """Return the numbers of correct predictions of a shipped network, of its copies and of its source."""
    shipped = bundle.read(ASSETS / "spikelet_assets" / f"{name}.snnb")
    source = evaluate(load_checkpoint(ASSETS / f"{name}.pt").network(), images, (1,))["float_accuracy"]
    entry = {
        "data": data_name,
        "images": len(images),
        "digest": images.digest,
        "bundle": shipped.digest,
        "source": round(source * len(images)),
        "copies": {},
    }
    for copies, steps in STEPS.items():
        graph = shipped.graph if copies == 1 else with_copies(shipped.graph, copies)
        accuracy = measured(graph, images, max(steps))["accuracy"]
        entry["copies"][str(copies)] = {str(t): round(accuracy[t - 1] * len(images)) for t in steps}
    return entry


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
                right = None if rest else entry["copies"][str(copies)].get(str(t))
                cells.append("" if right is None else f"T = {t}: {percent(right, entry)}")
            rows.append(f"| `{name}` | {levels} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def tables(figures: Figures) -> dict[str, dict[str, str]]:
    """Return the generated parts of each page, by name."""
    return {
        "README.md": {"accuracy": shipped_table(figures, README_STEPS)},
        "docs/accuracy.md": {"accuracy": shipped_table(figures)},
        "docs/concepts/copies.md": {"copies": copies_table(figures)},
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
    parser.add_argument("--fashion-mnist", type=Path, metavar="DIR")
    args = parser.parse_args()
    figures: Figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    for data_name, path in (("CIFAR-10", args.cifar10), ("Fashion-MNIST", args.fashion_mnist)):
        if path is None:
            continue
        images = data.read(path, "test")
        for name in NETWORKS[data_name]:
            figures[name] = figures_of(name, images, data_name)
            FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    write_tables(figures)


if __name__ == "__main__":
    main()
