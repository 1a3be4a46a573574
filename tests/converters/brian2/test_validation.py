"""Validation with Brian2: comparison, report, progress and cancelling."""

import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from networks import Builder, small_graph
from spikelet import shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read
from spikelet.errors import Cancelled, UsageError
from spikelet.verify import record_golden
from spikelet_converters.brian2 import validate

ROOT = Path(__file__).resolve().parents[3]
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 6)).astype(np.uint8)


def bundle_of(graph):
    manifest = Manifest(
        "small", bits=8 if graph.exact else None, exact_steps=exact_steps(graph) if graph.exact else None
    )
    return Bundle(graph, manifest, record_golden(graph, IMAGES[:2], 4), "")


@pytest.fixture(scope="module")
def bundle():
    return bundle_of(small_graph())


@pytest.mark.parametrize("neurons", [None, "all", 5])
def test_an_exact_network_agrees_in_every_spike_and_potential(bundle, neurons):
    report = validate(bundle, IMAGES, steps=6, neurons=neurons)
    assert report.ok
    assert report.mode == ("by layer" if neurons == 5 else "whole")
    assert [layer_report.name for layer_report in report.layers] == ["if1", "if2", "if3", "output"]
    assert all(
        layer_report.differing_spikes == 0 and layer_report.max_potential_difference == 0
        for layer_report in report.layers
    )
    assert all(layer_report.spikes > 0 for layer_report in report.layers[:-1])
    assert report.first_divergence is None


def test_a_sequence_agrees_too(bundle):
    sequence = np.random.default_rng(1).integers(0, 256, (5, 3, 3, 6, 6)).astype(np.uint8)
    for neurons in ("all", 9):
        report = validate(bundle, sequence, neurons=neurons)
        assert report.ok
        assert (report.steps, report.images) == (5, 3)


def test_json_has_the_shape_that_is_promised(bundle):
    facts = validate(bundle, IMAGES, steps=3).as_json()
    assert {"ok", "brian2_version", "layers"} <= set(facts)
    keys = {"name", "neurons", "spikes", "differing_spikes", "max_potential_difference", "first_divergence"}
    assert all(set(layer) == keys for layer in facts["layers"])


def test_progress_reaches_the_end_and_the_validation_can_be_cancelled(bundle):
    seen = []
    validate(bundle, IMAGES, steps=3, neurons=9, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[0][0] == 0
    assert seen[-1] == (29, 29)  # 9 + 9 + 8 + 3
    with pytest.raises(Cancelled, match="validation: cancelled"):
        validate(bundle, IMAGES, steps=3, neurons=9, cancelled=lambda: True)


def test_the_demo_bundle_agrees_in_a_sample_of_every_channel():
    demo = read(ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb")
    images = shipped.images_for(demo.graph.input.shape, demo.manifest.labels).images[:2]
    report = validate(demo, images, steps=4, neurons=128)
    assert report.ok
    assert report.mode == "by layer"
    assert sum(layer_report.neurons for layer_report in report.layers) == 8 * 128 + 10
    assert report.total("spikes") > 500


def test_a_fully_connected_network_agrees_in_all_neurons():
    net = Builder((12,), np.random.default_rng(0))
    net.linear("fc1", 20)
    net.neuron("if1", scale=2000)
    net.linear("fc2", 9)
    net.neuron("if2", reset="zero", tie=">")
    images = np.random.default_rng(1).integers(0, 256, (5, 12)).astype(np.uint8)
    graph = net.graph()
    bundle = Bundle(graph, Manifest("fc", bits=8, exact_steps=exact_steps(graph)), None, "")
    report = validate(bundle, images, neurons="all")
    assert report.ok
    assert [layer_report.neurons for layer_report in report.layers] == [20, 9, 3]
    assert all(layer_report.spikes > 0 for layer_report in report.layers[:-1])


@pytest.fixture
def interruptible():
    """Restore Python's handler of SIGINT, which is ignored in jobs that a shell starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_validation_has_no_result(bundle):
    def pressed(done, total):
        if done:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        validate(bundle, IMAGES, steps=3, neurons=9, on_progress=pressed)


def test_runs_in_a_thread(bundle):
    results = []
    thread = threading.Thread(target=lambda: results.append(validate(bundle, IMAGES, steps=3).ok))
    thread.start()
    thread.join()
    assert results == [True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: expected a whole number of 1…65536, found 0"),
        ({"steps": 60_000}, "is proven exact for"),
        ({"neurons": 0}, 'neurons: expected 1 or more, "all" or None, found 0'),
        ({"target": "fortran"}, 'target: expected "auto" or "numpy" or "cython", found'),
    ],
)
def test_invalid_arguments_are_refused(bundle, options, message):
    with pytest.raises(UsageError, match=message):
        validate(bundle, IMAGES, **options)
