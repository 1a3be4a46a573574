"""Measure the accuracy of a spiking network after each time-step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikelet.data.images import ImageSet
from spikelet.engines import create, run
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.metrics.accuracy import order_of_labels

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
