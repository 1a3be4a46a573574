"""References for counts: spikes of the reference engine, and the connections of a node one by one."""

import numpy as np
from hypothesis import HealthCheck, settings

from spikelet.engines import create
from spikelet.nodes import Linear, Scale

STEPS = 3
QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pixels_for(graph, count=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *graph.input.shape)).astype(np.uint8)


def recorded(graph, images, steps=STEPS):
    """Return the spikes of the reference engine by layer, (T, N, *shape)."""
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(len(images))
    spikes = {name: [] for name in graph.spiking}
    for t in range(steps):
        engine.step(images.astype(np.float32) if t == 0 else None)
        for name in graph.spiking:
            spikes[name].append(engine.spikes(name))
    return {name: np.stack(steps) for name, steps in spikes.items()}


def connections(node, shape):
    """Yield every (input index, weight) that the node multiplies, without padding."""
    if isinstance(node, Linear):
        for row in node.weight:
            yield from (((i,), w) for i, w in enumerate(row))
    elif isinstance(node, Scale):
        yield from ((index, node.scale[index[0]]) for index in np.ndindex(shape))
    else:
        _, height, width = node.output_shape((shape,))
        per_group = len(node.weight) // node.groups
        for out, kernel in enumerate(node.weight):
            first = out // per_group * kernel.shape[0]
            for y in range(height):
                for x in range(width):
                    for (c, i, j), w in np.ndenumerate(kernel):
                        row = y * node.stride[0] + i - node.padding[0]
                        column = x * node.stride[1] + j - node.padding[1]
                        if 0 <= row < shape[1] and 0 <= column < shape[2]:
                            yield (first + c, row, column), w
