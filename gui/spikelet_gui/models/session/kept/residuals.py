"""Kept residuals: the latest for each bundle, data set and largest T.

A file that does not fit the bundle and the data is ignored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.graph import Graph
from spikelet_gui.models.activity.source import levels
from spikelet_gui.models.analysis.residuals import BINS, LayerResidual, Residuals
from spikelet_gui.models.session.kept.store import Arrays, array, file_of, read_arrays, write_arrays


def residuals_path(folder: Path, bundle: Bundle, data: ImageSet, largest: int) -> Path:
    """Return the file of residuals. largest: their largest T."""
    return file_of(folder, bundle, data, f"{largest}-residuals.npz")


def store_residuals(folder: Path, bundle: Bundle, data: ImageSet, result: Residuals) -> None:
    """Write the residuals on `data` or its first images."""
    arrays: Arrays = {"steps": np.array(result.steps, np.int64), "source": result.source}
    for t in result.steps:
        arrays[f"predictions/{t}"] = result.predictions[t]
        for index, by_steps in enumerate(result.layers.values()):
            arrays[f"joint/{index}/{t}"] = by_steps[t].joint
    write_arrays(residuals_path(folder, bundle, data, result.steps[-1]), bundle, data, arrays)


def restore_residuals(folder: Path, bundle: Bundle, data: ImageSet, largest: int) -> Residuals | None:
    """Return the residuals of a bundle on `data` or its first images, up to T = `largest`, or None."""
    arrays = read_arrays(residuals_path(folder, bundle, data, largest), bundle, data)
    if arrays is None:
        return None
    graph, bins = bundle.graph, levels(bundle) or BINS
    try:
        steps = tuple(int(t) for t in arrays["steps"])
        images = len(arrays["source"])
        if not steps or steps[-1] != largest or not 0 < images <= len(data):
            return None
        return Residuals(
            data.take(slice(0, images)),
            steps,
            {name: _layer(graph, arrays, index, name, steps, bins) for index, name in enumerate(graph.spiking)},
            array(arrays, "source", (images,), np.int64),
            {t: array(arrays, f"predictions/{t}", (images,), np.int64) for t in steps},
        )
    except (KeyError, ValueError, TypeError):
        return None


def _layer(
    graph: Graph, arrays: Arrays, index: int, name: str, steps: tuple[int, ...], bins: int
) -> dict[int, LayerResidual]:
    copies, values = graph.neuron(name).copies, np.arange(bins + 1) / bins
    joints = {t: array(arrays, f"joint/{index}/{t}", (bins + 1, copies * t + 1), np.int64) for t in steps}
    if any(joint.min() < 0 or not joint.sum() for joint in joints.values()):
        raise ValueError("joint: expected counts")
    return {t: LayerResidual(name, t, values, joint, copies) for t, joint in joints.items()}
