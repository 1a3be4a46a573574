"""Run images in batches and count spikes by neuron and predictions by image.

Spikes are not stored. Each batch is reduced to counts by neuron and a few numbers by image and time-step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from spikelet.array_fields import ArrayFields
from spikelet.engines import create, run
from spikelet.engines.base import Engine, Spikes
from spikelet.graph import Graph
from spikelet.inputs import ENGINE_BATCH, MAX_STEPS, as_sequence
from spikelet.metrics.fanout import Map, Site
from spikelet.options import function, instance, instances, whole
from spikelet.session.early_exit import margin

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False, repr=False)
class Tally(ArrayFields):
    """Counts over N images and T time-steps.

    Attributes:
        images: N.
        steps: T.
        spikes: By layer, (*shape): spikes of each neuron, over all images and time-steps.
        by_step: By layer, (T,): spikes of each time-step, over all images.
        events: (T, N), accumulates caused by the spikes of each time-step, for each image.
        predictions: (T, N), class after each time-step.
        margins: (T, N), difference between the two largest mean logits.
        raster: By layer, (T, *shape) bool: spikes of the first image.
    """

    images: int
    steps: int
    spikes: Mapping[str, Map]
    by_step: Mapping[str, npt.NDArray[np.int64]]
    events: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64]
    margins: npt.NDArray[np.float64]
    raster: Mapping[str, Spikes]


def tally(
    graph: Graph,
    sites: tuple[Site, ...],
    images: npt.NDArray[np.uint8],
    steps: int,
    engine: str = "auto",
    threads: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Run images as constant inputs, and count spikes, accumulates and predictions.

    Args:
        graph: The network.
        sites: Nodes that perform operations, from `fanout.sites`.
        images: Pixels, (N, *shape).
        steps: T.
        engine: Name of the engine, or "auto".
        threads: Number of threads; None: the default of the engine.
        on_progress: Called with (images done, N) after every batch.

    Raises:
        UsageError: An argument is of a wrong type.
        DataError: The images do not match the network.
        EngineError: `steps` exceeds the number of time-steps for which the network is proven exact.
        CostError: The counts of all time-steps need more memory than the limit permits.
    """
    instance("graph", graph, Graph)
    instances("sites", sites, Site)
    function("on_progress", on_progress)
    images, steps = as_sequence(graph, images)[0], whole("steps", steps, 1, MAX_STEPS)
    runner = create(graph, engine, graph.spiking, threads, steps=steps)
    recorded = graph.neuron_count + 32 * len(images)
    runner.limits.check(f"counts of {len(images)} images in {steps} time-steps", steps * recorded)
    raster = _raster(runner, images[:1], steps)
    runner.count_spikes(costs(graph, sites))
    n = len(images)
    by_step = {name: np.zeros(steps, np.int64) for name in graph.spiking}
    events, predictions = np.zeros((steps, n), np.int64), np.zeros((steps, n), np.int64)
    margins = np.zeros((steps, n))
    size = runner.fitting(ENGINE_BATCH, steps)
    for start in range(0, n, size):
        part = images[start : start + size]
        batch = slice(start, start + len(part))
        total = np.zeros((len(part), graph.classes))
        for t, logits in run(runner, part[None], steps, window=True):
            total += logits
            predictions[t, batch] = total.argmax(1)
            margins[t, batch] = margin(total * graph.output.scale / (t + 1))
            events[t, batch] = runner.events()
            for name, fired in runner.spike_counts().items():
                by_step[name][t] += fired.sum()
        on_progress(start + len(part), n)
    return Tally(n, steps, runner.counted(), by_step, events, predictions, margins, raster)


def merged(parts: Sequence[Tally]) -> Tally:
    """Merge the tallies of consecutive parts of the images, for one network and one T."""
    first = parts[0]

    def summed(field: str) -> dict[str, npt.NDArray[np.int64]]:
        return {name: sum(getattr(part, field)[name] for part in parts) for name in first.spikes}

    def joined(values: Iterable[npt.NDArray[Number]]) -> npt.NDArray[Number]:
        return np.concatenate(list(values), axis=1)

    return Tally(
        images=sum(part.images for part in parts),
        steps=first.steps,
        spikes=summed("spikes"),
        by_step=summed("by_step"),
        events=joined(part.events for part in parts),
        predictions=joined(part.predictions for part in parts),
        margins=joined(part.margins for part in parts),
        raster=first.raster,
    )


def _raster(runner: Engine, image: npt.NDArray[np.uint8], steps: int) -> dict[str, Spikes]:
    """Record the spikes of one image, (1, *shape). Returns them by layer, (T, *shape)."""
    spikes = {name: np.zeros((steps, *runner.graph.population(name)), np.bool_) for name in runner.record}
    for t, _ in run(runner, image[None], steps):
        for name, layer in spikes.items():
            layer[t] = runner.spikes(name)[0]
    return spikes


def costs(graph: Graph, sites: tuple[Site, ...]) -> dict[str, Map]:
    """Return, by layer, the accumulates that one spike of each neuron causes over all nodes, (*shape)."""
    total = {name: np.zeros(graph.population(name), np.int64) for name in graph.spiking}
    for site in sites:
        for name, reach in site.reach.items():
            total[name] += reach
    return total
