"""The shipped network on the shipped images: every engine fires the same spikes.

Every neuron of every layer is compared with the reference engine on two images of each class; on all 500 the two fast
engines, which share no numerical code, are compared in the logits and the spikes of every layer at every time-step, T = 4. `make conformance` (SPIKELET_CONFORMANCE is set) compares every neuron on all 500, T = 16.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from spikelet import shipped
from spikelet.bundle import read
from spikelet.engines import create

pytestmark = pytest.mark.usefixtures("flags_of_users")
BUNDLE = Path(__file__).resolve().parents[2] / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
STEPS, BATCH = 16, 25
OF_A_CLASS, STEPS_OF_ALL = (50, 16) if "SPIKELET_CONFORMANCE" in os.environ else (2, 4)


@pytest.fixture(scope="module")
def graph():
    return read(BUNDLE).graph


@pytest.fixture(scope="module")
def images():
    bundle = read(BUNDLE)
    return shipped.images_for(bundle.graph.input.shape, bundle.manifest.labels)


def batches(images):
    for start in range(0, len(images), BATCH):
        yield f"images {start}…", images[start : start + BATCH].astype(np.float32)


def test_every_neuron_fires_as_in_the_reference_engine(graph, images):
    rows = np.concatenate([np.flatnonzero(images.labels == label)[:OF_A_CLASS] for label in range(10)])
    assert len(rows) == 10 * OF_A_CLASS
    reference, *engines = [create(graph, name, graph.spiking, threads=1) for name in ("numpy", "onnx", "native")]
    windows = [create(graph, name, threads=1) for name in ("onnx", "native")]
    spikes = 0
    for which, pixels in batches(images.images[rows]):
        for engine in (reference, *engines, *windows):
            engine.reset(len(pixels), STEPS if engine in windows else None)
        for t in range(STEPS):
            where = f"{which}, time-step {t + 1}"
            logits = reference.step(pixels if t == 0 else None)
            for engine in (*engines, *windows):
                assert np.array_equal(engine.step(pixels if t == 0 else None), logits), f"{engine.name}, {where}"
            for name in graph.spiking:
                expected = reference.spikes(name)
                for engine in engines:
                    assert np.array_equal(engine.spikes(name), expected), f"{engine.name}, {where}, layer {name}"
                counts = expected.reshape(len(pixels), -1).sum(1)
                for engine in windows:
                    assert np.array_equal(engine.spike_counts()[name], counts), f"{engine.name}, {where}, layer {name}"
                spikes += int(counts.sum())
    assert spikes > 20_000 * len(rows)


def test_fast_engines_agree_on_every_image(graph, images):
    engines = [create(graph, name, threads=1) for name in ("onnx", "native")]
    spikes = np.zeros(len(graph.spiking), np.int64)
    for which, pixels in batches(images.images):
        for engine in engines:
            engine.reset(len(pixels), STEPS_OF_ALL)
        for t in range(STEPS_OF_ALL):
            where = f"{which}, time-step {t + 1}"
            mine, theirs = (engine.step(pixels if t == 0 else None) for engine in engines)
            assert np.array_equal(mine, theirs), where
            counts = [engine.spike_counts() for engine in engines]
            for name in graph.spiking:
                assert np.array_equal(counts[0][name], counts[1][name]), f"{where}, layer {name}"
            spikes += [int(counts[0][name].sum()) for name in graph.spiking]
    assert (spikes > 0).all()
    assert spikes.sum() > 2_500_000
