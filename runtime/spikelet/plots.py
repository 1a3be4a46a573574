"""Plots of a result with matplotlib (`pip install "spikelet[plot]"`). Every plot returns its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.display import number_of
from spikelet.errors import MissingDependency, UsageError
from spikelet.graph import Graph
from spikelet.inputs import as_labels
from spikelet.metrics.accuracy import accuracy
from spikelet.metrics.energy import LEVELS, Energy, Levels, estimate
from spikelet.metrics.fanout import Map, sites
from spikelet.metrics.hardware import MAIN_PROFILE, find_profile
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.tally import Tally
from spikelet.neurons import per_channel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NEURONS = 20  # curves in one plot of potentials


class Run(Protocol):
    """The attributes of a `Result` that plots read, with T time-steps, N samples and K classes."""

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """(T, N, K), cumulative sums of the output."""

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(T, N), classes."""

    @property
    def exit_steps(self) -> npt.NDArray[np.int64]:
        """(N,), time-step of the early exit."""

    @property
    def spike_counts(self) -> Mapping[str, npt.NDArray[np.int64]]:
        """By layer, (T, N)."""

    @property
    def spikes(self) -> Mapping[str, npt.NDArray[np.bool_]]:
        """By recorded layer, (T, N, *shape)."""

    @property
    def potentials(self) -> Mapping[str, npt.NDArray[np.float32]]:
        """By recorded layer, (T, N, *shape)."""

    @property
    def graph(self) -> Graph | None:
        """The network."""


class Plots:
    """Plots of one result, as `result.plot`.

    Args:
        result: Output of a run.

    Examples:
        >>> result = model.run(images, record="if1")        # doctest: +SKIP
        >>> result.plot.raster("if1", sample=0)              # doctest: +SKIP
    """

    def __init__(self, result: Run) -> None:
        self._result = result

    def __repr__(self) -> str:
        """Return the names of the plots."""
        return "<plots of a result: accuracy(labels), raster(layer), potentials(neurons), energy()>"

    def accuracy(self, labels: npt.ArrayLike, ax: Axes | None = None) -> Axes:
        """Draw the accuracy after each time-step, with Wilson's 95% interval.

        Args:
            labels: (N,) class indices.
            ax: Axes to draw into; None for new ones.

        Raises:
            DataError: There is not one whole number per sample.
            MissingDependency: matplotlib is not installed.
        """
        result = self._result
        points = accuracy(result.predictions, as_labels(labels, result.sums.shape[1], result.sums.shape[2])) or []
        steps = [point["time_steps"] for point in points]
        ax = _axes(ax)
        ax.plot(steps, [100 * point["accuracy"] for point in points], marker="o")
        low, high = ([100 * point[bound] for point in points] for bound in ("low", "high"))
        ax.fill_between(steps, low, high, alpha=0.2, label="95% interval (Wilson)")
        ax.set(xlabel="time-steps", ylabel="accuracy (%)", title=number_of(result.sums.shape[1], "sample"))
        ax.legend()
        return ax

    def raster(self, layer: str | None = None, sample: int = 0, ax: Axes | None = None) -> Axes:
        """Draw the spikes of one sample: a row for each neuron, a column for each time-step.

        Args:
            layer: A recorded layer; None for the only one.
            sample: Index of the sample.
            ax: Axes to draw into; None for new ones.

        Raises:
            UsageError: The layer was not recorded, or there is no such sample.
            MissingDependency: matplotlib is not installed.
        """
        layer = self._recorded(layer)
        spikes = self._result.spikes[layer][:, self._sample(sample)]
        steps = len(spikes)
        ax = _axes(ax)
        image = spikes.reshape(steps, -1).T
        extent = (0.5, steps + 0.5, len(image) - 0.5, -0.5)
        ax.imshow(image, aspect="auto", interpolation="nearest", cmap="binary", vmin=0, vmax=1, extent=extent)
        ax.set(xlabel="time-step", ylabel="neuron", title=f"spikes of {layer}, sample {sample}")
        return ax

    def potentials(
        self, neurons: int | Sequence[int] = 0, layer: str | None = None, sample: int = 0, ax: Axes | None = None
    ) -> Axes:
        """Draw the potentials of some neurons of one sample, after the reset of each time-step, and their thresholds.

        Args:
            neurons: Index or indices of neurons in the flattened layer, at most 20.
            layer: A recorded layer; None for the only one.
            sample: Index of the sample.
            ax: Axes to draw into; None for new ones.

        Raises:
            UsageError: The layer was not recorded, or there is no such sample or neuron.
            MissingDependency: matplotlib is not installed.
        """
        layer = self._recorded(layer)
        values = self._result.potentials[layer][:, self._sample(sample)]
        values = values.reshape(len(values), -1)
        chosen = list(neurons) if isinstance(neurons, Sequence | np.ndarray) else [neurons]
        if not 0 < len(chosen) <= MOST_NEURONS:
            raise UsageError(f"neurons: expected 1 to {MOST_NEURONS} of them, found {len(chosen)}")
        thetas = None if self._result.graph is None else _thetas(self._result.graph, layer)
        ax = _axes(ax)
        for neuron in chosen:
            index = options.whole("neurons", neuron, 0, values.shape[1] - 1)
            (line,) = ax.step(
                range(1, len(values) + 1), values[:, index], where="mid", marker="o", label=f"neuron {index}"
            )
            if thetas is not None:
                ax.hlines(float(thetas[index]), 0.5, len(values) + 0.5, line.get_color(), "dashed", linewidth=1)
        label = "potential" if thetas is None else "potential (dashed: theta)"
        ax.set(xlabel="time-step", ylabel=label, title=f"potentials of {layer}, sample {sample}")
        ax.legend()
        return ax

    def energy(self, profile: str = MAIN_PROFILE, ax: Axes | None = None) -> Axes:
        """Draw the estimated energy per sample beside that of the same network without spikes, with low and high.

        The axis is logarithmic, because memory traffic can exceed operations by orders of magnitude.
        Accumulates are counted exactly in recorded layers; in the others, spikes count with the mean fan-out of the
        layer.

        Args:
            profile: Name of a hardware profile, or a TOML file.
            ax: Axes to draw into; None for new ones.

        Raises:
            UsageError: The profile is unknown or has no energies, or the result does not come from `Model.run`.
            MissingDependency: matplotlib is not installed.
        """
        result = self._result
        if result.graph is None:
            raise UsageError("plot.energy: the result has no network; take one that Model.run returned")
        hardware = find_profile(profile)
        if not hardware.priced:
            raise UsageError(f"profile: {hardware.name} has no published energies; choose another one")
        figures = estimate(result.graph, counted(result, result.graph), hardware)
        bars: dict[str, Levels] = {"spiking": figures.levels}
        bars |= {baseline.name: baseline.levels for baseline in figures.baselines}
        ax = _axes(ax)
        width = 0.8 / len(bars)
        for index, (name, levels) in enumerate(bars.items()):
            known = {position: energy for position, level in enumerate(LEVELS) if (energy := levels[level]) is not None}
            heights, errors = _whiskers(list(known.values()))
            positions = [position + (index - (len(bars) - 1) / 2) * width for position in known]
            ax.bar(positions, heights, width, yerr=errors, capsize=3, label=name)
        ax.set_yscale("log")
        ax.set(ylabel="energy per sample (µJ, estimate)", title=f"{hardware.name}, T = {len(result.sums)}")
        ax.set_xticks(range(len(LEVELS)), ["synaptic operations", "+ neurons", "+ memory"])
        ax.legend()
        return ax

    def _recorded(self, layer: str | None) -> str:
        recorded = tuple(self._result.spikes)
        if layer is None and len(recorded) == 1:
            return recorded[0]
        if isinstance(layer, str) and layer in recorded:
            return layer
        known = f"recorded are {', '.join(recorded)}" if recorded else "nothing was recorded"
        text = f"{options.shown(layer)} was not recorded, {known}" if layer is not None else f"name one; {known}"
        raise UsageError(f"layer: {text}; run(…, record={layer if isinstance(layer, str) else 'LAYER'!r}) records it")

    def _sample(self, sample: int) -> int:
        return options.whole("sample", sample, 0, self._result.sums.shape[1] - 1)


