"""Studies: resumed runs, tables, the results page."""

import contextlib
import csv
import io
import json
import os
import socket

import numpy as np
import pytest
import torch

from spikelet import bundle, cli, session
from spikelet.data import read
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.study.config import read_study
from spikelet_converters.study.costs import costs_table
from spikelet_converters.study.measure import COUNTED
from spikelet_converters.study.page import write_page
from spikelet_converters.study.perform import perform
from spikelet_converters.study.protocol import LEDGER
from spikelet_converters.study.results import publish, read_results, results_path
from spikelet_converters.study.summary import read_metrics, summarise
from spikelet_converters.study.summary_text import to_csv, to_markdown
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.execution import Execution
from studies import STUDY, fork_dask_workers, write_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def threads():
    """One thread, as each worker of the cluster has: sums have the same order then, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def done(folder):
    """The study, run once."""
    before, text = os.getcwd(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(text):
            assert cli.main(["study", "bars.toml", "--out", "out", "--publish"]) == 0
    finally:
        os.chdir(before)
    return folder / "out", text.getvalue()


class TestRun:
    def test_every_run_has_its_folder(self, done):
        out, text = done
        for name in ("qcfs", "exact", "srp", "rts", "before"):
            for seed in (1, 2):
                metrics = json.loads((out / f"{name}-vgg5-L4-s{seed}" / "metrics.json").read_text())
                assert metrics["command"].startswith("spikelet ")
                assert metrics["point"]["seed"] == seed
                assert metrics["test"]["images"] == 60
                assert metrics["test"]["data"] == "bars"
        assert (out / "start-vgg5-L4-s1" / "log.csv").exists()
        assert not (out / "start-vgg5-L4-s1" / "metrics.json").exists(), "a start is not tested"
        assert "[12/12]" in text
        assert "| exact |" in text

    def test_the_accuracy_is_that_of_the_bundle_in_the_runtime(self, done, folder):
        out, _ = done
        test = read(folder / "data", "test")
        for name in ("exact", "before"):
            run_folder = out / f"{name}-vgg5-L4-s1"
            metrics = json.loads((run_folder / "metrics.json").read_text())
            result = session.load(run_folder / "bundle.snnb").run(test.images, 6)
            accuracy = result.accuracy(test.labels)
            assert metrics["accuracy"] == {"1": accuracy[0], "2": accuracy[1], "6": accuracy[5]}
            assert metrics["bundles"] == [bundle.read(run_folder / "bundle.snnb").digest]
            fired = sum(count[:2].sum() for count in result.spike_counts.values())
            assert metrics["spikes"]["2"] == pytest.approx(fired / 60)

    def test_golden_inputs_are_training_images(self, done, folder):
        out, _ = done
        training = {image.tobytes() for image in read(folder / "data", "train").images.astype(np.float32)}
        golden = bundle.read(out / "exact-vgg5-L4-s1" / "bundle.snnb").golden.inputs
        assert {image.tobytes() for image in golden.astype(np.float32)} <= training

    def test_pre_steps_count(self, done):
        out, _ = done
        metrics = json.loads((out / "srp-vgg5-L4-s1" / "metrics.json").read_text())
        assert set(metrics["accuracy"]) == {"6"}, "four pre-steps, so T = 1 and 2 have no answer"
        assert metrics["neuron"] == "changed"
        rts = json.loads((out / "rts-vgg5-L4-s1" / "metrics.json").read_text())
        assert set(rts["accuracy"]) == {"1", "2", "6"}
        assert len(rts["bundles"]) == 3, "a bundle for each T"

    def test_a_second_call_repeats_nothing(self, done, call, folder):
        out, _ = done
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json*")}
        ledger = (out / LEDGER).read_text()
        report = json.loads(call("study bars.toml --out out --json").out)
        assert len(report["studies"][0]["results"]) == 10
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert (out / LEDGER).read_text() == ledger
        assert len(ledger.splitlines()) == 10, "the test split was opened once for each network"

    def test_an_interrupted_study_continues_to_the_same_results(self, done, call, folder):
        out, _ = done
        metrics = json.loads((out / "exact-vgg5-L4-s1" / "metrics.json").read_text())
        (out / "exact-vgg5-L4-s1" / "metrics.json").unlink()
        call("study bars.toml --out out --publish")  # bundles hold the command that made them
        again = json.loads((out / "exact-vgg5-L4-s1" / "metrics.json").read_text())
        for results in (metrics, again):
            results.pop("command"), results.pop("test_seconds")
        assert again == metrics

    def test_other_options_in_the_same_folder_are_refused(self, done, call, folder):
        (folder / "changed.toml").write_text(STUDY.replace("epochs = 2", "epochs = 3"))
        report = json.loads(call("study changed.toml --out out --json", code=1).out)
        assert "the study has" in report["failed"]["start-vgg5-L4-s1"]
        assert report["failed"]["exact-vgg5-L4-s1"] == "starts from start-vgg5-L4-s1, which failed"

    def test_a_part_of_the_runs_includes_their_starts(self, call, folder):
        call("study bars.toml --out part --only exact*-s2 --json")
        assert {path.name for path in (folder / "part").iterdir() if path.is_dir()} == {
            "start-vgg5-L4-s2",
            "exact-vgg5-L4-s2",
        }
        assert "no run matches 'x*'" in call("study bars.toml --out part --only x*", code=2).err

    def test_finished_starts_are_reused(self, done, call, folder):
        line = "study bars.toml --out other --start out/start-vgg5-L4-s{seed}/best.pt --only qcfs*-s1 --json"
        (result,) = json.loads(call(line).out)["studies"][0]["results"]
        out, _ = done
        same = json.loads((out / "qcfs-vgg5-L4-s1" / "metrics.json").read_text())
        assert (result["weights"], result["accuracy"]) == (same["weights"], same["accuracy"])
        line = line.replace("{seed}", "2").replace("other", "third")
        failed = json.loads(call(line, code=1).out)["failed"]
        assert "has another validation split (seed 2, now 1)" in failed["qcfs-vgg5-L4-s1"]

    def test_plan(self, call):
        assert "12 runs" in call("study bars.toml --plan").out
        assert len(json.loads(call("study bars.toml --plan --json").out)["studies"][0]["runs"]) == 12


class TestTables:
    def test_tables(self, done, folder):
        study = read_study(folder / "bars.toml")
        results = json.loads((folder / "bars.results.json").read_text())["results"]
        rows = summarise(study, results)
        assert [row.method for row in rows] == ["qcfs", "exact", "srp", "rts", "before"]
        lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
        assert len(lines) == 3 + 3 + 1 + 3 + 3
        first = lines[0]
        accuracies = [r["accuracy"]["1"] for r in results if r["method"] == "qcfs"]
        assert float(first["mean"]) == pytest.approx(np.mean(accuracies))
        assert float(first["sd"]) == pytest.approx(np.std(accuracies, ddof=1))
        table = to_markdown(study, rows)
        assert "| srp | – | – |" in table
        assert "mean ± standard deviation over seeds" in table
        assert "Difference to `qcfs` in percentage points, same seeds: mean [95% confidence interval], p value" in table
        alone = to_markdown(study, summarise(study, [r for r in results if r["point"]["seed"] == 1]))
        assert "vgg5, levels 4, one seed." in alone
        assert "Difference to `qcfs` in percentage points, same seed." in alone


class TestPage:
    def test_the_page_is_generated_from_published_results(self, done, call, folder):
        (folder / "later.toml").write_text(STUDY.replace("Bars", "Later"))
        call("study bars.toml later.toml --page results.md")
        page = (folder / "results.md").read_text()
        assert page.startswith("# Results: bars\n")  # the data of both studies
        assert "All 10 runs of `bars.toml` are complete." in page
        assert "`later.toml` has not been run." in page
        assert "srp on the network of `qcfs`" in page
        assert "4 pre-steps, included in T" in page
        assert "(Deng & Gu, ICLR 2021); one network for each T" in page
        plots = sorted(path.name for path in (folder / "results").iterdir())
        assert "bars.csv" in plots
        assert all(f"results/{name}" in page for name in plots if name.endswith(".svg"))
        assert str(folder) not in page

    def test_publishing_keeps_the_runs_of_another_machine(self, done, call, folder):
        """Results of runs whose options have changed are dropped."""
        (folder / "two.toml").write_text(STUDY.replace("batch = 16", "batch = 8"))
        other_study, bars = read_study(folder / "two.toml"), read_study(folder / "bars.toml")
        metrics = read_results(bars)["results"]
        new = [{**result, "options": {**result["options"], "batch": 8}} for result in metrics if result["options"]]
        results_path(other_study).write_text(json.dumps({"results": metrics}))  # written for the other file
        publish(other_study, [result for result in new if result["point"]["seed"] == 1])
        kept = read_results(other_study)["results"]
        baselines = {result["name"] for result in metrics if not result["options"]}
        assert {result["name"] for result in kept} == baselines | {
            result["name"] for result in new if result["point"]["seed"] == 1
        }
        publish(other_study, [result for result in new if result["point"]["seed"] != 1])
        assert {result["name"] for result in read_results(other_study)["results"]} == {
            result["name"] for result in metrics
        }

    @pytest.mark.parametrize(("copies", "kept"), [({"copies": 2}, True), ({"copies": 4}, False), ({}, False)])
    def test_publishing_drops_runs_with_another_number_of_copies(self, done, folder, copies, kept):
        (folder / "copied.toml").write_text(f"{STUDY}\n[method.two]\nof = 'qcfs'\ncopies = 2\n")
        study = read_study(folder / "copied.toml")
        run = next(run for run in study.runs if run.method == "two")
        metrics = read_results(read_study(folder / "bars.toml"))["results"][0]
        result = {**metrics, **{key: value for key, value in run.as_dict().items() if key != "copies"}, **copies}
        results_path(study).write_text(json.dumps({"results": [result]}))
        publish(study, [])
        assert (read_results(study)["results"] == [{k: v for k, v in result.items() if k != "checkpoint"}]) is kept

    def test_every_access_to_the_test_split_is_published(self, done, call, folder):
        """Accesses from another folder, and of a network that was changed after its test, are included."""
        published = json.loads((folder / "bars.results.json").read_text())
        assert {entry["run"] for entry in published["ledger"]} == {result["name"] for result in published["results"]}
        (folder / "again.toml").write_text(STUDY)
        study = read_study(folder / "again.toml")
        publish(study, published["results"], published["ledger"])
        changed = {**published["ledger"][0], "weights": "0" * 64, "time": "later"}
        for _ in range(2):
            publish(study, [], [changed])
        ledger = json.loads(results_path(study).read_text())["ledger"]
        assert ledger == [*published["ledger"], changed]
        call("study again.toml --page again.md")
        count = len(ledger)
        assert f"The test split was opened {count} times" in (folder / "again.md").read_text()
        assert f"Opened for several networks: `{changed['run']}`." in (folder / "again.md").read_text()

    def test_parts_and_devices_are_distinguished(self, done, call, folder):
        """Durations are listed by device; a study run in parts has one command on the page."""
        results = json.loads((folder / "bars.results.json").read_text())["results"]
        for result in results:
            result["command"] = f"spikelet study parts.toml --only '{result['name']}' --out runs/parts"
            if result["training"]:
                assert not result["training"]["compiled"]
                gpu = result["point"]["seed"] == 2
                device = {"device": "cuda:0", "compiled": True} if gpu else {"device": "cpu"}
                result["training"].update(device, epoch_seconds=10.0 if gpu else 200.0)
        (folder / "parts.toml").write_text(STUDY)
        (folder / "parts.results.json").write_text(json.dumps({"results": results}))
        call("study parts.toml --page parts.md")
        page = (folder / "parts.md").read_text()
        assert "200 s per epoch (cpu); 10 s per epoch (cuda:0, compiled)" in page
        assert "Command (in parts, with `--only`): `spikelet study parts.toml --out runs/parts`." in page

    def test_points_of_the_grid_are_distinguished(self, done, call, folder):
        (folder / "wide.toml").write_text(STUDY.replace('["vgg5"]', '["vgg5", "vgg9"]'))
        (folder / "wide.results.json").write_text((folder / "bars.results.json").read_text())
        call("study wide.toml --page wide.md")
        page = (folder / "wide.md").read_text()
        assert "10 of 20 runs of `wide.toml` have not been run: all seeds of `qcfs` of vgg9, levels 4, `exact`" in page
        assert "of vgg5, levels 4" not in page.rpartition("have not been run")[2]

    def test_a_source_whose_name_has_hyphens_is_named(self, done, call, folder):
        text = (folder / "bars.results.json").read_text().replace("qcfs", "qcfs-with-limit")
        (folder / "hyphens.toml").write_text(STUDY.replace("qcfs", "qcfs-with-limit"))
        (folder / "hyphens.results.json").write_text(text)
        call("study hyphens.toml --page hyphens.md")
        assert "on the network of `qcfs-with-limit`;" in (folder / "hyphens.md").read_text()

    def test_a_part_is_reported_as_a_part(self, done, call, folder):
        results = json.loads((folder / "bars.results.json").read_text())
        results["results"] = [r for r in results["results"] if r["method"] != "exact" and r["name"] != "srp-vgg5-L4-s2"]
        (folder / "part.toml").write_text(STUDY)
        (folder / "part.results.json").write_text(json.dumps(results))
        call("study part.toml --page part.md")
        assert (
            "3 of 10 runs of `part.toml` have not been run: all seeds of `exact`; seed 2 of `srp`."
            in (folder / "part.md").read_text()
        )


def test_on_a_dask_cluster_of_two_workers_the_results_are_the_same(done, call, folder, monkeypatch):
    fork_dask_workers(monkeypatch)
    monkeypatch.setattr("spikelet_converters.study.pool.os.cpu_count", lambda: 2)  # one for each worker
    text = STUDY.replace('[method.rts]\nof = "qcfs"\nbaseline = "rts"\n', "").replace(
        '[method.before]\nof = "start"\n', ""
    )
    (folder / "dask.toml").write_text(text)
    environment = dict(os.environ)
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # another cluster may hold the port, as where the tests run twice at once
            other.bind(("127.0.0.1", 8787))
            other.listen()
        report = json.loads(call("study dask.toml --out dask --dask --workers 2 --only *-s1 --json").out)
    assert dict(os.environ) == environment, "the settings of the workers are not those of this process"
    assert {path.name for path in (folder / "dask").iterdir() if path.is_dir()} == {
        f"{name}-vgg5-L4-s1" for name in ("start", "qcfs", "exact", "srp")
    }
    out, _ = done
    for result in report["studies"][0]["results"]:
        own_metrics = json.loads((out / result["name"] / "metrics.json").read_text())
        for key in ("accuracy", "weights", "source"):
            assert result[key] == own_metrics[key], (result["name"], key)


def test_a_missing_scheduler_is_reported(call, monkeypatch):
    pytest.importorskip("distributed")
    from spikelet_converters.study import pool

    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", "200ms")  # no server listens at this address
    message = call("study bars.toml --out x --dask tcp://127.0.0.1:9", code=1).err
    assert "no Dask scheduler answers there" in message


def test_an_interrupted_study_says_how_to_continue(call, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("spikelet_converters.study.pool.run_here", interrupted)
    message = call("study bars.toml --out stopped --only *-s1", code=130).err
    assert (
        message.strip()
        == "spikelet study: interrupted; continue with: spikelet study bars.toml --out stopped --only '*-s1'"
    )


class TestResidualsCommand:
    def test_prints_the_residual_errors(self, done, call, folder):
        line = "residuals out/qcfs-vgg5-L4-s1/best.pt --data data --steps 4"
        report = json.loads(call(f"{line} -o gaps.svg --json").out)
        first, second = report["layers"][:2]
        assert first["shares"] == {"0": 1.0}, "T = L and constant input"
        assert (first["sd"], first["skew"]) == (0.0, None)
        assert sum(second["shares"].values()) == pytest.approx(1)
        assert second["mean"] == pytest.approx(sum(int(k) * v for k, v in second["shares"].items()), abs=1e-4)
        assert (folder / "gaps.svg").read_text().startswith("<svg")
        assert "too many" in call(line).out
        report = json.loads(call(f"{line} --whole --json").out)
        assert report["layers"][0]["shares"] == {"0": 1.0}


MORE = """
[data]
path = "data"
name = "bars"
[test]
time_steps = [1, 2]
engine = "numpy"
calibration = 20
[grid]
seed = [1]
model = ["vgg5"]
[common]
levels = 3
batch = 16
epochs = 1
lambda_init = 1.0
[start]
checkpoint = "out/qcfs-vgg5-L4-s1/best.pt"
[method.plain]
of = "start"
[method.copies]
of = "start"
copies = 3
[method.snnc]
of = "start"
baseline = "snnc"
iterations = 2
[method.one]
levels = 1
about = "A control with one level."
"""


@pytest.fixture(scope="module")
def more(done, folder):
    (folder / "more.toml").write_text(MORE)
    study = read_study(folder / "more.toml")
    for run in study.runs:
        perform(study, run.name, folder / "more", Execution("spikelet study more.toml"))
    return study, folder / "more"


class TestMore:
    """Copies, levels of a method, shortened baselines and costs."""

    def test_copies_are_those_of_the_bundle(self, more, folder):
        study, out = more
        metrics = {m["method"]: m for m in read_metrics(study, out)}
        plain = bundle.read(out / "plain-vgg5-s1" / "bundle.snnb").graph
        copied = bundle.read(out / "copies-vgg5-s1" / "bundle.snnb")
        assert copied.graph == with_copies(plain, 3)
        test = read(folder / "data", "test")
        right = session.Model(copied, "numpy").run(test.images, 2).accuracy(test.labels)
        assert metrics["copies"]["accuracy"] == {"1": right[0], "2": right[1]}
        assert metrics["copies"]["neurons"] == 3 * metrics["plain"]["neurons"]

    def test_a_method_has_its_own_levels(self, more):
        study, out = more
        assert [run.name for run in study.runs if run.trains] == ["one-vgg5-s1"]
        assert load_checkpoint(out / "one-vgg5-s1" / "best.pt").spec.levels == 1

    def test_the_page_has_costs_notes_and_shortened_baselines(self, more):
        study, out = more
        metrics = read_metrics(study, out)
        rows = summarise(study, metrics)
        table = costs_table(study, rows).splitlines()
        plain, copies, _, one = (line.split(" | ") for line in table[4:8])
        operations = measured_operations(out / "plain-vgg5-s1" / "bundle.snnb", study)
        assert plain[2:4] == [f"{count / 1e6:.2f}" for count in operations]
        assert copies[0] == "| copies"
        # one epoch of the quantiser, after two epochs of the start and one of qcfs
        assert (plain[4], one[4], one[5]) == ("1.00", "1.00", "1.33 |")
        publish(study, metrics)
        write_page([study], out / "page.md", "spikelet …")
        page = (out / "page.md").read_text()
        assert page.startswith(f"# Results: {study.title}\n")
        assert "shorter than published: 20 images instead of 1,024, 2 iterations instead of 5,000" in page
        assert "A control with one level." in page
        assert costs_table(study, rows) in page

    def test_results_of_an_earlier_version_state_how_snnc_was_shortened(self, more):
        study, out = more
        metrics = [{k: v for k, v in m.items() if k not in ("shortened", "compute")} for m in read_metrics(study, out)]
        publish(study, metrics)
        write_page([study], out / "old.md", "spikelet …")
        assert (
            "shorter than published: 600 images instead of 1,024, 2 iterations instead of 5,000"
            in (out / "old.md").read_text()
        )
        assert costs_table(study, summarise(study, metrics)) == ""


def measured_operations(path, study):
    graph = bundle.read(path).graph
    images = read(study.data, "test").images[:COUNTED]
    events = tally(graph, sites(graph), images, 2, "numpy").events
    return (events.sum(1).cumsum() / len(images)).tolist()
