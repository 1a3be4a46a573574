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

from spikelet.graph import Graph
from spikelet.nodes import IF, Array
from spikelet_converters.brian2.differences import Bools, Divergence, LayerReport, Sample, earliest
from spikelet_converters.brian2.synapses import Population, Values
from spikelet_converters.choices import TIE_TOLERANCE

LISTED_NEURONS = 6  # neurons per layer in the report


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


def merge(a: LayerReport, b: LayerReport, *, same_neurons: bool, exact: bool) -> LayerReport:
    """Merge two parts of a layer: the same neurons on other images, or other neurons on the same images.

    Args:
        a: The first part.
        b: The second part.
        same_neurons: Whether both are of the same neurons.
        exact: Whether the network is exact.
    """
    first = earliest([part.first_divergence for part in (a, b) if part.first_divergence is not None], exact)
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
