"""Networks of lines and features, with a stated range of measured values: converted, run, reported and exported."""

import json

import numpy as np
import pytest
import torch

from spikelet import cli
from spikelet.bundle import read
from spikelet.verify import verify

MODEL = """
import torch
from torch import nn

torch.manual_seed(4)
lines = nn.Sequential(
    nn.Conv1d(2, 6, 5, padding=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 6, 3, dilation=2), nn.ReLU(),
    nn.Flatten(), nn.Linear(36, 3),
).eval()
features = nn.Sequential(nn.Linear(9, 12), nn.ReLU(), nn.Linear(12, 3))
"""
SPANS = {"lines": (-3.0, 3.0), "features": (-1.0, 7.0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model and labelled data; the labels are the answers of torch."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "model.py").write_text(MODEL)
    scope = {}
    exec(MODEL, scope)
    rng = np.random.default_rng(0)
    smooth = rng.normal(0, 1.5, (60, 2, 5)).repeat(4, 2)
    data = {"lines": smooth, "features": rng.uniform(-1, 7, (60, 9))}
    for name, values in data.items():
        with torch.no_grad():
            logits = scope[name](torch.from_numpy(values.astype(np.float32))).numpy()
        np.savez(folder / f"{name}.npz", x=values.astype(np.float32), y=logits.argmax(1))
    return folder


@pytest.fixture(scope="module", params=["lines", "features"])
def converted(folder, request):
    """Return (folder, name, arguments of the data) after `spikelet convert`."""
    name = request.param
    low, high = SPANS[name]
    shape = {"lines": "2x20", "features": "9"}[name]
    line = f"convert {folder}/model.py:{name} --input {shape} --range {low} {high} --calibration {folder}/{name}.npz"
    assert cli.main([*line.split(), "--steps", "16", "-o", f"{folder}/{name}.snnb", "--json"]) == 0
    return folder, name


def test_the_bundle_states_the_range_and_answers_as_torch_does(converted, capsys):
    folder, name = converted
    bundle = read(folder / f"{name}.snnb")
    assert bundle.graph.input.shape == {"lines": (2, 1, 20), "features": (9,)}[name]
    assert bundle.manifest.provenance["input_range"] == list(SPANS[name])
    capsys.readouterr()
    assert cli.main(["run", f"{folder}/{name}.snnb", f"{folder}/{name}.npz", "--json"]) == 0
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    assert (accuracy[-1] if isinstance(accuracy, list) else accuracy) > 0.85
    assert cli.main(["run", f"{folder}/{name}.snnb", f"{folder}/{name}.npz", "--range", "-99", "99", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)["accuracy"]
    assert other != accuracy, "the option replaces what the bundle states"


def test_reports_and_exports(converted, capsys):
    folder, name = converted
    bundle, data = f"{folder}/{name}.snnb", f"{folder}/{name}.npz"
    if name == "lines":
        assert cli.main(["report", bundle, data, "--count", "4", "-o", f"{folder}/{name}.html"]) == 0
        assert (folder / f"{name}.html").stat().st_size > 10_000
    assert cli.main(["energy", bundle, data, "--count", "4", "--json"]) == 0
    assert cli.main(["export", "c", bundle, f"{folder}/{name}-c", "--mcu"]) == 0
    assert verify(read(folder / f"{name}.snnb"), "native").ok
    assert (folder / f"{name}-c" / "model.c").is_file()


def test_a_range_is_not_for_pixels(folder, capsys):
    line = f"convert {folder}/model.py:features --input 9 --range 0 1 --raw-pixels --calibration {folder}/features.npz"
    assert cli.main([*line.split(), "-o", f"{folder}/x.snnb"]) == 2
    assert "--raw-pixels is for pixels 0…255 and --range for measured values" in capsys.readouterr().err
