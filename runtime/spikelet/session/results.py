"""`Result`, the output of a run, and `Step`, the output of one time-step of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet import display
from spikelet.array_fields import ArrayFields
from spikelet.graph import Graph
from spikelet.inputs import as_labels

if TYPE_CHECKING:
    from spikelet.plots import Plots

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, repr=False, eq=False)
class Result(ArrayFields):
    """Output of a run of N samples for T time-steps, with K classes.

    Attributes:
        sums: (T, N, K) float64, cumulative sum over time of the Output node. Its largest value is the prediction. It is
            constant after the early exit of a sample.
        scale: Logits of the source network per unit of `sums`.
        exit_steps: (N,) int64, time-step of the early exit of each sample; T without early exit.
        spike_counts: By layer, (T, N) int64, number of spikes at each time-step; 0 after an early exit.
        spikes: By recorded layer, (T, N, *shape) bool.
        potentials: By recorded layer, (T, N, *shape) float32, after the reset of the time-step.
        neurons: By layer, number of neurons.
        graph: The network, or None; for `plot.energy`.

    Examples:
        >>> import numpy as np, spikelet
        >>> model = spikelet.load("vgg9-cifar10", engine="numpy")
        >>> result = model.run(np.zeros((2, 3, 32, 32)), steps=4)
        >>> result.logits.shape, result.predictions.shape
        ((4, 2, 10), (4, 2))
    """

    sums: npt.NDArray[np.float64]
    scale: float
    exit_steps: npt.NDArray[np.int64]
    spike_counts: Mapping[str, npt.NDArray[np.int64]]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]
    neurons: Mapping[str, int]
    graph: Graph | None = None

    def __repr__(self) -> str:
        """Return the sizes and the mean spike rate in one line."""
        return display.line("Result", "", self._facts())

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        rates = {f"spike rate of {name}": f"{rate:.1%}" for name, rate in self.spike_rates.items()}
        return display.html("Result", self._facts() | rates)

    def _facts(self) -> dict[str, str]:
        steps, samples, classes = self.sums.shape
        neurons = sum(self.neurons.values())
        fired = sum(rate * self.neurons[name] for name, rate in self.spike_rates.items())
        facts = {"samples": str(samples), "time-steps": str(steps), "classes": str(classes)}
        if (self.exit_steps < steps).any():
            facts["mean exit step"] = f"{self.exit_steps.mean():.2f}"
        facts["mean spike rate"] = f"{fired / neurons:.1%}" if neurons else "none"
        return facts | {"recorded": display.several(tuple(self.spikes)) or "nothing"}

    @property
    def plot(self) -> Plots:
        """Plots with matplotlib: `plot.accuracy(labels)`, `.raster(layer)`, `.potentials(neurons)`, `.energy()`."""
        from spikelet.plots import Plots

        return Plots(self)

    @cached_property
    def logits(self) -> npt.NDArray[np.float64]:
        """(T, N, K) float64, `sums` in the units of the source network's logits."""
        logits: npt.NDArray[np.float64] = self.sums * self.scale
        return logits

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(T, N) int64, predicted class after each time-step: the largest sum, the first one in a tie."""
        predictions: npt.NDArray[np.int64] = self.sums.argmax(axis=2)
        return predictions

    @property
    def spike_rates(self) -> dict[str, float]:
        """By layer, spikes per neuron and time-step, over the time-steps before early exit."""
        time_steps = max(int(self.exit_steps.sum()), 1)
        return {
            name: float(count.sum()) / (time_steps * self.neurons[name]) for name, count in self.spike_counts.items()
        }

    def accuracy(self, labels: npt.ArrayLike) -> list[float]:
        """Return the share of correct predictions after each time-step, a list of T numbers.

        Args:
            labels: (N,) class indices.

        Raises:
            DataError: There is not one whole number per sample, or one is not the index of a class.

        Examples:
            >>> import spikelet
            >>> from spikelet import shipped
            >>> images = shipped.images_for((1, 28, 28), None).subset(20)
            >>> model = spikelet.load("vgg5-fashion-mnist", engine="numpy")
            >>> len(model.run(images.images, steps=2).accuracy(images.labels))
            2
        """
        labels = as_labels(labels, self.sums.shape[1], self.sums.shape[2])
        return [float(share) for share in (self.predictions == labels).mean(axis=1)]


@dataclass(frozen=True, eq=False, repr=False)
class Step(ArrayFields):
    """One time-step of a stream over a single sample.

    Attributes:
        time: Index of the time-step, from 1.
        age: Time-steps since the last reset; equal to `time` unless the stream was reset at `exact_steps`.
        sums: (K,) float64, cumulative sum of the Output node since the last reset.
        scale: Logits of the source network per unit of `sums`.
        spike_counts: By layer, number of spikes in this time-step.
        spikes: By recorded layer, (*shape) bool.
        potentials: By recorded layer, (*shape) float32, after the reset of the time-step.

    Examples:
        >>> import numpy as np, spikelet
        >>> model = spikelet.load("vgg9-cifar10", engine="numpy")
        >>> [step.time for step in model.stream(np.zeros((3, 32, 32)), steps=3)]
        [1, 2, 3]
    """

    time: int
    age: int
    sums: npt.NDArray[np.float64]
    scale: float
    spike_counts: Mapping[str, int]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]

    @property
    def logits(self) -> npt.NDArray[np.float64]:
        """(K,) float64, `sums` in the units of the source network's logits."""
        return self.sums * self.scale

    @property
    def prediction(self) -> int:
        """Predicted class after this time-step: the largest sum, the first one in a tie."""
        return int(self.sums.argmax())


def joined(parts: list[Result]) -> Result:
    """Join the results of consecutive parts of a batch, two or more."""

    def join(values: list[Mapping[str, npt.NDArray[Number]]]) -> dict[str, npt.NDArray[Number]]:
        return {name: np.concatenate([value[name] for value in values], axis=1) for name in values[0]}

    return Result(
        np.concatenate([part.sums for part in parts], axis=1),
        parts[0].scale,
        np.concatenate([part.exit_steps for part in parts]),
        join([part.spike_counts for part in parts]),
        join([part.spikes for part in parts]),
        join([part.potentials for part in parts]),
        parts[0].neurons,
        parts[0].graph,
    )
