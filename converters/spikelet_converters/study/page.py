"""`docs/results.md` and what lies beside it, from the results of studies; no figure is typed.

Beside a study file FILE.toml stands FILE.results.json once runs of it are done. What has no result is named as not run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikelet.atomic import write_files
from spikelet.errors import UsageError
from spikelet_converters.study.config import START, Run, Study
from spikelet_converters.study.plots import plots
from spikelet_converters.study.published import published_section
from spikelet_converters.study.summary import Metrics, place, summarise, to_csv, to_markdown

SUFFIX = ".results.json"
ONLY = re.compile(r" --only ('[^']*'|\S+)")

INTRODUCTION = """# Results

Written by `{command}`; do not edit. Every figure comes from a run of a study file, and the results beside it
name the command of each run.

How they are measured: networks are trained on a part of the training split, the best epoch is chosen on the rest of
it, and the test split is opened once, afterwards. What is tested is the exact integer bundle, run by the runtime, on
all test images; rivals that change the neuron run on the same integers. T counts every time-step, the pre-steps of
two-pass methods included. "Noise off" is the source network without its residual, "noise on" with it.
"""


def results_path(study: Study) -> Path:
    """Where the results of a study file stand."""
    return study.path.with_name(study.path.stem + SUFFIX)


def publish(study: Study, metrics: Sequence[Metrics]) -> Path:
    """Write the results beside the study file, without paths of this machine.

    What stands there of other runs, say of seeds that another machine has trained, is kept as long as the study still
    asks for the same.
    """
    path = results_path(study)
    found = {each["name"]: each for each in [*own_results(study), *metrics]}
    measured = {each["name"] for each in metrics}
    kept = [
        {key: value for key, value in found[run.name].items() if key != "checkpoint"}
        for run in study.runs
        if run.name in measured or (run.name in found and _asked(run, found[run.name]))
    ]
    text = json.dumps({"study": study.path.name, "results": kept}, indent=1) + "\n"
    write_files(path.parent, {path.name: text})
    return path


def _asked(run: Run, result: Metrics) -> bool:
    """Whether a result is of this very run: the same options, in the same words."""
    asked = json.loads(json.dumps(run.as_dict()))
    return all(asked[key] == result.get(key) for key in ("options", "rival", "rival_options"))


def own_results(study: Study) -> list[Metrics]:
    """The results beside a study file; none if it has not been run.

    Raises:
        UsageError: a file that no study wrote.
    """
    path = results_path(study)
    if not path.exists():
        return []
    try:
        found: list[Metrics] = json.loads(path.read_text("utf-8"))["results"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: not the results of a study") from None
    return found


def write_page(studies: Sequence[Study], page: Path, command: str, others: Path | None = None) -> None:
    """The page, its plots (SVG) and tables (CSV) in a folder beside it. others: a file of published figures."""
    folder = page.parent / page.stem
    files: dict[str, str] = {}
    text = [INTRODUCTION.format(command=command)]
    for study in studies:
        metrics = own_results(study)
        text += [f"## {study.title}", ""]
        text += [study.about.strip(), ""] if study.about else []
        if metrics:
            rows = summarise(study, metrics)
            for name, svg in plots(study, rows).items():
                files[f"{name}.svg"] = svg
                text += [f"![{study.title}]({folder.name}/{name}.svg)", ""]
            files[f"{study.path.stem}.csv"] = to_csv(rows)
            text += [to_markdown(study, rows)]
            text += [*_facts(metrics), ""]
        text += [_missing(study, metrics), ""]
    if others is not None:
        text += [published_section(others), ""]
    write_files(folder, files)
    write_files(page.parent, {page.name: "\n".join(text).rstrip() + "\n"})


def _facts(metrics: Sequence[Metrics]) -> list[str]:
    """Data, engine, budget, command: what a reader needs to do it again."""
    test = {f"{m['test']['data']}, {m['test']['images']:,} test images" for m in metrics}
    lines = [f"Measured on {'; '.join(sorted(test))}; {metrics[0]['bits']}-bit bundles."]
    for method in dict.fromkeys(m["method"] for m in metrics):
        runs = [m for m in metrics if m["method"] == method]
        lines.append(f"* `{method}`: {_described(runs)}")
    commands = dict.fromkeys(ONLY.sub("", m["command"]) for m in metrics)
    parts = " in parts, with `--only`" if any(ONLY.search(m["command"]) for m in metrics) else ""
    return [*lines, "", f"Run{parts}: " + "; ".join(f"`{each}`" for each in commands) + "."]


def _described(runs: Sequence[Metrics]) -> str:
    first = runs[0]
    words = []
    if first["rival"]:
        options = ", ".join(f"{k} = {v}" for k, v in first["rival_options"].items())
        words.append(f"{first['rival']}{f' ({options})' if options else ''} on the network of `{_source(first)}`")
        words.append(first["about"])
        words += ["one network for each T"] if len(first["bundles"]) > 1 else []
    if first["pre_steps"]:
        words.append(f"{first['pre_steps']} pre-steps, counted")
    if first["neuron"] == "changed":
        words.append("changes the neuron: no bundle")
    if first["training"]:
        chosen = {k: v for k, v in first["options"].items() if k not in first["point"]}
        words.append(", ".join(f"{k} {_value(v)}" for k, v in chosen.items()))
        words += [f"{seconds:.0f} s an epoch ({device})" for device, seconds in _epochs(runs).items()]
        words += ["after the common start"] if first["begins"] else []
    elif not first["rival"]:
        words.append(f"the network of `{_source(first)}` as it is")
    return "; ".join(words) + "."


def _epochs(runs: Sequence[Metrics]) -> dict[str, float]:
    """Mean seconds of an epoch by device."""
    found: dict[str, list[float]] = {}
    for training in (run["training"] for run in runs):
        if training["epoch_seconds"]:
            found.setdefault(training["device"], []).append(training["epoch_seconds"])
    return {device: sum(seconds) / len(seconds) for device, seconds in found.items()}


def _source(metrics: Mapping[str, Any]) -> str:
    return str(metrics["begins"]).partition("-")[0] if metrics["begins"] else START


def _value(value: Any) -> str:
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, list | tuple) else str(value)


def _missing(study: Study, metrics: Sequence[Metrics]) -> str:
    wanted = [run for run in study.runs if run.method != START]
    several = len({place({"point": run.point}) for run in wanted}) > 1
    done = {m["name"] for m in metrics}
    missing = [run for run in wanted if run.name not in done]
    if not missing:
        return f"All {len(wanted)} runs of `{study.path.name}` are done."
    if len(missing) == len(wanted):
        return f"`{study.path.name}` has not been run; nothing is claimed."
    seeds: dict[str, list[str]] = {}
    for run in sorted(missing, key=lambda run: study.methods.index(run.method)):
        where = f" of {place({'point': run.point})}" if several else ""
        seeds.setdefault(f"`{run.method}`{where}", []).append(str(run.seed))
    methods = ", ".join(f"{each} (seeds {', '.join(of)})" for each, of in seeds.items())
    return f"{len(missing)} of {len(wanted)} runs of `{study.path.name}` have not been run: {methods}."
