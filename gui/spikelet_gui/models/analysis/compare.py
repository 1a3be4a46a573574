"""Two networks, or one network on two engines, side by side: every spike that differs, and the first that did."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet.errors import DataError
from spikelet.verify import Divergence, first_divergence
from spikelet_gui.models.analysis.raster import Image, difference
from spikelet_gui.models.analysis.trace import Pixels, Trace, record
from spikelet_gui.models.jobs import Progress

BATCH = 16


@dataclass(frozen=True)
class Side:
    """A bundle on an engine."""

    bundle: Bundle
    engine: str

    @property
    def name(self) -> str:
        """Model and engine."""
        return f"{self.bundle.manifest.name} on {self.engine}"


@dataclass(frozen=True)
class First:
    """The first spike that differs. before: potentials of both before the reset, in units of the threshold.

    tie: whether one of them lies at the threshold, but for what float32 rounds.
    """

    place: Divergence
    before: tuple[float, float]
    fired: tuple[bool, bool]
    tie: bool


@dataclass(frozen=True)
class Comparison:
    """What both did with one image. layers: those that both have, in the same shape."""

    sides: tuple[Side, Side]
    traces: tuple[Trace, Trace]
    layers: tuple[str, ...]
    first: First | None

    def raster(self, layer: str) -> Image:
        """(T, neurons) as `raster.difference` has it."""
        return difference(self.traces[0].spikes[layer], self.traces[1].spikes[layer])

    def differing(self, layer: str) -> int:
        """Spikes that one of them fired alone."""
        return int(np.count_nonzero(self.traces[0].spikes[layer] != self.traces[1].spikes[layer]))

    @property
    def spikes(self) -> int:
        """Places where at least one of them fired, over all layers."""
        return sum(int(np.count_nonzero(self.raster(layer))) for layer in self.layers)


@dataclass(frozen=True)
class Survey:
    """Both on many images. differing: by layer. agreement: (T,) share of images that both answer alike."""

    images: int
    differing: dict[str, int]
    agreement: npt.NDArray[np.float64]
    right: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)  # by side, (T,) accuracy


def common_layers(first: Bundle, second: Bundle) -> tuple[str, ...]:
    """Spiking layers that both have by the same name and shape."""
    a, b = first.graph, second.graph
    return tuple(name for name in a.spiking if name in b.spiking and a.shapes[name] == b.shapes[name])


def compare(sides: tuple[Side, Side], image: Pixels, steps: int, progress: Progress) -> Comparison:
    """Show both an image.

    Raises:
        DataError: they take inputs of different shapes.
    """
    _check(sides)
    a = record(sides[0].bundle, sides[0].engine, image, steps, progress)
    b = record(sides[1].bundle, sides[1].engine, image, steps, progress)
    layers = common_layers(sides[0].bundle, sides[1].bundle)
    return Comparison(sides, (a, b), layers, _first(a, b, layers) if layers == a.graph.spiking else None)


def survey(sides: tuple[Side, Side], data: ImageSet, steps: int, progress: Progress) -> Survey:
    """Show both a data set, and count."""
    _check(sides)
    layers = common_layers(sides[0].bundle, sides[1].bundle)
    engines = [create(side.bundle.graph, side.engine, side.bundle.graph.spiking) for side in sides]
    differing = dict.fromkeys(layers, 0)
    answers = np.zeros((2, steps, len(data)), np.int64)
    size = min(engine.fitting(BATCH) for engine in engines)
    for start in range(0, len(data), size):
        pixels = data.images[start : start + size].astype(np.float32)
        totals = [np.zeros((len(pixels), engine.graph.classes)) for engine in engines]
        for outputs in zip(*(run(engine, pixels[None], steps) for engine in engines), strict=True):
            for side, (t, logits) in enumerate(outputs):
                totals[side] += logits
                answers[side, t, start : start + size] = totals[side].argmax(1)
            for name in layers:
                one, other = (engine.spikes(name) for engine in engines)
                differing[name] += int(np.count_nonzero(one != other))
            progress.check()
        progress(min(start + size, len(data)), len(data))
    right = {} if data.labels is None else {side: (answers[side] == data.labels).mean(axis=1) for side in (0, 1)}
    return Survey(len(data), differing, (answers[0] == answers[1]).mean(axis=1), right)


def _first(a: Trace, b: Trace, layers: tuple[str, ...]) -> First | None:
    place = first_divergence(a.graph, {name: (a.spikes[name] != b.spikes[name])[:, None] for name in layers})
    if place is None:
        return None
    neuron = int(np.ravel_multi_index(place.neuron, a.graph.shapes[place.layer]))
    before = [float(trace.path(place.layer, neuron)[1][2 * place.time - 1]) for trace in (a, b)]
    fired = [bool(trace.spikes[place.layer][place.time - 1, neuron]) for trace in (a, b)]
    tie = any(abs(each - 1) < 1e-4 for each in before)
    return First(place, (before[0], before[1]), (fired[0], fired[1]), tie)


def _check(sides: tuple[Side, Side]) -> None:
    a, b = (side.bundle.graph.input.shape for side in sides)
    if a != b:
        raise DataError(
            f"the two networks take inputs of different shapes, {a} and {b}: they cannot be compared on one image"
        )
