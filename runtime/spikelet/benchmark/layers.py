"""How the native engine evaluates each layer: the form, the work compared with the dense layer, and the time."""

from __future__ import annotations

import time
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Golden
from spikelet.engines import native
from spikelet.engines.native.timed import TimedEngine
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.layer_forms import Form
from spikelet.metrics.fanout import sites
from spikelet.nodes import Conv2d, Linear

SECONDS, LEAST_RUNS = 1.0, 5  # duration of a measurement, and the runs that it has at least


class LayerWork(TypedDict):
    """Work of a Conv2d or Linear.

    Attributes:
        node: Name of the node.
        form: Form in which the native engine evaluates it, see `LayerForms.form`.
        dense: Number of multiplications of the dense layer.
        added: Number of weights that spikes select in one time-step, mean over the golden inputs; `dense` for a layer
            that reads the image.
        microseconds: Time of the layer, with the neurons and pools after it, in a run of all time-steps of the golden
            inputs, by one thread; None if it was not measured.
    """

    node: str
    form: Form
    dense: int
    added: float
    microseconds: float | None


def layers(graph: Graph, golden: Golden) -> list[LayerWork]:
    """Return the work of each layer, in topological order, with the spikes of golden inputs.

    Times are measured if a C compiler is installed.

    Raises:
        EngineError: The network is float32.
    """
    program = HostProgram(graph, product_bytes=native.product_bytes())
    try:
        times = layer_times(graph, golden.inputs, golden.steps)
    except native.CompilerMissing:
        times = {}
    work: list[LayerWork] = []
    for site in sites(graph):
        if not isinstance(graph.nodes[site.node], Conv2d | Linear):
            continue
        added = float(site.dense)
        if site.operation == "ac":
            added = sum(
                float((golden.spikes[name].mean((0, 1)) * reach.reshape(-1)).sum())
                for name, reach in site.reach.items()
            )
        form, microseconds = program.plan.form(site.node), times.get(site.node)
        work.append(
            {"node": site.node, "form": form, "dense": site.dense, "added": added, "microseconds": microseconds}
        )
    return work


def layer_times(
    graph: Graph, images: npt.NDArray[np.generic], steps: int, seconds: float = SECONDS
) -> dict[str, float]:
    """Measure the time of each Conv2d and Linear in the native engine, with the neurons and pools after it.

    Args:
        graph: An exact network.
        images: (N, *input shape), which are run one after the other.
        steps: Number of time-steps T of a run.
        seconds: Duration of the measurement.

    Returns:
        Microseconds of a run of one image, by node: lower quartiles over the runs.

    Raises:
        EngineError: The network is float32.
        CompilerMissing: No C compiler is installed.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> read = bundle.read(shipped.demo())
        >>> sorted(layer_times(read.graph, read.golden.inputs, steps=2, seconds=0))[:3]
        ['conv1', 'conv2', 'conv3']
    """
    engine = TimedEngine(graph)
    samples: list[npt.NDArray[np.uint64]] = []
    engine.run_window(images[:1], steps)  # the first run is slower
    until = time.perf_counter() + seconds
    while len(samples) < LEAST_RUNS or time.perf_counter() < until:
        before, index = engine.node_times(), len(samples) % len(images)
        engine.run_window(images[index : index + 1], steps)
        samples.append(engine.node_times() - before)
    by_layer = {name: np.zeros(len(samples)) for name in graph.order if isinstance(graph.nodes[name], Conv2d | Linear)}
    if not by_layer:
        return {}
    for name, nanoseconds in zip(graph.order, np.array(samples).T, strict=True):
        by_layer[_layer(graph, name)] += nanoseconds / 1000
    return {name: float(np.quantile(times, 0.25)) for name, times in by_layer.items()}


def _layer(graph: Graph, name: str) -> str:
    """Return the Conv2d or Linear to which the time of a node belongs: the last one before it, else the first one."""
    while not isinstance(graph.nodes[name], Conv2d | Linear):
        sources = graph.predecessors[name]
        if not sources:  # the Input
            return next(name for name in graph.order if isinstance(graph.nodes[name], Conv2d | Linear))
        name = sources[0]
    return name
