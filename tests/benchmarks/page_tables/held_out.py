"""Tables of the accuracy on held-out images, by which defaults are selected."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

STEPS = (1, 2, 4, 8)


def held_out_table(studies: Path, comparisons: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """Return the table of the spiking accuracy on the validation split, in %, means over the seeds of all methods.

    Args:
        studies: Folder of `STUDY.results.json`.
        comparisons: Names of studies, each with the methods that are compared.
    """
    rows = [f"| network | data | method | epochs | seeds | {' | '.join(f'T = {t}' for t in STEPS)} | mean |"]
    rows.append("|---" * (len(STEPS) + 6) + "|")
    for study, methods in comparisons:
        results = json.loads((studies / f"{study}.results.json").read_text("utf-8"))["results"]
        by_seed = [
            {result["point"]["seed"]: result for result in results if result["method"] == method} for method in methods
        ]
        seeds = sorted(set.intersection(*(set(runs) for runs in by_seed)))
        for method, runs in zip(methods, by_seed, strict=True):
            first = runs[seeds[0]]
            facts = [first["point"]["model"], first["test"]["data"], f"`{method}`", str(first["options"]["epochs"])]
            columns = [[100 * runs[seed]["validation"][f"spiking_accuracy.T{t}"] for seed in seeds] for t in STEPS]
            means = [f"{statistics.mean(column):.2f}" for column in columns]
            means.append(with_deviation([statistics.mean(by_steps) for by_steps in zip(*columns, strict=True)]))
            rows.append(f"| {' | '.join(facts)} | {', '.join(map(str, seeds))} | {' | '.join(means)} |")
    return "\n".join(rows) + "\n"


def with_deviation(values: list[float]) -> str:
    """Return a mean, with the standard deviation if there are several values."""
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean
