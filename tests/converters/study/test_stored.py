"""Files of a study that were edited, merged or cut short."""

import copy
import json
import shutil
from pathlib import Path

import pytest

from spikelet import cli
from spikelet.errors import UsageError
from spikelet_converters.study.config import read_study
from spikelet_converters.study.costs import costs_table
from spikelet_converters.study.page import write_page
from spikelet_converters.study.protocol import LEDGER, read_ledger
from spikelet_converters.study.results import results_path
from spikelet_converters.study.stored import read_published, read_run_metrics
from spikelet_converters.study.summary import summarise

STUDIES = Path(__file__).resolve().parents[3] / "docs" / "studies"
MISSING = object()


@pytest.fixture
def study(tmp_path):
    """Return a study with two published results, one of them of a baseline."""
    shutil.copy(STUDIES / "vgg9-cifar10.toml", tmp_path)
    study = read_study(tmp_path / "vgg9-cifar10.toml", Path())
    results = json.loads(results_path(read_study(STUDIES / "vgg9-cifar10.toml", Path())).read_text())["results"]
    plain = next(result for result in results if result["training"])
    baseline = next(result for result in results if result["rival"])
    for result in (plain, baseline):
        result.update(compute={"run": 8.0, "start": 96.0}, neurons=100, operations={"1": 5e6, "4": 9e6}, shortened="")
    write(study, [plain, baseline])
    return study


def write(study, results, ledger=()):
    document = {"study": study.path.name, "results": results, "ledger": list(ledger)}
    results_path(study).write_text(json.dumps(document))


@pytest.mark.parametrize("which", [0, 1])
def test_a_page_of_changed_results_is_written_or_refused_by_name(study, tmp_path, which):
    results = read_published(results_path(study))["results"]
    refused = {}
    for key in results[which]:
        for value in (MISSING, None, "x", {"T": "x"}):
            changed = copy.deepcopy(results)
            changed[which][key] = value
            if value is MISSING:
                del changed[which][key]
            write(study, changed)
            try:
                write_page([study], tmp_path / "page.md", "spikelet …")
            except UsageError as error:
                refused[key] = str(error)
    for message in refused.values():
        assert message.startswith(f"{results_path(study)}.results[{which}]")
        assert message.endswith("; expected results that `spikelet study --publish` has written")
    assert {
        "name",
        "method",
        "point",
        "accuracy",
        "source",
        "test",
        "compute",
        "operations",
        "neurons",
    } <= refused.keys()


def test_results_of_another_kind(study):
    for content, message in (
        ("[]", "expected one JSON object"),
        ('{"results": 5}', "results: expected a list"),
        ('{"results": [5]}', r"results\[0\]: expected an object"),
        ('{"results": [], "ledger": [{"run": "a", "weights": 5}]}', r"ledger\[0\].weights: expected a string"),
        ('{"results": [\n<<<<<<< HEAD', "not a JSON file"),
    ):
        results_path(study).write_text(content)
        with pytest.raises(UsageError, match=message):
            read_published(results_path(study))


def test_costs_of_runs_of_several_versions(study):
    """Earlier versions measured no costs: a row of which some runs have none is left out of the table."""
    results = read_published(results_path(study))["results"]
    second = copy.deepcopy(results[0])
    second["point"]["seed"] = 99
    assert costs_table(study, summarise(study, [results[0], second]))
    second["operations"] = {"2": 7e6}
    assert costs_table(study, summarise(study, [results[0], second]))
    del second["compute"]
    assert not costs_table(study, summarise(study, [results[0], second]))


@pytest.mark.parametrize("line", ['{"run": "a", "wei', "5", '{"run": "a"}', "[" * 100_000])
def test_a_ledger_that_was_cut_short(tmp_path, line):
    whole = json.dumps({"run": "a", "weights": "00", "data": "11", "time": "2026-01-01 00:00:00"})
    (tmp_path / LEDGER).write_text(f"{whole}\n{line}")
    with pytest.raises(UsageError, match=r"test-ledger.jsonl: line 2: expected an object with the texts run, weights"):
        read_ledger(tmp_path)
    (tmp_path / LEDGER).write_text(f"{whole}\n")
    assert [entry["run"] for entry in read_ledger(tmp_path)] == ["a"]


def test_files_of_a_run(study, tmp_path, capsys):
    """The command names the file, and starts nothing."""
    name = next(run.name for run in study.runs if run.method != "start")
    folder = tmp_path / "out" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text('{"name": ')
    with pytest.raises(UsageError, match=r"metrics.json: not a JSON file"):
        read_run_metrics(folder / "metrics.json")
    line = ["study", str(study.path), "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--only", name]
    assert cli.main(line) == 2
    assert "metrics.json: not a JSON file" in capsys.readouterr().err
    (folder / "metrics.json").unlink()
    start = folder.with_name(study.run(name).begins)
    (start / "config.json").write_text("{")
    assert cli.main(line) == 1
    assert "config.json: not a JSON file" in capsys.readouterr().out
