"""One stream over the data: what every neuron fired, and what every image was answered.

Spikes are never kept. Each batch is folded at once into counts by neuron, and into a few numbers by image and
time-step, so memory does not grow with the data but for those numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.early_exit import margin
from spikelet.engines import create
from spikelet.engines.base import Spikes
from spikelet.graph import Graph
from spikelet.metrics.fanout import Map, Site

BATCH = 32
EXACT = 2**24  # whole numbers up to here are exact in float32, and so are their sums below it


@dataclass(frozen=True)
class Tally:
    """What N images did in T time-steps.

    spikes: by layer, (*shape): spikes of each neuron, over all images and time-steps.
    by_step: by layer, (T,): spikes of each time-step, over all images.
    events: (T, N) accumulates that the spikes of each time-step caused, for each image.
    predictions: (T, N) the answer after each time-step. margins: (T, N) how far the mean logit of the best
        class leads the second.
    raster: by layer, (T, *shape) bool: the spikes of the first image.
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
    places: tuple[Site, ...],
    images: npt.NDArray[np.uint8],
    steps: int,
    engine: str = "auto",
    threads: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Run the images, (N, *shape), each shown at every step, and count.

    places: of the graph's operations, as `fanout.sites` gives them.

    Raises:
        EngineError: `steps` is beyond what the network is proven exact for.
    """
    costs = _costs(graph, places)
    runner = create(graph, engine, graph.spiking, threads)
    n = len(images)
    spikes = {name: np.zeros(graph.shapes[name], np.int64) for name in graph.spiking}
    by_step = {name: np.zeros(steps, np.int64) for name in graph.spiking}
    raster = {name: np.zeros((steps, *graph.shapes[name]), np.bool_) for name in graph.spiking}
    events, predictions = np.zeros((steps, n), np.int64), np.zeros((steps, n), np.int64)
    margins = np.zeros((steps, n))
    for start in range(0, n, BATCH):
        part = images[start : start + BATCH]
        here = slice(start, start + len(part))
        runner.reset(len(part))
        total = np.zeros((len(part), graph.classes))
        for t in range(steps):
            total += runner.step(part.astype(np.float32) if t == 0 else None)
            predictions[t, here] = total.argmax(1)
            margins[t, here] = margin(total * graph.output.scale / (t + 1))
            for name in graph.spiking:
                fired = runner.spikes(name)
                count = fired.view(np.uint8).sum(0, dtype=np.uint8)  # at most BATCH
                spikes[name] += count
                by_step[name][t] += count.sum(dtype=np.int64)
                events[t, here] += weighted(fired, costs[name])
                if start == 0:
                    raster[name][t] = fired[0]
        on_progress(start + len(part), n)
    return Tally(n, steps, spikes, by_step, events, predictions, margins, raster)


def merged(parts: Sequence[Tally]) -> Tally:
    """The tally of all images, from those of parts of them, in order: one network, one T."""
    first = parts[0]

    def summed(field: str) -> dict[str, npt.NDArray[np.int64]]:
        return {name: sum(getattr(part, field)[name] for part in parts) for name in first.spikes}

    def joined(field: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, field) for part in parts], axis=1)

    return Tally(
        images=sum(part.images for part in parts),
        steps=first.steps,
        spikes=summed("spikes"),
        by_step=summed("by_step"),
        events=joined("events"),
        predictions=joined("predictions"),
        margins=joined("margins"),
        raster=first.raster,
    )


def weighted(fired: Spikes, cost: Map) -> npt.NDArray[np.int64]:
    """For each image, the sum of `cost` over the neurons that fired, exactly.

    fired: (N, *shape). cost: (*shape), 0 or more. Returns (N,).
    """
    flat, price = fired.reshape(len(fired), -1), cost.reshape(-1)
    total = np.zeros(len(fired), np.int64)
    highest = int(price.max())
    if highest == 0:
        return total
    # in pieces, each so short that float32 holds its sum; float64 for costs that no network has
    piece = max(EXACT // highest, 1)
    kind = np.dtype(np.float32 if highest <= EXACT else np.float64)
    exact = price.astype(kind)
    for start in range(0, price.size, piece):
        end = start + piece
        # einsum and not @: threads of BLAS would fight with the engine's for the cores
        total += np.einsum("nk,k->n", flat[:, start:end].astype(kind), exact[start:end]).astype(np.int64)
    return total


def _costs(graph: Graph, places: tuple[Site, ...]) -> dict[str, Map]:
    """By layer, (*shape): accumulates that a spike of each neuron causes, over all nodes."""
    costs = {name: np.zeros(graph.shapes[name], np.int64) for name in graph.spiking}
    for place in places:
        for name, reach in place.reach.items():
            costs[name] += reach
    return costs
