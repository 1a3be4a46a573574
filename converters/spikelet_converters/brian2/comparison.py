"""Compare all spikes and potentials of two runs of a layer, and classify differences as ties or real.

In an exact network no difference is allowed. In a float32 network engines sum in different orders, and the rounding
error is proportional to the sums: a neuron's tolerance is `eps` times the largest possible sum of magnitudes in it. A
neuron whose potential is within the tolerance of its threshold may fire in one engine and not in the other: a tie.
After a tie the potentials of that neuron differ by theta until the other engine fires too; these differences are
counted as after a tie. Every other differing spike, and a potential that differs by more than the tolerance before any
tie, is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spikelet.graph import Graph
from spikelet.nodes import IF, Array
from spikelet_converters.brian2.synapses import Population, Values
from spikelet_converters.choices import TIE_TOLERANCE

LISTED_NEURONS = 6  # neurons per layer in the report

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Divergence:
    """A difference between the engine and Brian2.

    Attributes:
        layer: Name of the layer.
        image: Index of the image.
        step: Time-step, from 1.
        neuron: Index of the neuron in its layer.
        fired: Whether the neuron fired, (engine, Brian2).
        potentials: Potentials after the reset, (engine, Brian2).
        before: Brian2's potential before the reset.
        theta: Threshold, None for the output.
        tie: Whether Brian2's potential before the reset was on the threshold (float32: within the tolerance).
    """

    layer: str
    image: int
    step: int
    neuron: tuple[int, ...]
    fired: tuple[bool, bool]
    potentials: tuple[float, float]
    before: float
    theta: float | None
    tie: bool

    def facts(self) -> dict[str, object]:
        """Return the difference as JSON values."""
        return {
            "layer": self.layer,
            "neuron": list(self.neuron),
            "step": self.step,
            "image": self.image,
            "fired": {"engine": self.fired[0], "brian2": self.fired[1]},
            "potential": {"engine": self.potentials[0], "brian2": self.potentials[1]},
            "potential_before_reset": self.before,
            "theta": self.theta,
            "tie": self.tie,
        }

    def __str__(self) -> str:
        engine, brian2 = (
            f"{'fires' if fired else 'does not fire'} and is left at {potential:g}"
            for fired, potential in zip(self.fired, self.potentials, strict=True)
        )
        tie = " (a tie)" if self.tie else ""
        where = f"layer {self.layer}, neuron {self.neuron}, time-step {self.step}, image {self.image}"
        return f"{where}: engine {engine}, Brian2 {brian2}{tie}"


@dataclass(frozen=True)
class Sample:
    """A few neurons of one image, for the figures.

    Attributes:
        image: Index of the image.
        neurons: Indices of the k neurons in their layer.
        spikes: Spikes, (engine, Brian2), both (T, k).
        potentials: Potentials after the reset, (engine, Brian2), both (T, k).
        theta: Thresholds, (k,), or None for the output.
    """

    image: int
    neurons: tuple[tuple[int, ...], ...]
    spikes: tuple[Bools, Bools]
    potentials: tuple[Array, Array]
    theta: Array | None


@dataclass(frozen=True, kw_only=True)
class LayerDifferences:
    """Differences between two simulations of a layer.

    Attributes:
        name: Name of the layer.
        neurons: Number of compared neurons.
        spikes: Spikes in Brian2.
        differing_spikes: Number of spikes that occur in one of the two simulations only.
        ties: Differing spikes at a tie (float32 networks).
        after_ties: Differing spikes after a tie (float32 networks).
        drifts: Potentials that differ by more than the tolerance before any tie.
        max_potential_difference: Over all potentials; in float32 networks, over those before a tie.
    """

    name: str
    neurons: int
    spikes: int
    differing_spikes: int
    ties: int
    after_ties: int
    drifts: int
    max_potential_difference: float

    @property
    def real(self) -> int:
        """Differing spikes that are neither at nor after a tie."""
        return self.differing_spikes - self.ties - self.after_ties

    @property
    def ok(self) -> bool:
        """Whether all differences are at or after ties."""
        return self.real == 0 and self.drifts == 0


@dataclass(frozen=True, kw_only=True)
class LayerReport(LayerDifferences):
    """The comparison of one layer of the engine with Brian2. A tie affects later time-steps of the same neuron.

    Attributes:
        of: Number of neurons in the layer.
        first_divergence: The earliest difference.
        sample: Neurons for the figures.
    """

    of: int
    first_divergence: Divergence | None
    sample: Sample

    def facts(self) -> dict[str, object]:
        """Return the report as JSON values."""
        first = self.first_divergence
        return {
            "name": self.name,
            "neurons": self.neurons,
            "spikes": self.spikes,
            "differing_spikes": self.differing_spikes,
            "max_potential_difference": self.max_potential_difference,
            "first_divergence": None if first is None else first.facts(),
        }


@dataclass(frozen=True)
class Pair:
    """One population in the engine and in Brian2.

    Attributes:
        graph: The network.
        population: The neurons.
        spikes: (engine, Brian2), both (T, N, n).
        potentials: (engine, Brian2), both (T, N, n), after the reset.
        before: Brian2's potentials before the reset, (T, N, n).
        first_image: Index of the first of the N images.
        graded: Largest magnitude of the leaky integrators before the population, by name.
    """

    graph: Graph
    population: Population
    spikes: tuple[Bools, Bools]
    potentials: tuple[Array, Array]
    before: Values
    first_image: int = 0
    graded: Mapping[str, float] = field(default_factory=dict)

    @property
    def theta(self) -> Values | None:
        """The thresholds, (n,), or None for the output."""
        node, name = self.graph.nodes[self.population.name], self.population.name
        if not isinstance(node, IF):
            return None
        size = self.graph.neurons(name) // len(node.theta)
        return node.theta.astype(np.float64)[self.population.neurons // size]

    def tolerance(self, eps: float) -> Values:
        """Return the largest rounding error of the potentials, (n,): 0 in exact networks."""
        if self.graph.exact:
            return np.zeros(len(self.population))
        return eps * (self.reach() + (0 if self.theta is None else self.theta))

    def reach(self) -> Values:
        """Return the largest sum of magnitudes in the potentials, (n,)."""
        graph, population = self.graph, self.population
        mean = graph.input.mean.astype(np.float64)
        largest = float(np.maximum(np.abs(graph.input.low - mean), np.abs(graph.input.high - mean)).max())
        reach = np.abs(population.bias) + np.abs(self.potentials[1]).max((0, 1), initial=0)
        for source, synapses in population.inputs.items():
            magnitude = largest if source == graph.input_name else self.graded.get(source, 1.0)
            reach = reach + magnitude * np.bincount(synapses.post, np.abs(synapses.weight), len(reach))
        return reach

    def index(self, i: int) -> tuple[int, ...]:
        """Return the index in the layer of neuron i of the population."""
        shape = self.graph.shapes[self.population.name]
        return tuple(int(axis) for axis in np.unravel_index(self.population.neurons[i], shape))


def compare(pair: Pair, eps: float = TIE_TOLERANCE) -> LayerReport:
    """Compare one population. eps: relative tolerance of ties in float32 networks."""
    graph, theta, tolerance = pair.graph, pair.theta, pair.tolerance(eps)
    differs = pair.spikes[0] != pair.spikes[1]
    difference = np.abs(pair.potentials[0].astype(np.float64) - pair.potentials[1])
    at_threshold = np.zeros(difference.shape, np.bool_) if theta is None else np.abs(pair.before - theta) <= tolerance
    if graph.exact:
        first_ties = tied = np.zeros_like(differs)
        drifts = difference > 0
    else:
        diverged = np.logical_or.accumulate(differs, axis=0)
        first_ties = differs & at_threshold & ~np.concatenate([np.zeros_like(diverged[:1]), diverged[:-1]])
        tied = np.logical_or.accumulate(first_ties, axis=0)
        difference[diverged] = 0
        drifts = difference > tolerance
    real = (differs & ~tied) | drifts
    shown = real if real.any() else differs
    return LayerReport(
        name=pair.population.name,
        neurons=len(pair.population),
        of=graph.neurons(pair.population.name),
        spikes=int(pair.spikes[1].sum()),
        differing_spikes=int(differs.sum()),
        ties=int(first_ties.sum()),
        after_ties=int((differs & tied & ~first_ties).sum()),
        drifts=int(drifts.sum()),
        max_potential_difference=float(difference.max(initial=0)),
        first_divergence=_first(pair, shown, at_threshold),
        sample=_sample(pair, shown, differs),
    )


def merge(a: LayerReport, b: LayerReport, same_neurons: bool) -> LayerReport:
    """Merge two parts of a layer: the same neurons on other images, or other neurons on the same images."""
    first = min(
        [divergence for divergence in (a.first_divergence, b.first_divergence) if divergence is not None],
        key=lambda divergence: (divergence.tie, divergence.step),
        default=None,
    )
    return replace(
        a,
        neurons=a.neurons if same_neurons else a.neurons + b.neurons,
        spikes=a.spikes + b.spikes,
        differing_spikes=a.differing_spikes + b.differing_spikes,
        ties=a.ties + b.ties,
        after_ties=a.after_ties + b.after_ties,
        drifts=a.drifts + b.drifts,
        max_potential_difference=max(a.max_potential_difference, b.max_potential_difference),
        first_divergence=first,
        sample=a.sample if first is a.first_divergence else b.sample,
    )


def _first(pair: Pair, shown: Bools, at_threshold: Bools) -> Divergence | None:
    if not shown.any():
        return None
    at = np.unravel_index(int(shown.argmax()), shown.shape)  # (T, N, n): the earliest step comes first
    step, image, neuron = (int(index) for index in at)
    fired = bool(pair.spikes[0][at]), bool(pair.spikes[1][at])
    return Divergence(
        layer=pair.population.name,
        image=pair.first_image + image,
        step=step + 1,
        neuron=pair.index(neuron),
        fired=fired,
        potentials=(float(pair.potentials[0][at]), float(pair.potentials[1][at])),
        before=float(pair.before[at]),
        theta=None if pair.theta is None else float(pair.theta[neuron]),
        tie=bool(at_threshold[at]) and fired[0] != fired[1],
    )


def _sample(pair: Pair, shown: Bools, differs: Bools) -> Sample:
    """Return the neurons that differ on the first differing image or, if there are none, some neurons that fire."""
    image = int(np.unravel_index(int(shown.argmax()), shown.shape)[1])
    if shown.any():
        first = int(np.unravel_index(int(shown.argmax()), shown.shape)[2])
        never = len(shown)
        keys = np.array([np.where(m[:, image].any(0), m[:, image].argmax(0), never) for m in (shown, differs)])
        keys[:, first] = -1
        order = np.lexsort(keys)  # spikes first, then potentials
        chosen = order[: min(LISTED_NEURONS, int((keys.min(0) < never).sum()))]
    else:
        firing = np.flatnonzero(pair.spikes[1][:, image].any(0))
        pool = firing if len(firing) else np.arange(len(pair.population))
        chosen = pool[np.unique(np.linspace(0, len(pool) - 1, LISTED_NEURONS).astype(int))]
    engine, brian2 = (
        (s[:, image, chosen], v[:, image, chosen]) for s, v in zip(pair.spikes, pair.potentials, strict=True)
    )
    return Sample(
        image=pair.first_image + image,
        neurons=tuple(pair.index(int(neuron)) for neuron in chosen),
        spikes=(engine[0], brian2[0]),
        potentials=(engine[1], brian2[1]),
        theta=None if pair.theta is None else pair.theta[chosen],
    )