def _thetas(graph: Graph, layer: str) -> npt.NDArray[np.generic]:
    """Return the threshold of each neuron of a layer, flattened."""
    node, shape = graph.neuron(layer), graph.population(layer)
    return np.broadcast_to(per_channel(node.by_copy(node.theta), len(shape)), shape).reshape(-1)


def counted(result: Run, graph: Graph) -> Operations:
    """Return the mean operations of a sample, from the spike counts of a result."""
    samples, mean_exit = result.sums.shape[1], float(result.exit_steps.mean())
    spikes = {name: _by_neuron(result, graph, name) for name in graph.spiking}
    none = np.zeros((0, samples), np.int64)
    counts = Tally(samples, max(1, round(mean_exit)), spikes, {}, none, none, none.astype(np.float64), {})
    return replace(operations(graph, sites(graph), counts), steps=mean_exit)


def _by_neuron(result: Run, graph: Graph, layer: str) -> Map:
    """Return the spikes of each neuron over samples and time-steps; the same for all if the layer was not recorded."""
    if layer in result.spikes:
        fired: Map = result.spikes[layer].sum(axis=(0, 1), dtype=np.int64)
        return fired
    neurons = graph.neurons(layer)
    bounds = np.arange(neurons + 1, dtype=np.int64) * int(result.spike_counts[layer].sum()) // neurons
    return np.diff(bounds).reshape(graph.population(layer))


def _whiskers(energies: Sequence[Energy]) -> tuple[list[float], list[list[float]]]:
    """Return the middle of each energy in µJ, and the distances to low and high."""
    middle = [(energy.low + energy.high) / 2e6 for energy in energies]
    half = [(energy.high - energy.low) / 2e6 for energy in energies]
    return middle, [half, half]


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingDependency("matplotlib", "plot") from None
    axes: Axes = pyplot.subplots()[1]
    return axes
