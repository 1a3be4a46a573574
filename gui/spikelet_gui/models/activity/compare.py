"""Compare two networks, or one network on two engines, spike by spike."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.metrics.fanout import sites
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.tally import Tally
from spikelet.verify import Divergence, first_divergence
from spikelet_gui.models.activity.raster import Image, difference
from spikelet_gui.models.activity.trace import Frames, Trace, record
from spikelet_gui.models.jobs import Progress

COMPARED_BATCH = 16  # images per run
TIE = 1e-4  # largest distance from the threshold that counts as equal, in units of the threshold


@dataclass(frozen=True)
class Side:
    """A bundle and the engine that runs it."""

    bundle: Bundle
    engine: str

    @property
    def name(self) -> str:
        """Name of the model and the engine."""
        return f"{self.bundle.manifest.name} on {self.engine}"


@dataclass(frozen=True)
class FirstDifference:
    """The first spike that differs.

    Attributes:
        divergence: Layer, neuron and time-step.
        potentials: Potentials of both networks before the reset, in units of the threshold; None for a spike that reset
            its neuron to zero, since the potential is not recorded.
        fired: Whether the first and the second network fired.
        tie: Whether a recorded potential equals the threshold, up to rounding in float32.
    """

    divergence: Divergence
    potentials: tuple[float | None, float | None]
    fired: tuple[bool, bool]
    tie: bool


@dataclass(frozen=True)
class Comparison:
    """Comparison on one input.

    Attributes:
        sides: Both bundles and engines.
        traces: Both runs.
        layers: Spiking layers that both have by the same name and shape.
        first: The first spike that differs; None if none does, or if the networks have other layers.
        operations: Operations of both; none for an input that changes, which estimates of energy do not cover.
    """

    sides: tuple[Side, Side]
    traces: tuple[Trace, Trace]
    layers: tuple[str, ...]
    first: FirstDifference | None
    operations: tuple[Operations, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """Names of both sides; bundles of equal name are distinguished by their digests."""
        first, second = self.sides
        if first.name == second.name and first.bundle.digest != second.bundle.digest:
            return f"{first.name} ({first.bundle.digest[:8]})", f"{second.name} ({second.bundle.digest[:8]})"
        return first.name, second.name

    def raster(self, layer: str) -> Image:
        """Return (T, neurons), encoded as by `raster.difference`."""
        return difference(self.traces[0].spikes[layer], self.traces[1].spikes[layer])

    def prediction(self, side: int, time: int) -> str:
        """Return the name of the class that a side predicts after a time-step; its index if classes have no names."""
        trace, names = self.traces[side], self.sides[side].bundle.manifest.labels
        index = trace.prediction(min(time, trace.steps))
        return names[index] if names else str(index)

    def differing(self, layer: str) -> int:
        """Count the spikes of a layer that only one network fired."""
        return int(np.count_nonzero(self.traces[0].spikes[layer] != self.traces[1].spikes[layer]))

    @cached_property
    def same_classes(self) -> bool:
        """Whether both have the same classes, in any order."""
        classes = by_name(self.sides)
        return len(classes) == self.sides[0].bundle.graph.classes and bool((classes >= 0).all())

    @property
    def spikes(self) -> int:
        """Number of neurons and time-steps at which at least one network fired, over all layers."""
        return sum(int(np.count_nonzero(self.raster(layer))) for layer in self.layers)


@dataclass(frozen=True)
class Survey:
    """Comparison on many images.

    Attributes:
        images: Number of images.
        differing: Number of spikes that differ, by layer.
        agreement: (T,) share of images with equal predictions.
        accuracy: By side, (T,) accuracy; empty without labels.
        operations: Operations of both, the mean of all images.
    """

    images: int
    differing: dict[str, int]
    agreement: npt.NDArray[np.float64]
    accuracy: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)
    operations: tuple[Operations, ...] = ()


def by_name(sides: tuple[Side, Side]) -> npt.NDArray[np.int64]:
    """Return, for every class of the second network, the class of the first with the same name; -1 if there is none.

    Without names, classes of equal index are the same.
    """
    first, second = (side.bundle.manifest.labels for side in sides)
    if not first or not second or first == second:
        return np.arange(sides[1].bundle.graph.classes)
    indices = {name: index for index, name in enumerate(first)}
    return np.array([indices.get(name, -1) for name in second])


def common_layers(first: Bundle, second: Bundle) -> tuple[str, ...]:
    """Return the spiking layers that both have by the same name and shape."""
    a, b = first.graph, second.graph
    return tuple(name for name in a.spiking if name in b.spiking and a.population(name) == b.population(name))


def compare(sides: tuple[Side, Side], frames: Frames, steps: int, progress: Progress) -> Comparison:
    """Run both on one input.

    Args:
        sides: Both bundles and their engines.
        frames: The input, as for `record`.
        steps: T.
        progress: Called after every time-step.

    Raises:
        DataError: The inputs have different shapes.
    """
    _check(sides)
    a = record(sides[0].bundle, sides[0].engine, frames, steps, progress)
    b = record(sides[1].bundle, sides[1].engine, frames, steps, progress)
    layers = common_layers(sides[0].bundle, sides[1].bundle)
    first = _first(a, b, layers) if layers == a.graph.spiking else None
    counted = (_of_trace(a), _of_trace(b)) if a.constant else ()
    return Comparison(sides, (a, b), layers, first, counted)


def survey(sides: tuple[Side, Side], data: ImageSet, steps: int, progress: Progress) -> Survey:
    """Run both on a data set, and count differing spikes and equal predictions; classes are compared `by_name`.

    Args:
        sides: Both bundles and their engines.
        data: The images.
        steps: T.
        progress: Called with the number of finished and of all images.

    Raises:
        DataError: The inputs have different shapes.
    """
    _check(sides)
    layers = common_layers(sides[0].bundle, sides[1].bundle)
    engines = [create(side.bundle.graph, side.engine, side.bundle.graph.spiking) for side in sides]
    differing = dict.fromkeys(layers, 0)
    predictions = np.zeros((2, steps, len(data)), np.int64)
    graphs = [side.bundle.graph for side in sides]
    spikes = [{name: np.zeros(graph.neurons(name), np.int64) for name in graph.spiking} for graph in graphs]
    size = min(engine.fitting(COMPARED_BATCH) for engine in engines)
    for start in range(0, len(data), size):
        pixels = data.images[start : start + size].astype(np.float32)
        totals = [np.zeros((len(pixels), engine.graph.classes)) for engine in engines]
        for outputs in zip(*(run(engine, pixels[None], steps) for engine in engines), strict=True):
            for side, (t, logits) in enumerate(outputs):
                totals[side] += logits
                predictions[side, t, start : start + size] = totals[side].argmax(1)
                for name, counts in spikes[side].items():
                    counts += engines[side].spikes(name).reshape(len(pixels), -1).sum(0, np.int64)
            for name in layers:
                a, b = (engine.spikes(name) for engine in engines)
                differing[name] += int(np.count_nonzero(a != b))
            progress.check()
        progress(min(start + size, len(data)), len(data))
    predictions[1] = by_name(sides)[predictions[1]]
    labels = data.labels
    accuracy = {} if labels is None else {side: (predictions[side] == labels).mean(axis=1) for side in (0, 1)}
    counted = tuple(_operations(graph, counts, len(data), steps) for graph, counts in zip(graphs, spikes, strict=True))
    return Survey(len(data), differing, (predictions[0] == predictions[1]).mean(axis=1), accuracy, counted)


def _of_trace(trace: Trace) -> Operations:
    """Return the operations of one run."""
    spikes = {name: fired.sum(0, np.int64) for name, fired in trace.spikes.items()}
    return _operations(trace.graph, spikes, 1, trace.steps)


def _operations(graph: Graph, spikes: dict[str, npt.NDArray[np.int64]], images: int, steps: int) -> Operations:
    """Return the mean operations of an image. spikes: by layer, (neurons,) spikes over all images and time-steps."""
    shaped = {name: counts.reshape(graph.population(name)) for name, counts in spikes.items()}
    none = np.zeros((steps, 0), np.int64)
    return operations(graph, sites(graph), Tally(images, steps, shaped, {}, none, none, none.astype(np.float64), {}))


def _first(a: Trace, b: Trace, layers: tuple[str, ...]) -> FirstDifference | None:
    divergence = first_divergence(a.graph, {name: (a.spikes[name] != b.spikes[name])[:, None] for name in layers})
    if divergence is None:
        return None
    layer, time = divergence.layer, divergence.time
    neuron = int(np.ravel_multi_index(divergence.neuron, a.graph.population(layer)))
    before = [float(trace.before_reset(layer, neuron)[time - 1]) for trace in (a, b)]
    v = [None if np.isnan(potential) else potential for potential in before]
    fired = [bool(trace.spikes[layer][time - 1, neuron]) for trace in (a, b)]
    tie = any(potential is not None and abs(potential - 1) < TIE for potential in v)
    return FirstDifference(divergence, (v[0], v[1]), (fired[0], fired[1]), tie)


def _check(sides: tuple[Side, Side]) -> None:
    a, b = (side.bundle.graph.input.shape for side in sides)
    if a != b:
        raise DataError(
            f"the networks take inputs of different shapes, {a} and {b}, and cannot be compared on the same image",
            expected=str(a),
            found=str(b),
        )
