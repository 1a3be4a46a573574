"""Kept measurements of accuracy, spike rates and operations: one for each bundle, data set and T.

A file that does not fit the bundle and the data is ignored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.metrics.tally import Tally
from spikelet_gui.models.analysis.sweep import Sweep, completed
from spikelet_gui.models.session.kept.store import Arrays, array, file_of, read_arrays, write_arrays


def path_of(folder: Path, bundle: Bundle, data: ImageSet, steps: int) -> Path:
    """Return the file of a measurement."""
    return file_of(folder, bundle, data, f"{steps}.npz")


def store(folder: Path, bundle: Bundle, data: ImageSet, sweep: Sweep) -> None:
    """Write a complete measurement of `data` or its first images, unless one of more images is kept."""
    counted = sweep.counted
    path = path_of(folder, bundle, data, counted.steps)
    previous = read_arrays(path, bundle, data)
    if previous is not None and len(previous.get("margins", np.zeros((1, 0)))[0]) > counted.images:
        return
    arrays: Arrays = {
        "events": counted.events,
        "predictions": counted.predictions,
        "margins": counted.margins,
    }
    for group, by_layer in (("spikes", counted.spikes), ("by_step", counted.by_step), ("raster", counted.raster)):
        arrays |= {f"{group}/{index}": value for index, value in enumerate(by_layer.values())}
    if sweep.source is not None:
        arrays["source"] = sweep.source
    write_arrays(path, bundle, data, arrays)


def restore(folder: Path, bundle: Bundle, data: ImageSet, steps: int, engine: str) -> Sweep | None:
    """Return the measurement of a bundle on `data` or its first images for T = `steps`, or None."""
    arrays = read_arrays(path_of(folder, bundle, data, steps), bundle, data)
    if arrays is None:
        return None
    try:
        counted = _tally(bundle, arrays, steps)
        source = array(arrays, "source", (counted.images,), np.int64) if "source" in arrays else None
    except (KeyError, ValueError):
        return None
    if not 0 < counted.images <= len(data):
        return None
    part = data if counted.images == len(data) else data.take(slice(0, counted.images))
    return completed(bundle, part, counted, source, engine)


def _tally(bundle: Bundle, arrays: Arrays, steps: int) -> Tally:
    """Return the counts. Raises KeyError or ValueError if an array is missing or of another shape or type."""
    graph, images = bundle.graph, arrays["margins"].shape[-1]
    layers = list(enumerate(graph.spiking))
    predictions = array(arrays, "predictions", (steps, images), np.int64)
    if predictions.size and not 0 <= predictions.min() <= predictions.max() < graph.classes:
        raise ValueError("predictions exceed the classes of the network")
    return Tally(
        images=images,
        steps=steps,
        spikes={name: array(arrays, f"spikes/{i}", graph.population(name), np.int64) for i, name in layers},
        by_step={name: array(arrays, f"by_step/{i}", (steps,), np.int64) for i, name in layers},
        events=array(arrays, "events", (steps, images), np.int64),
        predictions=predictions,
        margins=array(arrays, "margins", (steps, images), np.float64),
        raster={name: array(arrays, f"raster/{i}", (steps, *graph.population(name)), np.bool_) for i, name in layers},
    )
