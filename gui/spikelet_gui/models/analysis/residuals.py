"""Residual error between activation and spike rate, layer by layer.

For every neuron and image, the activation a of the source network, in spikes per time-step, is compared with the spike
rate n/T. All errors are errors of the rate, n/T - a, so that those at different T can be compared: half a spike, the
rounding error of an ideal neuron, is 1/(2T).

For k copies of a neuron, n is the number of spikes of all copies, and the rate is n/(kT), with kT + 1 levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet.nodes import IF
from spikelet_gui.models.activity.source import SourceNetwork, levels
from spikelet_gui.models.jobs import Progress

RESIDUAL_BATCH = 16
BINS = 64  # number of bins of an activation that is not quantised
HALF = 0.5 + 1e-6  # spikes; differences up to half a spike are rounding
RESIDUAL_STEPS = (1, 2, 4, 8, 16, 32)
LEAST = 8  # residuals are computed at least up to this T, if the network permits it

Joint = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerResidual:
    """Residuals of one layer at one T.

    Attributes:
        layer: Name of the layer.
        steps: T.
        activations: (A,) values of the activation.
        joint: (A, kT + 1) number of neurons, over all images, by activation and spike count.
        copies: Number of copies k of each neuron.
    """

    layer: str
    steps: int
    activations: npt.NDArray[np.float64]
    joint: Joint
    copies: int = 1

    @property
    def levels(self) -> int:
        """Largest spike count kT."""
        return self.steps * self.copies

    @property
    def total(self) -> int:
        """Number of neurons, without copies, times number of images."""
        return int(self.joint.sum())

    @property
    def residual(self) -> npt.NDArray[np.float64]:
        """Residual n - kT a in spikes, (A, kT + 1)."""
        return np.arange(self.levels + 1)[None] - self.levels * self.activations[:, None]

    @property
    def over(self) -> float:
        """Mean excess of the spike rate over the activation, max(n/T - a, 0)."""
        return float((self.joint * np.maximum(self.residual, 0)).sum() / self.total / self.levels)

    @property
    def under(self) -> float:
        """Mean deficit of the spike rate, max(a - n/T, 0)."""
        return float((self.joint * np.maximum(-self.residual, 0)).sum() / self.total / self.levels)

    @property
    def rms(self) -> float:
        """Root mean square of n/T - a."""
        return float(np.sqrt((self.joint * (self.residual / self.levels) ** 2).sum() / self.total))

    @property
    def bias(self) -> float:
        """Mean of n/T - a; positive if the layer over-fires on average."""
        return float((self.joint * self.residual).sum() / self.total / self.levels)

    @property
    def correlation(self) -> float | None:
        """Correlation of a and n/T; None if one of them is constant."""
        weight = self.joint / self.total
        a, n = self.activations[:, None], np.arange(self.levels + 1.0)[None]
        mean_a, mean_n = (weight * a).sum(), (weight * n).sum()
        spread = (weight * (a - mean_a) ** 2).sum() * (weight * (n - mean_n) ** 2).sum()
        if spread <= 0:
            return None
        return float((weight * (a - mean_a) * (n - mean_n)).sum() / np.sqrt(spread))

    def points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (a, n/T, share of neurons) of every pair that occurs."""
        index = np.argwhere(self.joint)
        return (
            self.activations[index[:, 0]],
            index[:, 1] / self.levels,
            self.joint[index[:, 0], index[:, 1]] / self.total,
        )

    def histogram(self, width: float = 0.5) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (centres, shares) of the residual n/T - a, in bins of `width` spikes."""
        residual = np.rint(self.residual / width).astype(np.intp)
        lowest, highest = int(residual.min()), int(residual.max())
        shares = np.bincount((residual - lowest).ravel(), self.joint.ravel(), highest - lowest + 1) / self.total
        return np.arange(lowest, highest + 1, dtype=np.float64) * width / self.levels, shares


@dataclass(frozen=True)
class Residuals:
    """Residuals of all layers on a set of images, at several T.

    Attributes:
        data: The images.
        steps: Values of T.
        layers: By layer and T.
        source: (N,) predictions of the source network.
        predictions: By T, (N,) predictions of the spiking network.
    """

    data: ImageSet
    steps: tuple[int, ...]
    layers: dict[str, dict[int, LayerResidual]]
    source: npt.NDArray[np.int64]
    predictions: dict[int, npt.NDArray[np.int64]]

    def agreement(self, steps: int) -> float:
        """Return the share of images with equal predictions at T = `steps`."""
        return float((self.source == self.predictions[steps]).mean())


def reach(steps: int, limit: int) -> tuple[int, ...]:
    """Return the values of T at which residuals are computed: powers of two.

    Args:
        steps: T of the window.
        limit: Largest T of the network.
    """
    return tuple(t for t in RESIDUAL_STEPS if t <= min(max(LEAST, steps), limit))


class _JointCounts:
    """Counts the neurons of a layer by activation and spike count, at several T, batch by batch.

    Args:
        node: The layer.
        steps: Values of T.
        bins: Number of steps between an activation of 0 and of 1.
    """

    def __init__(self, node: IF, steps: tuple[int, ...], bins: int) -> None:
        self._node, self._bins = node, bins
        self._joint = {t: np.zeros((bins + 1, node.copies * t + 1), np.int64) for t in steps}

    def begin(self, activation: npt.NDArray[np.float32]) -> None:
        """Begin a batch with these activations, (N, *shape)."""
        self._rows = np.rint(activation * self._bins).astype(np.intp).reshape(-1)
        self._spikes = np.zeros(self._rows.size, np.intp)

    def add(self, time: int, spikes: npt.NDArray[np.bool_]) -> None:
        """Add the spikes of a time-step, and count the neurons if `time` is one of the values of T."""
        self._spikes += neurons.layer_output(self._node, spikes).astype(np.intp).reshape(-1)
        joint = self._joint.get(time)
        if joint is not None:
            pairs = np.bincount(self._rows * joint.shape[1] + self._spikes, minlength=joint.size)
            joint += pairs.reshape(joint.shape)

    def residuals(self, layer: str) -> dict[int, LayerResidual]:
        """Return the residuals of the layer, by T."""
        values = np.arange(self._bins + 1) / self._bins
        return {t: LayerResidual(layer, t, values, joint, self._node.copies) for t, joint in self._joint.items()}


def residuals(bundle: Bundle, data: ImageSet, steps: tuple[int, ...], engine: str, progress: Progress) -> Residuals:
    """Compare the spiking network with its source network, layer by layer.

    Args:
        bundle: The bundle.
        data: The images.
        steps: Values of T, ascending, see `reach`.
        engine: Name of the engine.
        progress: Called with the number of finished and of all images.
    """
    graph, count = bundle.graph, levels(bundle)
    network = SourceNetwork(graph, count)
    counted = {name: _JointCounts(graph.neuron(name), steps, count or BINS) for name in graph.spiking}
    runner = create(graph, engine, graph.spiking)
    source: list[npt.NDArray[np.int64]] = []
    predictions: dict[int, list[npt.NDArray[np.int64]]] = {t: [] for t in steps}
    size = runner.fitting(RESIDUAL_BATCH)
    for start in range(0, len(data), size):
        progress(start, len(data))
        pixels = data.images[start : start + size].astype(np.float32)
        logits, activations = network.activations(pixels)
        source.append(logits.argmax(1))
        for name, layer in counted.items():
            layer.begin(activations[name])
        total = np.zeros((len(pixels), graph.classes))
        for t, output in run(runner, pixels[None], steps[-1]):
            total += output
            for name, layer in counted.items():
                layer.add(t + 1, runner.spikes(name))
            if t + 1 in steps:
                predictions[t + 1].append(total.argmax(1))
            progress.check()
    progress(len(data), len(data))
    return Residuals(
        data,
        steps,
        {name: layer.residuals(name) for name, layer in counted.items()},
        np.concatenate(source),
        {t: np.concatenate(batches) for t, batches in predictions.items()},
    )
