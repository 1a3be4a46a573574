"""The demo: accuracy, cost, and equal results of all engines."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import spikelet
from counts.calls import peak_bytes
from spikelet import cli, shipped
from spikelet.bounds.ranges import EXACT_LIMIT, accumulators
from spikelet.bundle import read
from spikelet.engines import create

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "spikelet_assets"
BUNDLE = ASSETS / "vgg9-cifar10.snnb"


@pytest.fixture(scope="module")
def bundle():
    return read(BUNDLE)


@pytest.fixture(scope="module")
def images(bundle):
    return shipped.images_for(bundle.graph.input.shape, bundle.manifest.labels)


def test_it_is_shown_where_no_bundle_is_named():
    assert shipped.demo().name == BUNDLE.name


def test_the_shipped_images_are_fifty_of_each_class(images):
    assert len(images) == 500
    assert np.bincount(images.labels).tolist() == [50] * 10
    assert images.classes == read(BUNDLE).manifest.labels


def test_it_was_measured_on_the_whole_test_set(bundle):
    result = next(result for result in bundle.manifest.results if result["images"] == 10_000)
    assert result["data"] == "CIFAR-10 test"
    assert result["float_accuracy"] >= 0.87
    assert result["accuracy"][0] >= 0.80  # at one time-step
    assert result["accuracy"][7] >= result["float_accuracy"] - 0.005
    assert result["accuracy_before_quantisation"][7] - result["accuracy"][7] <= 0.005


def test_load_and_first_answer_stay_small():
    """Python and NumPy allocate less than 40 MB with the numpy engine."""

    def load_and_run():
        spikelet.load(BUNDLE, "numpy").run(np.zeros((3, 32, 32), np.uint8), steps=8)

    load_and_run()  # one-time loading is not counted
    assert peak_bytes(load_and_run) < 40e6


def test_the_worst_image_stays_within_the_proven_bounds(bundle):
    """The input with the most negative current of a channel of the first layer: its potential reaches the proven bound."""
    graph = bundle.graph
    conv, node = graph.nodes["conv1"], graph.nodes["if1"]
    channel = int(np.abs(conv.weight.astype(int)).sum((1, 2, 3)).argmax())
    pixels = np.zeros((1, 3, 32, 32), np.float32)
    pixels[0, :, 10:13, 10:13] = np.where(conv.weight[channel] < 0, 255, 0)
    drive = (conv.weight[channel] * (pixels[0, :, 10:13, 10:13] - graph.input.mean.reshape(3, 1, 1))).sum()
    steps = bundle.manifest.exact_steps
    limit = next(accumulator for accumulator in accumulators(graph) if accumulator.node == "if1")
    for name in ("numpy", "onnx", "native"):
        engine = create(graph, name, ["if1"])
        engine.reset(1)
        for t in range(steps):
            engine.step(pixels if t == 0 else None)
        v = engine.potentials("if1")[0, channel, 11, 11]
        assert v == int(node.v_init[channel]) + steps * (int(drive) + int(conv.bias[channel]))
        assert -EXACT_LIMIT <= -(limit.start[channel] + steps * limit.per_step[channel]) <= v < -1_000_000


def test_the_images_are_those_that_were_chosen(images):
    """50 of each class, drawn with seed 0 from the test split: any other choice has another digest."""
    assert images.digest.startswith("c65f1f4b296f68aa")


def test_it_compares_time_steps_with_copies(capsys):
    """The command of the Makefile on fewer images: every T without copies, and four copies at one time-step."""
    makefile = (ASSETS.parents[1] / "Makefile").read_text("utf-8")
    (line,) = re.findall(r"\$\(SPIKELET\) plan \$\(DEMO\) (.*) --all --time", makefile)
    assert cli.main(["plan", str(BUNDLE), *line.split(), "--count", "60", "--engine", "numpy", "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    settings = [(point["setting"]["copies"], point["setting"]["steps"]) for point in points]
    assert settings == [*((1, t) for t in range(1, 9)), (4, 1)]
    one, four = points[0], points[-1]
    assert four["neurons"] == 4 * one["neurons"]
    assert four["accuracy"] > one["accuracy"]
    assert points[3]["operations"] == pytest.approx(four["operations"], rel=0.1), "k T = 4 levels either way"
