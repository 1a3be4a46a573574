"""A network that compares two numbers, with known spike counts, its bundle, and images for it."""

import itertools

import numpy as np

from spikelet.bundle import Bundle, Manifest
from spikelet.data import ImageSet
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Input, Linear, Output
from spikelet.verify import record_golden

i32 = np.int32
THETA = 16


def comparator(neuron=None):
    """Return a network with two inputs of 0…255 and a neuron for each, whose logits are the spike counts."""
    one = np.full(2, THETA, i32)
    nodes = {
        "x": Input((2,), np.zeros(2, np.int16)),
        "if": IF(one, one // 2) if neuron is None else neuron,
        "fc": Linear(np.eye(2, dtype=np.int8), np.zeros(2, i32)),
        "y": Output(),
    }
    return Graph(nodes, tuple(itertools.pairwise(nodes)))


def bundle_of(graph, steps=8):
    """Return a bundle that was converted for `steps` time-steps."""
    golden = record_golden(graph, np.zeros((1, *graph.input.shape), np.float32), 1)
    return Bundle(graph, Manifest("comparator", bits=8, exact_steps=4096, conversion={"steps": steps}), golden, "")


def images(count=200, seed=0, name="random"):
    """Return pairs of numbers up to the threshold, labelled by the larger one."""
    pixels = np.random.default_rng(seed).integers(0, THETA + 1, (count, 2)).astype(np.uint8)
    return ImageSet(pixels, (pixels[:, 1] > pixels[:, 0]).astype(np.int64), None, name)


def leaky():
    """Return neurons that cannot have copies."""
    return LIF(np.full(2, THETA, i32), np.zeros(2, i32), decay=np.full(2, 3, i32))
