"""Networks of known shapes with random weights, and thresholds for a given spike rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spikelet.engines.operators import convolve, windows
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Flatten, Input, Linear, Output, SumPool2d

VGG16 = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P")
VGG9 = (32, 32, "P", 64, 64, "P", 128, 128, "P")
HIDDEN = {VGG16: (4096, 4096), VGG9: (256, 256)}
STEPS = 4


def network(plan, rate: float, seed: int = 0) -> Graph:
    """Return a VGG for 3x32x32 with 8-bit weights, whose layers have the spike rate `rate` over 4 time-steps."""
    rng = np.random.default_rng(seed)
    nodes = {"input": Input((3, 32, 32), np.array([125, 123, 114], np.int16))}
    x = rng.integers(0, 256, (1, 3, 32, 32)).astype(np.float32) - 120
    x = np.repeat(x, STEPS, 0)

    def neurons(name, current):
        nonlocal x
        # descending: the rate decreases as the threshold increases
        low, high = 0.0, float(np.abs(current).max()) * STEPS
        for _ in range(24):
            theta = (low + high) / 2
            low, high = (theta, high) if fire(current, theta)[1] > rate else (low, theta)
        theta = max(1, int(high))
        x = fire(current, theta)[0]
        channels = current.shape[1]
        nodes[name] = IF(np.full(channels, theta, np.int32), np.full(channels, theta // 2, np.int32))

    def weights(*shape):
        return rng.integers(-127, 128, shape).astype(np.int8)

    for index, item in enumerate(plan):
        if item == "P":
            nodes[f"pool{index}"] = SumPool2d((2, 2), (2, 2))
            x = windows(x, (2, 2), (2, 2)).sum((-2, -1))
            continue
        node = Conv2d(weights(item, x.shape[1], 3, 3), np.zeros(item, np.int32), (1, 1), (1, 1))
        nodes[f"conv{index}"] = node
        neurons(f"if{index}", convolve(node, node.weight.astype(np.float32), x, (item, *x.shape[2:])))
    nodes["flatten"] = Flatten()
    x = x.reshape(STEPS, -1)
    for index, outputs in enumerate(HIDDEN[plan]):
        node = Linear(weights(outputs, x.shape[1]), np.zeros(outputs, np.int32))
        nodes[f"fc{index}"] = node
        neurons(f"iffc{index}", x @ node.weight.T.astype(np.float32))
    nodes["logits"] = Linear(weights(10, x.shape[1]), np.zeros(10, np.int32))
    nodes["output"] = Output()
    names = list(nodes)
    return Graph(nodes, tuple(pairwise(names)))


def fire(current, theta):
    """Return the spikes of integrate-and-fire neurons, (T, …), and their rate."""
    v, spikes = np.full(current.shape[1:], theta // 2, np.float32), np.empty_like(current)
    for t, step_current in enumerate(current):
        v = v + step_current
        spikes[t] = v >= theta
        v -= theta * spikes[t]
    return spikes, float(spikes.mean())
