"""Measurements that outlive the session: one file for each bundle, data set and T, told apart by digests.

A file is an .npz of plain arrays, read without pickle. One that does not fit the bundle and the data is ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.errors import SpikeletError
from spikelet.files.atomic import replacing
from spikelet.metrics.tally import Tally
from spikelet_gui.models.analysis.sweep import Sweep, completed

KEPT = 40  # files; the oldest ones are deleted
MAX_BYTES = 2**28  # of a file
Number = TypeVar("Number", bound=np.generic)
Arrays = dict[str, npt.NDArray[np.generic]]


def path_of(folder: Path, bundle: Bundle, data: ImageSet, steps: int) -> Path:
    """Return the file of a measurement."""
    return folder / f"{bundle.digest[:20]}-{data.digest[:20]}-{steps}.npz"


def store(folder: Path, bundle: Bundle, data: ImageSet, sweep: Sweep) -> None:
    """Write a complete measurement of `data` or its first images, unless one of more images is kept.

    A folder that cannot be written is ignored: the session goes on without it.
    """
    counted = sweep.counted
    path = path_of(folder, bundle, data, counted.steps)
    previous = _read(path)
    if previous is not None and len(previous.get("margins", np.zeros((1, 0)))[0]) > counted.images:
        return
    arrays: Arrays = {
        "digests": np.array([bundle.digest, data.digest]),
        "events": counted.events,
        "predictions": counted.predictions,
        "margins": counted.margins,
    }
    for group, by_layer in (("spikes", counted.spikes), ("by_step", counted.by_step), ("raster", counted.raster)):
        arrays |= {f"{group}/{index}": value for index, value in enumerate(by_layer.values())}
    if sweep.source is not None:
        arrays["source"] = sweep.source
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for old in files[:-KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, SpikeletError):
        return


def restore(folder: Path, bundle: Bundle, data: ImageSet, steps: int, engine: str) -> Sweep | None:
    """Return the measurement of a bundle on `data` or its first images for T = `steps`, or None."""
    arrays = _read(path_of(folder, bundle, data, steps))
    if arrays is None:
        return None
    try:
        if arrays["digests"].tolist() != [bundle.digest, data.digest]:
            return None
        counted = _tally(bundle, arrays, steps)
        source = _array(arrays, "source", (counted.images,), np.int64) if "source" in arrays else None
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
    predictions = _array(arrays, "predictions", (steps, images), np.int64)
    if predictions.size and not 0 <= predictions.min() <= predictions.max() < graph.classes:
        raise ValueError("predictions exceed the classes of the network")
    return Tally(
        images=images,
        steps=steps,
        spikes={name: _array(arrays, f"spikes/{i}", graph.population(name), np.int64) for i, name in layers},
        by_step={name: _array(arrays, f"by_step/{i}", (steps,), np.int64) for i, name in layers},
        events=_array(arrays, "events", (steps, images), np.int64),
        predictions=predictions,
        margins=_array(arrays, "margins", (steps, images), np.float64),
        raster={name: _array(arrays, f"raster/{i}", (steps, *graph.population(name)), np.bool_) for i, name in layers},
    )


def _array(arrays: Arrays, name: str, shape: tuple[int, ...], dtype: type[Number]) -> npt.NDArray[Number]:
    """Return an array of this shape and type. Raises KeyError or ValueError for another one."""
    value = arrays[name]
    if value.shape != shape or value.dtype != dtype:
        raise ValueError(f"{name}: expected {dtype.__name__} {shape}, found {value.dtype} {value.shape}")
    return value.astype(dtype, copy=False)


def _read(path: Path) -> Arrays | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
