"""Possible faults of an implementation of the format: at least one vector detects each of them."""

import json
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import second_reader
from conformance_vectors.generate import FOLDER

execution = sys.modules["second_reader.execute"]
INDEX = [
    entry for entry in json.loads((FOLDER / "index.json").read_bytes())["vectors"] if entry["verdict"] == "accepted"
]


@cache
def contents(file):
    return second_reader.read((FOLDER / file).read_bytes())


def noticing(change=None):
    """Name of the first vector whose answers are no longer those stored, or None.

    change: Returns a wrong network. Vectors whose networks it leaves as they are are not run.
    """
    for entry in INDEX:
        stored = contents(entry["file"])
        network = change(stored.network) if change else stored.network
        if change and all(map(same, network.nodes.values(), stored.network.nodes.values())):
            continue
        with np.errstate(all="ignore"):
            run = execution.execute(network, stored.golden.inputs[None], entry["steps"])
        if second_reader.mismatches(stored.golden, run, network.exact):
            return entry["name"]
    return None


def same(node, other):
    return node.attributes == other.attributes and all(map(np.array_equal, node.arrays.values(), other.arrays.values()))


def attributes(key, value, kinds=("IF", "LIF")):
    """Change an attribute of every node of the given kinds."""

    def change(network):
        nodes = {
            name: replace(node, attributes=node.attributes | {key: value(node.attributes[key])})
            if node.kind in kinds and key in node.attributes
            else node
            for name, node in network.nodes.items()
        }
        return replace(network, nodes=nodes)

    return change


def arrays(field, value, kinds=None):
    """Change an array of every node."""

    def change(network):
        nodes = {
            name: replace(node, arrays=node.arrays | {field: value(node.arrays[field])})
            if field in node.arrays and (kinds is None or node.kind in kinds)
            else node
            for name, node in network.nodes.items()
        }
        return replace(network, nodes=nodes)

    return change


def copies(value):
    """Change the initial potentials (C, copies) of every node with copies."""

    def change(network):
        nodes = dict(network.nodes)
        for name, node in network.nodes.items():
            number = execution.copies(node)
            if number > 1:
                potentials = value(node.arrays["v_init"].reshape(-1, number))
                nodes[name] = replace(node, arrays=node.arrays | {"v_init": potentials.reshape(-1)})
        return replace(network, nodes=nodes)

    return change


def swapped(pair):
    return pair[::-1]


def of_first_channel(values):
    return np.full_like(values, values[0])


MISTAKES = {
    "a tie never fires": attributes("tie", lambda tie: ">"),
    "a tie always fires": attributes("tie", lambda tie: ">="),
    "every reset subtracts": attributes("reset", lambda reset: "subtract"),
    "every reset is to zero": attributes("reset", lambda reset: "zero"),
    "subtract-late is taken for subtract": attributes("reset", lambda reset: reset.removesuffix("-late")),
    "v_init is ignored": arrays("v_init", np.zeros_like),
    "v_init below 0 is ignored": arrays("v_init", lambda v: np.maximum(v, 0)),
    "copies start alike": copies(lambda v: np.repeat(v[:, :1], v.shape[1], axis=1)),
    "copies are in reverse order": copies(lambda v: v[:, ::-1]),
    "copies of all channels alternate": copies(lambda v: np.ascontiguousarray(v.reshape(v.shape[::-1]).T)),
    "theta is that of the first channel": arrays("theta", of_first_channel),
    "v_init is that of the first channel": arrays("v_init", of_first_channel),
    "the mean is ignored": arrays("mean", np.zeros_like),
    "the mean is added": arrays("mean", np.negative),
    "the bias is ignored": arrays("bias", np.zeros_like),
    "a kernel is flipped": arrays("weight", lambda w: w[..., ::-1, ::-1] if w.ndim == 4 else w),
    "a kernel is transposed where it is square": arrays(
        "weight", lambda w: w.swapaxes(2, 3) if w.ndim == 4 and w.shape[2] == w.shape[3] else w
    ),
    "a scale has no sign": arrays("scale", np.abs),
    "the shift of an exact leak is one less": arrays("decay", lambda d: d - (d > 1) if d.dtype.kind == "i" else d),
    "an exact leak is ignored": arrays("decay", lambda d: np.full_like(d, 31) if d.dtype.kind == "i" else d),
    "a float32 leak is ignored in LI": arrays("decay", np.ones_like, ("LI",)),
    "decay is that of the first channel": arrays("decay", of_first_channel),
    "weights are taken for 7 bits": arrays("weight", lambda w: w.clip(-64, 63)),
    "weights are taken for 8 bits": arrays("weight", lambda w: w.clip(-128, 127)),
}


def test_no_vector_detects_a_right_network():
    assert noticing() is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_network_is_detected(mistake):
    assert noticing(MISTAKES[mistake]) is not None


