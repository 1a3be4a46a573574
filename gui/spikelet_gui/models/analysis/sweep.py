"""Accuracy over a data set, with partial results, and the effect of early exit."""

from __future__ import annotations

from dataclasses import dataclass

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
from spikelet_gui.models.activity.source import SourceNetwork, levels, obstacle
from spikelet_gui.models.jobs import PartialProgress

PART = 100  # images per partial result
CURVE = 400  # thresholds of the early-exit curve
SOURCE_BATCH = 16  # images per evaluation of the source network


@dataclass(frozen=True)
class Sweep:
    """Partial or complete result.

    Attributes:
        data: The data set.
        done: Number of images that are finished.
        counted: Spikes and predictions of these images.
        accuracy: By time-step, with a 95% interval; None without labels.
        source: (n,) predictions of the source network, or None.
        measured: The measurement; None in a partial result.
        exits: Early exit by threshold; empty in a partial result.
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
        """Labels of the finished images, or None."""
        return None if self.data.labels is None else self.data.labels[: self.done]

    @property
    def source_accuracy(self) -> float | None:
        """Accuracy of the source network on the finished images, or None."""
        if self.source is None or self.labels is None:
            return None
        return float((self.source == self.labels).mean())

    def rates(self, layer: str) -> npt.NDArray[np.float64] | None:
        """Return (neurons,) spikes per time-step of each neuron of a layer; None in a partial result."""
        if self.measured is None:
            return None
        counted = self.counted
        rates: npt.NDArray[np.float64] = counted.spikes[layer].reshape(-1) / (counted.images * counted.steps)
        return rates

    def at_exit(self, threshold: float) -> Exit:
        """Return mean time-steps, accuracy and accumulates of early exit at a margin of `threshold`."""
        return at_threshold(self.counted, self.labels, threshold)

    def energy(self, threshold: float, profile: Profile) -> dict[str, Energy | None]:
        """Return the energy per image in pJ, by level, of early exit at `threshold`; requires `measured`."""
        assert self.measured is not None
        ops = operations_at_exit(self.measured.operations, self.at_exit(threshold))
        return spiking_levels(self.measured.bundle.graph, ops, profile, self.measured.buffer)


def sweep(
    bundle: Bundle, data: ImageSet, steps: int, engine: str, progress: PartialProgress[Sweep], part: int = PART
) -> Sweep:
    """Run all images, with partial results.

    Args:
        bundle: The bundle.
        data: The images.
        steps: T.
        engine: Name of the engine, or "auto".
        progress: Called with the number of finished and of all images, and with partial results.
        part: Number of images after which there is a partial result.

    Raises:
        DataError: There are no images, or labels exceed the classes of the network.
    """
    if not len(data):
        raise DataError.at(data.name, "contains no images")
    graph, engine = bundle.graph, choose(bundle.graph, engine)
    accuracy.check_labels(data, graph.classes)
    fan_out = sites(graph)
    network = SourceNetwork(graph, levels(bundle)) if obstacle(graph) is None and data.labels is not None else None
    parts: list[Tally] = []
    source: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(data), part):
        images = data.images[start : start + part]

        def report(done: int, total: int, start: int = start) -> None:
            progress(start + done, len(data))

        parts.append(tally(graph, fan_out, images, steps, engine, None, report))
        if network is not None:
            for first in range(0, len(images), SOURCE_BATCH):
                progress.check()
                logits, _ = network.activations(images[first : first + SOURCE_BATCH].astype(np.float32))
                source.append(logits.argmax(1))
        progress.partial(_partial(data, parts, source if network is not None else None))
    last = _partial(data, parts, source if network is not None else None)
    return completed(bundle, data, last.counted, last.source, engine)


def completed(
    bundle: Bundle, data: ImageSet, counted: Tally, source: npt.NDArray[np.int64] | None, engine: str
) -> Sweep:
    """Return the complete result of counts over all images of `data`."""
    measured = summarise(bundle, data, counted, engine)
    exits = tuple(exit_curve(counted, data.labels, CURVE))
    by_step = accuracy.accuracy(counted.predictions, data.labels)
    return Sweep(data, counted.images, counted, by_step, source, measured, exits)


def _partial(data: ImageSet, parts: list[Tally], batches: list[npt.NDArray[np.int64]] | None) -> Sweep:
    counted = merged(parts)
    labels = None if data.labels is None else data.labels[: counted.images]
    source = None if batches is None else np.concatenate(batches)
    return Sweep(data, counted.images, counted, accuracy.accuracy(counted.predictions, labels), source)
