"""Float against spiking, layer by layer: where is accuracy lost?

For every neuron and image the activation a of the source network, in spikes a time-step, is held against the rate
n/T of its spikes. A neuron over-fires at T when it fired more than half a spike above T a, and under-fires when it
fired more than half a spike below: half a spike is what rounding alone explains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet_gui.models.analysis.source import SourceNetwork, levels
from spikelet_gui.models.jobs import Progress

BATCH = 16
BINS = 64  # of an activation that is not quantised
STEPS = (1, 2, 4, 8, 16, 32)

Joint = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerResidual:
    """A layer at one T.

    joint: (A, T + 1) how many neurons, over all images, had each activation and each count of spikes.
    activations: (A,) those activations.
    """

    layer: str
    steps: int
    activations: npt.NDArray[np.float64]
    joint: Joint

    @property
    def total(self) -> int:
        """Neurons times images."""
        return int(self.joint.sum())

    @property
    def residual(self) -> npt.NDArray[np.float64]:
        """(A, T + 1) n - T a, in spikes."""
        return np.arange(self.steps + 1)[None] - self.steps * self.activations[:, None]

    @property
    def over(self) -> float:
        """Share that fired more than half a spike too many."""
        return float(self.joint[self.residual > 0.5 + 1e-6].sum()) / self.total

    @property
    def under(self) -> float:
        """Share that fired more than half a spike too few."""
        return float(self.joint[self.residual < -0.5 - 1e-6].sum()) / self.total

    @property
    def rms(self) -> float:
        """Root mean square of n/T - a."""
        return float(np.sqrt((self.joint * (self.residual / self.steps) ** 2).sum() / self.total))

    @property
    def bias(self) -> float:
        """Mean of n/T - a: above 0 where the layer fires too much."""
        return float((self.joint * self.residual).sum() / self.total / self.steps)

    @property
    def correlation(self) -> float | None:
        """Of a and n/T; None where one of them does not vary."""
        weight = self.joint / self.total
        a, n = self.activations[:, None], np.arange(self.steps + 1.0)[None]
        mean_a, mean_n = (weight * a).sum(), (weight * n).sum()
        spread = (weight * (a - mean_a) ** 2).sum() * (weight * (n - mean_n) ** 2).sum()
        if spread <= 0:
            return None
        return float((weight * (a - mean_a) * (n - mean_n)).sum() / np.sqrt(spread))

    def points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(a, n/T, share) of every pair that occurs."""
        where = np.argwhere(self.joint)
        return (
            self.activations[where[:, 0]],
            where[:, 1] / self.steps,
            self.joint[where[:, 0], where[:, 1]] / self.total,
        )

    def histogram(self, width: float = 0.5) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(middles, shares) of the residual in spikes, in bins of `width`."""
        residual = np.rint(self.residual / width).astype(np.intp)
        least, most = int(residual.min()), int(residual.max())
        shares = np.bincount((residual - least).ravel(), self.joint.ravel(), most - least + 1) / self.total
        return np.arange(least, most + 1, dtype=np.float64) * width, shares


@dataclass(frozen=True)
class Residuals:
    """All layers on a set of images, at several T; and both networks' answers.

    answers: by T, (N,) of the spiking network. source: (N,) of the float one.
    """

    data: ImageSet
    steps: tuple[int, ...]
    layers: dict[str, dict[int, LayerResidual]]
    source: npt.NDArray[np.int64]
    answers: dict[int, npt.NDArray[np.int64]]

    def agreement(self, steps: int) -> float:
        """Share of images that both answer alike."""
        return float((self.source == self.answers[steps]).mean())


def residuals(bundle: Bundle, data: ImageSet, most: int, engine: str, progress: Progress) -> Residuals:
    """Hold the spiking network against its source on `data`, at powers of two up to `most` time-steps."""
    graph, count = bundle.graph, levels(bundle)
    steps = tuple(t for t in STEPS if t <= most)
    network = SourceNetwork(graph, count)
    bins = count or BINS
    joint = {name: {t: np.zeros((bins + 1, t + 1), np.int64) for t in steps} for name in graph.spiking}
    runner = create(graph, engine, graph.spiking)
    source: list[npt.NDArray[np.int64]] = []
    answers: dict[int, list[npt.NDArray[np.int64]]] = {t: [] for t in steps}
    size = runner.fitting(BATCH)
    for start in range(0, len(data), size):
        progress(start, len(data))
        pixels = data.images[start : start + size].astype(np.float32)
        logits, activations = network.activations(pixels)
        source.append(logits.argmax(1))
        place = {name: np.rint(a * bins).astype(np.intp).reshape(-1) for name, a in activations.items()}
        counts = {name: np.zeros(place[name].size, np.intp) for name in graph.spiking}
        total = np.zeros((len(pixels), graph.classes))
        for t, output in run(runner, pixels[None], steps[-1]):
            total += output
            for name in graph.spiking:
                counts[name] += runner.spikes(name).reshape(-1)
                if t + 1 in steps:
                    pairs = np.bincount(place[name] * (t + 2) + counts[name], minlength=joint[name][t + 1].size)
                    joint[name][t + 1] += pairs.reshape(bins + 1, t + 2)
            if t + 1 in steps:
                answers[t + 1].append(total.argmax(1))
            progress.check()
    progress(len(data), len(data))
    levels_of = np.arange(bins + 1) / bins
    return Residuals(
        data,
        steps,
        {name: {t: LayerResidual(name, t, levels_of, joint[name][t]) for t in steps} for name in graph.spiking},
        np.concatenate(source),
        {t: np.concatenate(each) for t, each in answers.items()},
    )