class Layer:
    """A layer of an exact network within one time-step; operations change it one after another."""

    def __init__(self, node, v, current):
        copies = execution.copies(node)
        self.v, self.current, self.fired = v, np.repeat(current, copies, axis=1), np.zeros_like(v)
        self.zero, self.strict = node.attributes["reset"] == "zero", node.attributes["tie"] == ">"
        ones = (1,) * (v.ndim - 2)
        by_copy = {
            field: np.repeat(values.astype(np.int64), copies).reshape(-1, *ones)
            for field, values in node.arrays.items()
            if field != "v_init"
        }
        self.theta, self.decay = by_copy["theta"], by_copy.get("decay", 62)

    def leak(self):
        self.v = self.v - (np.where(self.decay == 62, 0, self.v >> self.decay))

    def leak_towards_zero(self):
        self.v = self.v - np.where(self.decay == 62, 0, np.trunc(self.v / 2.0**self.decay)).astype(np.int64)

    def add(self):
        self.v = self.v + self.current

    def compare(self):
        self.fired = (self.v > self.theta if self.strict else self.v >= self.theta).astype(np.int64)

    def compare_many(self):
        self.compare()
        self.fired = self.fired * np.maximum(self.v // self.theta, 1)

    def reset(self):
        self.v = np.where(self.fired > 0, 0, self.v) if self.zero else self.v - self.theta * self.fired

    def rectify(self):
        self.v = np.maximum(self.v, 0)

    def wrap(self):
        self.v = self.v.astype(np.int16).astype(np.int64)


RIGHT = (Layer.leak, Layer.add, Layer.compare, Layer.reset)
ORDERS = {
    "the leak rounds towards zero": (Layer.leak_towards_zero, *RIGHT[1:]),
    "the leak comes after the current": (Layer.add, Layer.leak, Layer.compare, Layer.reset),
    "the leak comes after the reset": (Layer.add, Layer.compare, Layer.reset, Layer.leak),
    "the comparison comes before the current": (Layer.leak, Layer.compare, Layer.add, Layer.reset),
    "the reset comes before the current": (Layer.leak, Layer.compare, Layer.reset, Layer.add),
    "several spikes a time-step": (Layer.leak, Layer.add, Layer.compare_many, Layer.reset),
    "potentials do not fall below 0": (*RIGHT, Layer.rectify),
    "potentials have 16 bits": (*RIGHT, Layer.wrap),
}


def neuron(operations):
    """Replace the operations of the neurons of exact networks; other nodes stay as they are."""
    right = execution._neuron

    def step(node, v, current):
        if v.dtype.kind == "f":
            return right(node, v, current)
        layer = Layer(node, v, current)
        for operation in operations:
            operation(layer)
        return layer.fired, layer.v, np.zeros(v.shape)

    return step


def test_no_vector_detects_a_right_neuron(monkeypatch):
    monkeypatch.setattr(execution, "_neuron", neuron(RIGHT))
    assert noticing() is None


@pytest.mark.parametrize("order", ORDERS)
def test_a_wrong_neuron_is_detected(order, monkeypatch):
    monkeypatch.setattr(execution, "_neuron", neuron(ORDERS[order]))
    assert noticing() is not None


def stateless(kind, change):
    right = execution._stateless
    return lambda node, fed, shape: (
        change(right(node, fed, shape), node, fed) if node.kind == kind else right(node, fed, shape)
    )


MISTAKEN_VALUES = {
    "Flatten has the channel last": (
        "Flatten",
        lambda y, node, fed: fed[0].transpose(0, 2, 3, 1).reshape(y.shape),
    ),
    "SumPool2d is a mean, rounded": (
        "SumPool2d",
        lambda y, node, fed: (y / np.prod(node.attributes["kernel"])).astype(y.dtype),
    ),
    "SumPool2d is a maximum of spikes": ("SumPool2d", lambda y, node, fed: np.minimum(y, 1)),
    "Add is of two values": ("Add", lambda y, node, fed: fed[0] + fed[1]),
    "Add is of spikes, or": ("Add", lambda y, node, fed: np.minimum(y, 1)),
}


@pytest.mark.parametrize("mistake", MISTAKEN_VALUES)
def test_a_wrong_value_is_detected(mistake, monkeypatch):
    monkeypatch.setattr(execution, "_stateless", stateless(*MISTAKEN_VALUES[mistake]))
    assert noticing() is not None


@pytest.mark.parametrize("key", ["stride", "padding", "kernel"])
def test_swapped_height_and_width_are_detected(key):
    """A wrong output shape is an error; some vector must have different numbers."""
    pairs = {
        (node.kind, tuple(node.attributes[key]))
        for entry in INDEX
        for node in contents(entry["file"]).network.nodes.values()
        if key in node.attributes
    }
    kinds = {kind for kind, _ in pairs}
    assert kinds == {kind for kind, pair in pairs if pair != swapped(pair)}


def test_a_choice_of_the_last_of_equal_classes_is_detected():
    wrong = []
    for entry in INDEX:
        sums = np.cumsum(contents(entry["file"]).golden.logits.astype(np.float64), axis=0)
        last = sums.shape[2] - 1 - sums[..., ::-1].argmax(2)
        wrong += [entry["name"]] if last.tolist() != entry["answers"] else []
    assert {"equal-logits", "equal-logits-in-the-end", "float32-equal-logits"} <= set(wrong)
