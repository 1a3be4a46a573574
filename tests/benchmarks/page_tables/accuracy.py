"""The tables of accuracy: of the shipped networks, their copies and differences between methods, from `make accuracy`.

The table of differences is written from the published results of studies.
"""

from __future__ import annotations

import json
import statistics

from page_tables.blocks import with_block
from page_tables.held_out import held_out_table
from page_tables.measured import RESULTS, ROOT

FIGURES = RESULTS / "accuracy.json"
STEPS = {1: (1, 2, 3, 4, 6, 8, 16, 32), 2: (1, 2, 4), 4: (1, 2), 8: (1,)}  # time-steps T by copies k
README_STEPS = (1, 2, 4, 8, 16, 32)
STUDIES = ROOT / "docs" / "studies"
DIFFERENCES = (  # study, method, the method that it is compared with
    ("vgg9-cifar10-lossless", "spikelet", "qcfs"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "qcfs"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "qcfs-longer"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "qcfs-longest"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "gaussian-longer"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "snnc-light"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "ftbc"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "ftbc-longest"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "ftbc-spikelet"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "srp-2"),
    ("vgg9-cifar10-lossless", "spikelet-longer", "cos-2"),
    ("resnet20-cifar10-lossless", "spikelet-longer", "qcfs"),
    ("vgg9-cifar100-lossless", "spikelet-longer", "qcfs"),
    ("vgg9-cifar10", "spikelet", "qcfs"),
    ("resnet20-cifar10", "spikelet", "qcfs"),
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

Figures = dict[str, dict]


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
    """Return the table of the differences between methods in points: mean and deviation over the seeds of both.

    Methods with pre-steps have no accuracy at small T.
    """
    rows = [f"| network | data | methods | seeds | {' | '.join(f'T = {t}' for t in DIFFERENCE_STEPS)} |"]
    rows.append("|---" * (len(DIFFERENCE_STEPS) + 4) + "|")
    for study, method, reference in DIFFERENCES:
        results = json.loads((STUDIES / f"{study}.results.json").read_text("utf-8"))["results"]
        first, second = (
            {result["point"]["seed"]: result for result in results if result["method"] == name}
            for name in (method, reference)
        )
        seeds = sorted(first.keys() & second.keys())
        pairs = [(first[seed]["accuracy"], second[seed]["accuracy"]) for seed in seeds]
        cells = [
            difference_text([100 * (a[t] - b[t]) for a, b in pairs]) if t in pairs[0][1] else "–"
            for t in map(str, DIFFERENCE_STEPS)
        ]
        facts = first[seeds[0]]["point"]["model"], first[seeds[0]]["test"]["data"], f"`{method}` − `{reference}`"
        rows.append(f"| {' | '.join(facts)} | {', '.join(map(str, seeds))} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def difference_text(points: list[float]) -> str:
    """Return a mean difference, with the standard deviation if there are several values."""
    mean = f"{round(statistics.mean(points), 1) + 0.0:+.1f}"  # + 0.0: no negative zero
    return f"{mean} ± {statistics.stdev(points):.1f}" if len(points) > 1 else mean


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
