"""NeuroBench metrics, as defined by its source code (neurobench 2, `neurobench/metrics`).

    footprint            bytes of all parameters, zeros included
    connection sparsity  zero weights / weights, rounded to 4 places
    activation sparsity  zero activations / activations, over layers, time-steps and samples
    Dense                for a sample: all products of weights and inputs, zeros included; padding excluded
    Effective            non-zero weight times non-zero input: AC if the input of that layer, at that
                         time-step and over the whole batch, contains only 0, 1 and -1, else MAC
    membrane updates     for a sample: potentials that differ from those of the previous time-step; all at the first

Biases, pools and sums are not counted. Unlike in `operations`, a layer after a sum pool of spikes is counted in MACs,
once per value and not per spike, since its inputs exceed 1. A constant image is counted at every time-step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.copies import expand
from spikelet.engines import create, run
from spikelet.engines.base import Float
from spikelet.engines.numpy import NumpyEngine
from spikelet.graph import Graph
from spikelet.metrics.fanout import reach
from spikelet.nodes import IF, LI, Weighted

IMAGES = 32  # images of a measurement, one batch


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

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self)


class _Nodes(NumpyEngine):
    """The reference engine's nodes, evaluated one by one. Integrators keep their states from one step to the next."""

    def value(self, name: str, inputs: list[Float], pixels: Float) -> Float:
        node = self.graph.nodes[name]
        if isinstance(node, LI):
            self._v[name] = neurons.integrate(node, self._v[name], inputs[0])
            return self._v[name]
        return self._evaluate(name, inputs, pixels)


def neurobench(graph: Graph, images: npt.NDArray[np.uint8], steps: int, engine: str = "auto") -> NeuroBench:
    """Compute the metrics of a batch of images that are constant over time.

    Fewer images are used if the memory limit does not permit all of them. Copies of neurons are counted as the channels
    of `spikelet.copies.expand`, as frameworks without copies would run them.

    Args:
        graph: The network.
        images: Pixels, (N, *shape).
        steps: Number of time-steps T.
        engine: Name of the engine, or "auto".
    """
    graph = expand(graph)
    nodes, runner = _Nodes(graph), create(graph, engine, graph.spiking, steps=steps)
    images = images[: runner.fitting(len(images))]
    pixels = images.astype(np.float32)
    nodes.reset(len(images))
    maps = {
        name: reach(node, graph.shapes[graph.predecessors[name][0]])
        for name, node in graph.nodes.items()
        if isinstance(node, Weighted)
    }
    operations = {"mac": 0, "ac": 0}
    silent = activations = updates = 0
    before: dict[str, Float] = {}
    for t, _ in run(runner, pixels[None], steps):
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
    """Count the bytes of all tensors of the network, as stored in the bundle."""
    return sum(getattr(node, field).nbytes for node in graph.nodes.values() for field in node.tensors)


def connection_sparsity(graph: Graph) -> float:
    """Compute the share of zero weights of convolutions, linear layers and scales."""
    arrays = [node.weights for node in graph.nodes.values() if isinstance(node, Weighted)]
    zeros = sum(int(np.count_nonzero(weights == 0)) for weights in arrays)
    return round(zeros / sum(weights.size for weights in arrays), 4) if arrays else 0.0


def dense(graph: Graph) -> int:
    """Count the operations of one time-step as if no weight and no input were zero."""
    return sum(
        int(reach(node, graph.shapes[graph.predecessors[name][0]], dense=True).sum())
        for name, node in graph.nodes.items()
        if isinstance(node, Weighted)
    )


def _values(graph: Graph, nodes: _Nodes, spikes: Mapping[str, Float], pixels: Float) -> Callable[[str], Float]:
    """Return a function that computes the output of a node in a time-step, (N, *shape), on demand."""
    outputs = dict(spikes)

    def value(name: str) -> Float:
        # in topological order: recursion would be too deep for long chains
        needed, waiting = {name}, [name]
        while waiting:
            node = waiting.pop()
            if node in outputs or isinstance(graph.nodes[node], IF):
                continue
            added = [source for source in graph.predecessors[node] if source not in needed]
            needed.update(added)
            waiting.extend(added)
        for node in graph.order:
            if node in needed and node not in outputs:
                outputs[node] = nodes.value(node, [outputs[source] for source in graph.predecessors[node]], pixels)
        return outputs[name]

    return value
