"""Generate a page such as `docs/results/cifar10.md` with its plots and tables from the results of studies.

Runs without results are listed as such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from spikelet.display import number_of
from spikelet.files.atomic import write_files
from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.baselines import BASELINES
from spikelet_converters.study.costs import costs_table
from spikelet_converters.study.grid import START, Study
from spikelet_converters.study.plots import plots
from spikelet_converters.study.published import published_section
from spikelet_converters.study.results import read_results
from spikelet_converters.study.summary import Metrics, grid_point, summarise
from spikelet_converters.study.summary_text import to_csv, to_markdown

EARLIER_OPTIONS, EARLIER_IMAGES = {"snnc": {"iterations": 200}}, 600  # defaults of results that do not state them
ONLY = re.compile(r" --only ('[^']*'|\S+)")

INTRODUCTION = """# Results: {title}

Written by `{command}`; do not edit. All figures on this page{except_others} come from runs of the
study files. The `.results.json` file next to each study file has the command of each run.

Protocol: networks are trained on a part of the training split, the best epoch is selected on the validation split,
and the test split is used once, after training. The runtime evaluates the exact integer bundle on all test images.
Baselines that change the neuron use the same integers. T includes the pre-steps of two-pass methods. "Noise off" is
the source network without its residual, "noise on" the source network with it.
"""


def write_page(studies: Sequence[Study], page: Path, command: str, others: Path | None = None) -> None:
    """Write the results page, and its plots (SVG) and tables (CSV) to a folder with the name of the page.

    Args:
        studies: Studies in the order of the page.
        page: Path of the page.
        command: Command line that writes the page.
        others: File of published figures.
    """
    folder = page.parent / page.stem
    files: dict[str, str] = {}
    except_others = "" if others is None else ", except those of the last section,"
    text = [INTRODUCTION.format(title=_title(studies), command=command, except_others=except_others)]
    for study in studies:
        published = read_results(study)
        metrics: list[Metrics] = published["results"]
        text += [f"## {study.title}", ""]
        text += [study.about.strip(), ""] if study.about else []
        if metrics:
            rows = summarise(study, metrics)
            for name, svg in plots(study, rows).items():
                files[f"{name}.svg"] = svg
                text += [f"![{study.title}]({folder.name}/{name}.svg)", ""]
            files[f"{study.path.stem}.csv"] = to_csv(rows)
            text += [table for table in (to_markdown(study, rows), costs_table(study, rows)) if table]
            text += [*_facts(study, metrics), "", _accesses(published["ledger"]), ""]
        text += [_missing(study, metrics), ""]
    if others is not None:
        text += [published_section(others), ""]
    write_files(folder, files)
    write_files(page.parent, {page.name: "\n".join(text).rstrip() + "\n"})


def _title(studies: Sequence[Study]) -> str:
    """Return the title of the only study, the data that all studies have in common, or the number of studies."""
    names = {study.data_name for study in studies}
    if len(studies) == 1 or len(names) > 1 or None in names:
        return studies[0].title if len(studies) == 1 else f"{len(studies)} studies"
    return str(studies[0].data_name)


def _facts(study: Study, metrics: Sequence[Metrics]) -> list[str]:
    """Return data, training budget and command of the results, as needed to reproduce them."""
    test = {f"{m['test']['data']}, {m['test']['images']:,} test images" for m in metrics}
    lines = [f"Measured on {'; '.join(sorted(test))}; {metrics[0]['bits']}-bit bundles."]
    for method in dict.fromkeys(m["method"] for m in metrics):
        runs = [m for m in metrics if m["method"] == method]
        note = f" {study.notes[method].strip()}" if method in study.notes else ""
        lines.append(f"* `{method}`: {_described(runs)}{note}")
    commands = dict.fromkeys(ONLY.sub("", m["command"]) for m in metrics)
    parts = " (in parts, with `--only`)" if any(ONLY.search(m["command"]) for m in metrics) else ""
    return [*lines, "", f"Command{parts}: " + "; ".join(f"`{command}`" for command in commands) + "."]


def _accesses(ledger: Sequence[ReadOnlyDocument]) -> str:
    """State how often the test split was used."""
    if not ledger:
        return "The ledger of accesses to the test split was not published."
    networks = {(entry["run"], entry["weights"]) for entry in ledger}
    runs = {run for run, _ in networks}
    repeated = sorted(run for run in runs if sum(name == run for name, _ in networks) > 1)
    text = f"The test split was opened {len(ledger)} times, for {len(networks)} networks of {len(runs)} runs."
    return text + (f" Opened for several networks: {', '.join(f'`{run}`' for run in repeated)}." if repeated else "")


def _described(runs: Sequence[Metrics]) -> str:
    first = runs[0]
    parts = []
    if first["rival"]:
        options = ", ".join(f"{k} = {v}" for k, v in first["rival_options"].items())
        parts.append(f"{first['rival']}{f' ({options})' if options else ''} on the network of `{_source(first)}`")
        parts.append(first["about"])
        shortened = first.get("shortened", _earlier(first))
        parts += [f"shorter than published: {shortened}"] if shortened else []
        parts += ["one network for each T"] if len(first["bundles"]) > 1 else []
    if first["pre_steps"]:
        parts.append(f"{number_of(first['pre_steps'], 'pre-step')}, included in T")
    if first["neuron"] == "changed":
        parts.append("changes the neuron, so there is no bundle")
    if first["training"]:
        chosen = {k: v for k, v in first["options"].items() if k not in first["point"]}
        parts.append(", ".join(f"{k} {_value(v)}" for k, v in chosen.items()))
        parts += [f"{seconds:.0f} s per epoch ({device})" for device, seconds in _epochs(runs).items()]
        parts += ["after the common start"] if first["begins"] else []
    elif not first["rival"]:
        parts.append(f"the network of `{_source(first)}` unchanged")
    return "; ".join(parts) + "."


def _earlier(result: Metrics) -> str:
    """Return what was shortened in a result of an earlier version."""
    options = {**EARLIER_OPTIONS.get(result["rival"], {}), **result["rival_options"]}
    return BASELINES[result["rival"]](**options).shortened(EARLIER_IMAGES)


def _epochs(runs: Sequence[Metrics]) -> dict[str, float]:
    """Return the mean duration of an epoch in seconds, by device and compilation."""
    durations: dict[str, list[float]] = {}
    for training in (run["training"] for run in runs):
        if training and training["epoch_seconds"]:
            device = f"{training['device']}{', compiled' if training.get('compiled') else ''}"
            durations.setdefault(device, []).append(training["epoch_seconds"])
    return {device: sum(seconds) / len(seconds) for device, seconds in durations.items()}


def _source(metrics: Metrics) -> str:
    """Return the method of the run from which a run starts; the names of both end with the point of the grid."""
    point = metrics["name"].removeprefix(metrics["method"])
    return metrics["begins"].removesuffix(point) if metrics["begins"] else START


def _value(value: object) -> str:
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, list | tuple) else str(value)


def _missing(study: Study, metrics: Sequence[Metrics]) -> str:
    planned = [run for run in study.runs if run.method != START]
    several = len({grid_point(run.point) for run in planned}) > 1
    done = {m["name"] for m in metrics}
    missing = [run for run in planned if run.name not in done]
    if not missing:
        return f"All {len(planned)} runs of `{study.path.name}` are complete."
    if len(missing) == len(planned):
        return f"`{study.path.name}` has not been run."
    seeds: dict[str, list[int]] = {}  # by method, in the order of the study file
    for run in sorted(missing, key=lambda run: study.methods.index(run.method)):
        where = f" of {grid_point(run.point)}" if several else ""
        seeds.setdefault(f"`{run.method}`{where}", []).append(run.seed)
    methods: dict[tuple[int, ...], list[str]] = {}  # by seeds
    for method, numbers in seeds.items():
        methods.setdefault(tuple(numbers), []).append(method)
    every = len({run.seed for run in planned})
    lists = [
        f"{'all seeds' if len(numbers) == every else _numbered(numbers)} of {', '.join(methods[numbers])}"
        for numbers in sorted(methods, key=lambda numbers: (-len(numbers), numbers))
    ]
    return f"{len(missing)} of {len(planned)} runs of `{study.path.name}` have not been run: {'; '.join(lists)}."


def _numbered(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
