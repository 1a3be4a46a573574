"""Measurements of a spiking network: accuracy by time-step, and bits of its weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikelet.bundle import manifest
from spikelet.data.images import ImageSet
from spikelet.engines import create, run
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.metrics.accuracy import order_of_labels
from spikelet.nodes import Conv2d, Linear, Scale

MEASURED_BATCH = 25


def measured(
    graph: Graph, images: ImageSet, steps: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Document:
    """Run images, each a constant input, and return an entry of a manifest's `results`.

    Args:
        graph: The network.
        images: Images; without labels the entry has no accuracy.
        steps: Number of time-steps T.
        on_progress: Called with the number of images done and the total.
    """
    engine = create(graph)
    correct = np.zeros(steps)
    predictions = []
    size = engine.fitting(MEASURED_BATCH)
    for start in range(0, len(images), size):
        batch = images.take(slice(start, start + size))
        total = np.zeros((len(batch), graph.classes))
        for t, logits in run(engine, batch.images[None], steps, window=True):
            total += logits
            if batch.labels is not None:
                correct[t] += (total.argmax(1) == batch.labels).sum()
        predictions.append(total.argmax(1))
        on_progress(start + len(batch), len(images))
    result: Document = {
        "data": images.name, "digest": images.digest, "images": len(images), "steps": steps, "engine": engine.name,
    }  # fmt: skip
    if images.labels is not None:
        result["accuracy"] = (correct / len(images)).tolist()
    note = order_of_labels(np.concatenate(predictions), images.labels) if predictions else ""
    return {**result, "note_on_labels": note} if note else result


def least_bits(graph: Graph) -> int:
    """Return the smallest number of bits, 2 or more, that represents every weight of an exact graph."""
    weights = [node.weight for node in graph.nodes.values() if isinstance(node, Conv2d | Linear)]
    weights += [node.scale for node in graph.nodes.values() if isinstance(node, Scale)]
    extremes = [int(value) for weight in weights for value in (weight.min(), weight.max())]
    return max(manifest.BITS[0], *(1 + (value if value >= 0 else ~value).bit_length() for value in extremes))
