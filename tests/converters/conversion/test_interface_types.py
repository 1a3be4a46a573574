"""Functions of docs/api/conversion.md that take bundles and images: an argument of any type gives a SpikeletError."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from awkward_values import VALUES
from networks import Builder
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data import ImageSet
from spikelet.errors import ConversionError, SpikeletError, UsageError
from spikelet.verify import record_golden
from spikelet_converters.brian2.sampling import select as sampled
from spikelet_converters.conversion.copied_bundle import convert_copies
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.exports import nir, onnx
from spikelet_converters.frontends import Preprocessing, Source
from spikelet_converters.planning.plan import plan
from spikelet_converters.planning.settings import Budget

SHAPE = (1, 4, 4)
IMAGES = ImageSet(np.zeros((2, *SHAPE), np.uint8), np.zeros(2, np.int64), None, "zeros")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    net = Builder(SHAPE, np.random.default_rng(0))
    net.conv("conv", 2)
    net.neuron("if1")
    graph = net.graph()
    golden = record_golden(graph, IMAGES.images, 2)
    return Bundle(graph, Manifest("small", None, 8, exact_steps(graph)), golden, "")


@pytest.fixture(scope="module")
def calls(bundle, tmp_path_factory) -> list[tuple[Callable[..., object], dict[str, object]]]:
    """Functions with valid arguments."""
    folder = tmp_path_factory.mktemp("exports")
    settings = {"images": IMAGES, "method": "mse", "percentile": 99.9, "per": "layer", "steps": 2, "correct": True}
    return [
        (with_copies, {"graph": bundle.graph, "copies": 2, "start": "half"}),
        (
            convert_copies,
            {"bundle": bundle, "copies": 2, "start": "half", "name": "n", "steps": 2, "data": (), "command": ""},
        ),
        (
            plan,
            {"bundle": bundle, "data": IMAGES, "copies": [1], "steps": 1, "budget": Budget(), "tolerance": 0,
             "start": "half", "early_exit": False, "profile": None, "engine": "numpy", "threads": None, "timed": False},
        ),
        (nir.export, {"bundle": bundle, "path": folder / "a.nir", "form": "annotated", "dt": 1e-4}),
        (onnx.export, {"bundle": bundle, "folder": folder / "onnx"}),
        (Calibration, settings | {"copies": False}),
        (Preprocessing, {"mean": (0.0,), "std": (1.0,), "scale": 255.0}),
        (
            convert_source,
            {"source": Source("graph", bundle.graph), "name": "n", "calibration": None, "bits": 8, "steps": 2,
             "data": [IMAGES], "labels": None, "command": ""},
        ),
        (sampled, {"graph": bundle.graph, "neurons": 2, "seed": 0}),
    ]  # fmt: skip


def test_arguments_of_every_wrong_type(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a text is a path, which may be written
    foreign = []
    for function, arguments in calls:
        function(**arguments)
        for name in arguments:
            if (function, name) == (sampled, "graph"):
                continue  # `validate` checks the bundle
            for value in VALUES:
                if "steps" in name and isinstance(value, int) and value > 2**10:
                    continue  # many time-steps are many
                try:
                    function(**{**arguments, name: value})
                except SpikeletError:
                    continue
                except Exception as error:
                    foreign.append(
                        f"{function.__name__}({name}={type(value).__name__}): {type(error).__name__}: {error}"
                    )
    assert not foreign


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda b: with_copies(b, 2), UsageError, "graph: expected a Graph, found an object of type Bundle"),
        (
            lambda b: with_copies(b.graph, 2.0),
            ConversionError,
            r"copies of if1: expected a whole number of 1…255, found 2\.0",
        ),
        (lambda b: with_copies(b.graph, 2, "third"), UsageError, 'start: expected "trained" or "half", found'),
        (
            lambda b: convert_copies(b, 2, steps=2**16 + 1),
            UsageError,
            "steps: expected a whole number of 1…65536",
        ),
        (lambda b: convert_copies(b, 2, data=IMAGES), UsageError, "data: expected a sequence of ImageSet"),
        (
            lambda b: Calibration(IMAGES, percentile=101),
            UsageError,
            "percentile: expected a number of 0…100, found 101",
        ),
        (lambda b: Preprocessing(std=(0.0,)), UsageError, r"std: expected a number above 0"),
    ],
)
def test_messages_name_the_argument(bundle, call, kind, message):
    with pytest.raises(kind, match=message):
        call(bundle)
