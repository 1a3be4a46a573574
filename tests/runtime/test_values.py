"""Bundles, models, results and images are pickled, copied and compared like other Python values."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

import spikelet
from networks import small_graph
from spikelet import bundle, data
from spikelet.array_fields import equal
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet.session import Model
from spikelet.verify import record_golden

NAMES = ("graph", "node", "golden", "bundle", "result", "step", "images", "sites", "tally")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 3, 6, 6)).astype(np.uint8)


def new_values():
    """Return, by name, a value of every class with arrays, and a value of the same class that differs from it."""
    graph = small_graph()
    written = Bundle(
        graph, Manifest("small", bits=4, exact_steps=exact_steps(graph)), record_golden(graph, IMAGES, 2), ""
    )
    model = Model(written, "numpy")
    result = model.run(IMAGES, steps=2, record="if1")
    first, second = model.stream(IMAGES[:1], steps=2, record="if1")
    images, places = data.ImageSet(IMAGES, np.arange(3), None, "noise"), sites(graph)
    counted = tally(graph, places, IMAGES, 2, "numpy")
    pairs = {
        "graph": (graph, small_graph(1)),
        "node": (graph.nodes["conv1"], graph.nodes["conv2"]),
        "golden": (written.golden, replace(written.golden, logits=written.golden.logits + 1)),
        "bundle": (written, replace(written, card="another")),
        "result": (result, model.run(IMAGES, steps=2)),
        "step": (first, second),
        "images": (images, images.take(slice(0, 2))),
        "sites": (places, places[:1]),
        "tally": (counted, replace(counted, margins=counted.margins + 1)),
    }
    assert tuple(pairs) == NAMES
    return pairs


@pytest.fixture(scope="module")
def values():
    return new_values()


@pytest.fixture(scope="module")
def same_values():
    return new_values()


@pytest.mark.parametrize("name", NAMES)
def test_values_with_equal_arrays_are_equal(name, values, same_values):
    value, other = values[name]
    assert value == same_values[name][0]
    assert value != other
    assert value != "another type"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_equal_and_of_the_same_type(name, duplicate, values):
    value = values[name][0]
    copied = duplicate(value)
    assert type(copied) is type(value)
    assert copied == value


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.zeros(2), np.zeros(2), True),
        (np.zeros(2), np.zeros(2, np.float32), False),
        (np.zeros(2), np.zeros(3), False),
        (np.zeros(1), 0.0, False),
        ({"a": np.zeros(2)}, {"a": np.zeros(2)}, True),
        ({"a": np.zeros(2)}, {"b": np.zeros(2)}, False),
        (np.zeros(1), np.zeros(3), False),
        (np.zeros((1, 3)), np.zeros(3), False),
    ],
)
def test_arrays_are_equal_in_dtype_shape_and_elements(a, b, expected):
    assert equal(a, b) is equal(b, a) is expected


@pytest.mark.parametrize("engine", ["numpy", "onnx"])
def test_a_model_that_has_run_is_sent_to_another_process(tmp_path, engine, values):
    """A bundle that was read from a file keeps its step.onnx; the copy creates engines of its own."""
    path = tmp_path / "small.snnb"
    bundle.write(values["bundle"][0], path)
    model = spikelet.load(path, engine)
    expected = model.run(IMAGES, steps=2)
    received = pickle.loads(pickle.dumps(model))
    assert received.run(IMAGES, steps=2) == expected
    assert received.bundle == model.bundle
    assert bytes(received.bundle.step.content) == bytes(model.bundle.step.content)
    assert received.graph.activity is not None
    assert dict(received.graph.activity) == dict(model.graph.activity)


@pytest.mark.parametrize("name", NAMES)
def test_a_repr_states_arrays_by_their_shape(values, name):
    """The elements of the weights of a network would fill pages of a notebook."""
    value = values[name][0]
    text = repr(value[0] if name == "sites" else value)
    assert "array" not in text
    assert " at 0x" not in text
    assert len(text) < 1000


def test_a_repr_keeps_the_order_of_a_mapping_and_cuts_long_values(values):
    graph = values["graph"][0]
    positions = [repr(graph).index(f"'{name}': ") for name in list(graph.nodes)[:4]]
    assert positions == sorted(positions)
    assert "IF(theta=int32 (4,), v_init=int32 (4,), reset='subtract'" in repr(graph.nodes["if1"])
    manifest = Manifest("small", provenance={"notes": ["a long note " * 100], "more": list(range(1000))})
    assert len(repr(manifest)) < 400
