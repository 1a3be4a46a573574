"""Accuracy over a data set, part by part, so that it can be watched and stopped; and what early exit would change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import choose
from spikelet.errors import DataError
from spikelet.metrics import accuracy
from spikelet.metrics.accuracy import AccuracyPoint
from spikelet.metrics.energy import Energy, spiking_levels
from spikelet.metrics.exits import Exit, at_threshold, exit_curve, operations_at_exit
from spikelet.metrics.fanout import sites
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement, summarise
from spikelet.metrics.tally import Tally, merged, tally
from spikelet_gui.models.analysis.source import SourceNetwork, levels, obstacle
from spikelet_gui.models.jobs import Progress

PART = 100  # images between two looks at the running result
CURVE = 400  # thresholds of the curve that is dragged along: between two of them hardly an image changes its answer


@dataclass(frozen=True)
class Sweep:
    """What is known so far, or at the end.

    accuracy: by time-step with a 95 % interval, None without labels. source: (n,) answers of the float network as it
    is computed here, or None. measured: everything, at the end. exits: the trade-off of early exit, at the end.
    """

    data: ImageSet
    done: int
    counted: Tally
    accuracy: list[AccuracyPoint] | None
    source: npt.NDArray[np.int64] | None
    measured: Measurement | None = None
    exits: tuple[Exit, ...] = ()

    @property
    def labels(self) -> npt.NDArray[np.int64] | None:
        """Of the images that are done."""
        return None if self.data.labels is None else self.data.labels[: self.done]

    @property
    def source_accuracy(self) -> float | None:
        """Of the float network as it is computed here, on the images that are done."""
        if self.source is None or self.labels is None:
            return None
        return float((self.source == self.labels).mean())

    def rates(self, layer: str) -> npt.NDArray[np.float64] | None:
        """(neurons,) spikes a time-step of each neuron of a layer, once all images are done."""
        if self.measured is None:
            return None
        fired: npt.NDArray[np.float64] = self.counted.spikes[layer].reshape(-1) / (
            self.counted.images * self.counted.steps
        )
        return fired

    def lost(self, time: int) -> npt.NDArray[np.int64]:
        """Images that the float network gets right and the spiking one, after `time` steps, wrong."""
        if self.source is None or self.labels is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero((self.source == self.labels) & (self.counted.predictions[time - 1] != self.labels))

    def leaving(self, threshold: float) -> Exit:
        """Mean steps, accuracy and accumulates where images leave at a margin of `threshold`."""
        return at_threshold(self.counted, self.labels, threshold)

    def energy(self, threshold: float, profile: Profile) -> dict[str, Energy | None]:
        """By level, pJ of the mean image that leaves at `threshold`; needs `measured`."""
        assert self.measured is not None
        ops = operations_at_exit(self.measured.operations, self.leaving(threshold))
        return spiking_levels(self.measured.bundle.graph, ops, profile, self.measured.buffer)


def sweep(bundle: Bundle, data: ImageSet, steps: int, engine: str, progress: Progress, part: int = PART) -> Sweep:
    """Run the images for `steps` time-steps; a Sweep of what is done goes to `progress.partial` after each part.

    Raises:
        DataError: no images, or labels that the network has no class for.
    """
    if not len(data):
        raise DataError(f"{data.name}: holds no images")
    graph, engine = bundle.graph, choose(engine, bundle.graph)
    accuracy.check_labels(data, graph.classes)
    places = sites(graph)
    network = SourceNetwork(graph, levels(bundle)) if obstacle(graph) is None and data.labels is not None else None
    parts: list[Tally] = []
    answers: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(data), part):
        images = data.images[start : start + part]

        def said(done: int, total: int, start: int = start) -> None:
            progress(start + done, len(data))

        parts.append(tally(graph, places, images, steps, engine, None, said))
        if network is not None:
            for at in range(0, len(images), 16):
                progress.check()
                logits, _ = network.activations(images[at : at + 16].astype(np.float32))
                answers.append(logits.argmax(1))
        progress.partial(_so_far(data, parts, answers if network is not None else None))
    last = _so_far(data, parts, answers if network is not None else None)
    measured = summarise(bundle, data, last.counted, engine)
    exits = tuple(exit_curve(last.counted, data.labels, CURVE))
    return replace(last, measured=measured, exits=exits)


def _so_far(data: ImageSet, parts: list[Tally], answers: list[npt.NDArray[np.int64]] | None) -> Sweep:
    counted = merged(parts)
    labels = None if data.labels is None else data.labels[: counted.images]
    source = None if answers is None else np.concatenate(answers)
    return Sweep(data, counted.images, counted, accuracy.accuracy(counted.predictions, labels), source)
