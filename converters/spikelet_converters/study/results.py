"""Published results of a study: those of FILE.toml are in FILE.results.json in the same folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from spikelet.files.atomic import write_files
from spikelet.files.decoded import Document
from spikelet_converters.study.grid import Run, Study
from spikelet_converters.study.stored import read_published
from spikelet_converters.study.summary import Metrics

SUFFIX = ".results.json"


def results_path(study: Study) -> Path:
    """Return the path of the results of a study file."""
    return study.path.with_name(study.path.stem + SUFFIX)


def read_results(study: Study) -> Document:
    """Read the results of a study file: "results", the metrics of its runs, and "ledger". Empty if it has not been run.

    Raises:
        UsageError: The file does not contain results of a study.
    """
    path = results_path(study)
    return read_published(path) if path.exists() else {"results": [], "ledger": []}


def publish(study: Study, metrics: Sequence[Metrics], ledger: Sequence[Document] = ()) -> Path:
    """Write the results next to the study file, without local paths, and return the path.

    Existing results of other runs, such as seeds trained on another machine, are kept if their options are unchanged.
    Entries of the ledger are never removed, so that a test split that was opened twice stays visible.

    Args:
        study: The study.
        metrics: Metrics of the finished runs.
        ledger: Accesses to the test split, as `read_ledger` returns them.
    """
    path = results_path(study)
    published = read_results(study)
    results = {result["name"]: result for result in [*published["results"], *metrics]}
    measured = {result["name"] for result in metrics}
    kept = [
        {key: value for key, value in results[run.name].items() if key != "checkpoint"}
        for run in study.runs
        if run.name in measured or (run.name in results and _has_options(run, results[run.name]))
    ]
    opened = {json.dumps(entry, sort_keys=True): entry for entry in [*published["ledger"], *ledger]}
    document = {"study": study.path.name, "results": kept, "ledger": list(opened.values())}
    text = json.dumps(document, indent=1) + "\n"
    write_files(path.parent, {path.name: text})
    return path


def _has_options(run: Run, result: Metrics) -> bool:
    """Return whether a result belongs to a run with the same options."""
    config = json.loads(json.dumps(run.as_dict()))
    return all(config.get(key) == result.get(key) for key in ("options", "rival", "rival_options", "copies"))
