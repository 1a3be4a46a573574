"""NeuroBench's metrics, by the definitions of its code (neurobench 2, `neurobench/metrics`).

    footprint            bytes of all parameters, zeros included
    connection sparsity  zero weights / weights, rounded to 4 places
    activation sparsity  zero activations / activations, over layers, time-steps and samples
    Dense                for a sample: weights times inputs as if none were zero; padding is no input
    Effective            non-zero weight times non-zero input: AC where the input of that layer, at that
                         time-step and over the whole batch, holds nothing but 0, 1 and -1, else MAC
    membrane updates     for a sample: membranes whose value differs from the time-step before; all at the first

Bias, pools and sums are not counted. A spike through a sum pool makes values above 1, so that what follows
is counted in MACs, once for each value and not for each spike: that is where these numbers and those of
`operations` differ. A constant image is counted at every time-step, as it is computed there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.engines import create
from spikelet.engines.base import Float
from spikelet.engines.numpy import NumpyEngine
from spikelet.graph import Graph
from spikelet.metrics.fanout import reach
from spikelet.nodes import IF, Conv2d, Linear, Scale

IMAGES = 32  # of a measurement: one batch


@dataclass(frozen=True)
class NeuroBench:
    """The metrics, for a batch of `images` images. Counts are for one image."""

    images: int
    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense: float
    membrane_updates: float

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class _Nodes(NumpyEngine):
    """The reference engine's nodes, evaluated one by one."""

    def value(self, name: str, inputs: list[Float], pixels: Float) -> Float:
        return self._evaluate(name, inputs, pixels)


def neurobench(graph: Graph, images: npt.NDArray[np.uint8], steps: int, engine: str = "auto") -> NeuroBench:
    """The metrics of a batch of images, (N, *shape), each shown at every one of `steps` time-steps."""
    nodes, runner = _Nodes(graph), create(graph, engine, graph.spiking)
    pixels = images.astype(np.float32)
    maps = {
        name: reach(node, graph.shapes[graph.predecessors[name][0]])
        for name, node in graph.nodes.items()
        if isinstance(node, Conv2d | Linear | Scale)
    }
    operations = {"mac": 0, "ac": 0}
    silent = activations = updates = 0
    before: dict[str, Float] = {}
    runner.reset(len(images))
    for t in range(steps):
        runner.step(pixels if t == 0 else None)
        spikes = {name: runner.spikes(name).astype(np.float32) for name in graph.spiking}
        for fired in spikes.values():
            silent += fired.size - int(np.count_nonzero(fired))
            activations += fired.size
        for name in graph.spiking:
            v = runner.potentials(name)
            updates += v.size if t == 0 else int(np.count_nonzero(v != before[name]))
            before[name] = v
        value = _values(graph, nodes, spikes, pixels)
        for name, cost in maps.items():
            x = value(graph.predecessors[name][0])
            binary = bool(np.isin(x, (-1, 0, 1)).all())
            operations["ac" if binary else "mac"] += int((cost * np.count_nonzero(x, axis=0)).sum())
    n = len(images)
    return NeuroBench(
        images=n,
        footprint=footprint(graph),
        connection_sparsity=connection_sparsity(graph),
        activation_sparsity=silent / activations,
        effective_macs=operations["mac"] / n,
        effective_acs=operations["ac"] / n,
        dense=dense(graph) * float(steps),
        membrane_updates=updates / n,
    )


def footprint(graph: Graph) -> int:
    """Bytes of all tensors of the network, as the bundle holds them."""
    return sum(getattr(node, field).nbytes for node in graph.nodes.values() for field in node.tensors)


def connection_sparsity(graph: Graph) -> float:
    """Zero weights over weights, of convolutions, linear layers and scales."""
    weights = [
        node.scale if isinstance(node, Scale) else node.weight
        for node in graph.nodes.values()
        if isinstance(node, Conv2d | Linear | Scale)
    ]
    zeros = sum(int(np.count_nonzero(each == 0)) for each in weights)
    return round(zeros / sum(each.size for each in weights), 4) if weights else 0.0


def dense(graph: Graph) -> int:
    """Operations of one time-step as if no weight and no input were zero."""
    return sum(
        int(reach(node, graph.shapes[graph.predecessors[name][0]], dense=True).sum())
        for name, node in graph.nodes.items()
        if isinstance(node, Conv2d | Linear | Scale)
    )


def _values(graph: Graph, nodes: _Nodes, spikes: Mapping[str, Float], pixels: Float) -> Callable[[str], Float]:
    """What a node sends on in a time-step, (N, *shape), computed only where it is asked for."""
    known = dict(spikes)

    def value(name: str) -> Float:
        # in topological order, so that a long chain needs no recursion
        needed, waiting = {name}, [name]
        while waiting:
            here = waiting.pop()
            if here in known or isinstance(graph.nodes[here], IF):
                continue
            fresh = [source for source in graph.predecessors[here] if source not in needed]
            needed.update(fresh)
            waiting.extend(fresh)
        for here in graph.order:
            if here in needed and here not in known:
                known[here] = nodes.value(here, [known[source] for source in graph.predecessors[here]], pixels)
        return known[name]

    return value
