"""Residuals, accuracy under faults and plans are kept between sessions, and belong to one bundle and one data set."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gui_support.bundles import bundle_of, plain_graph, quiet
from spikelet.metrics.faults import Fault
from spikelet.metrics.robustness import robustness
from spikelet_converters.planning.plan import plan
from spikelet_gui.models.analysis.planning import Planned
from spikelet_gui.models.analysis.residuals import reach, residuals
from spikelet_gui.models.session.kept.plan import plan_path, restore_plan, store_plan
from spikelet_gui.models.session.kept.residuals import residuals_path, restore_residuals, store_residuals
from spikelet_gui.models.session.kept.robustness import restore_robustness, robustness_path, store_robustness

FILE = Path("small.snnb")


@pytest.fixture(scope="module")
def bundle():
    """A bundle with a digest, as one that was read from a file."""
    return replace(bundle_of(plain_graph()), digest="1" * 64)


@pytest.fixture(scope="module")
def results(bundle, images):
    part = images.take(slice(0, 10))
    return {
        "residuals": residuals(bundle, part, reach(4, 100), "numpy", quiet()),
        "robustness": robustness(bundle, part, 4, [Fault("dropped", 0.1), Fault("stuck-on", 0.005)], range(2)),
        "plan": Planned(bundle, FILE, plan(bundle, part, copies=(1, 2), steps=2, engine="numpy", timed=True)),
    }


@pytest.fixture
def folder(tmp_path, bundle, images, results):
    store_residuals(tmp_path, bundle, images, results["residuals"])
    store_robustness(tmp_path, bundle, images, results["robustness"])
    store_plan(tmp_path, images, results["plan"])
    return tmp_path


def restored(folder, bundle, images, steps=4):
    return {
        "residuals": restore_residuals(folder, bundle, images, reach(steps, 100)[-1]),
        "robustness": restore_robustness(folder, bundle, images, steps),
        "plan": restore_plan(folder, bundle, FILE, images),
    }


def test_results_are_restored_unchanged(folder, bundle, images, results):
    kept_results = restored(folder, bundle, images)
    before, after = results["residuals"], kept_results["residuals"]
    assert (after.steps, len(after.data), after.data.name) == (before.steps, 10, "noise")
    assert [after.agreement(t) for t in after.steps] == [before.agreement(t) for t in before.steps]
    for layer in bundle.graph.spiking:
        for t in before.steps:
            assert np.array_equal(after.layers[layer][t].joint, before.layers[layer][t].joint)
            assert after.layers[layer][t].rms == before.layers[layer][t].rms
    assert kept_results["robustness"] == replace(results["robustness"], points=kept_results["robustness"].points)
    assert kept_results["robustness"].as_json() == results["robustness"].as_json()
    assert kept_results["plan"] == results["plan"]
    assert kept_results["plan"].front("time") == results["plan"].front("time")


@pytest.mark.parametrize("missing", ["bundle", "data", "folder"])
def test_results_of_another_bundle_or_of_other_images_are_not_shown(folder, bundle, images, missing, tmp_path):
    """Digests are compared in full: the first digits alone are in the name of the file."""
    if missing == "bundle":
        bundle = replace(bundle, digest=bundle.digest[:20] + "2" * 44)
    if missing == "data":
        images = replace(images, labels=(images.labels + 1) % 3)
    if missing == "folder":
        folder = tmp_path / "none"
    assert set(restored(folder, bundle, images).values()) == {None}


def test_another_t_has_its_own_results(folder, bundle, images):
    kept_results = restored(folder, bundle, images, 16)
    assert (kept_results["residuals"], kept_results["robustness"]) == (None, None)
    assert kept_results["plan"] is not None, "a plan is of all T"


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("source"),
        lambda arrays: arrays.update(steps=np.array([1, 2, 3])),
        lambda arrays: arrays.update(steps=np.zeros(0, np.int64)),
        lambda arrays: arrays.update({"joint/0/2": arrays["joint/0/2"][:1]}),
        lambda arrays: arrays.update({"joint/0/2": arrays["joint/0/2"] * 0}),
        lambda arrays: arrays.update({"predictions/4": arrays["predictions/4"].astype(np.float32)}),
        lambda arrays: arrays.update(digests=np.array(["a", "b"])),
    ],
)
def test_residuals_that_do_not_fit_are_ignored(folder, bundle, images, change):
    path = residuals_path(folder, bundle, images, 8)
    arrays = dict(np.load(path))
    change(arrays)
    np.savez(path, **arrays)
    assert restored(folder, bundle, images)["residuals"] is None


WRONG_FAULTS = [
    ("seeds", []),
    ("seeds", ["a"]),
    ("images", 51),
    ("measure", "speed"),
    ("steps", 3),
    ("sound", None),
    ("faults", [{}]),
    ("faults", [{"fault": "rust", "level": 0.1}]),
]
WRONG_PLANS = [
    ("points", []),
    ("points", [{"setting": {"copies": 0, "steps": 1, "margin": None}}]),
    ("chosen_on", {"images": "many"}),
    ("engine", None),
    ("initial_potentials_of_copies", "quarter"),
    ("profile", 3),
    ("refused", {"two": "no"}),
    ("tolerance", -1),
]


@pytest.mark.parametrize(("name", "value"), WRONG_FAULTS)
def test_an_accuracy_under_faults_that_does_not_fit_is_ignored(folder, bundle, images, name, value):
    change(robustness_path(folder, bundle, images, 4), "result", name, value)
    assert restored(folder, bundle, images)["robustness"] is None


@pytest.mark.parametrize(("name", "value"), WRONG_PLANS)
def test_a_plan_that_does_not_fit_is_ignored(folder, bundle, images, name, value):
    change(plan_path(folder, bundle, images), "plan", name, value)
    assert restored(folder, bundle, images)["plan"] is None


def change(path, part, name, value):
    content = json.loads(path.read_text())
    assert content[part][name] != value
    content[part][name] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b'{"digests": 3}'])
def test_damaged_files_are_ignored(folder, bundle, images, content):
    for file in folder.iterdir():
        file.write_bytes(content)
    assert set(restored(folder, bundle, images).values()) == {None}


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-0.5", "1.5", '"0.5"'])
def test_an_interval_out_of_range_is_ignored(folder, bundle, images, wrong):
    for path, value in (
        (robustness_path(folder, bundle, images, 4), f"[{', '.join([wrong] * 4)}]"),
        (plan_path(folder, bundle, images), wrong),
    ):
        path.write_text(path.read_text().replace('"low": ', f'"low": {value}, "before": '))
    assert (restored(folder, bundle, images)["robustness"], restored(folder, bundle, images)["plan"]) == (None, None)
