"""Spike for spike and potential for potential: where two runs of a layer part, and whether that is a tie.

In an exact network nothing may differ. In a float32 network two engines add in another order, and what rounds is of
the size of the sums: a neuron's room is `eps` times the largest sum of magnitudes that can meet in it. A potential
that lies within that room of its threshold may fire in one engine and not in the other: a tie. From then on that
neuron's potentials are a theta apart until the spike is made up for, which is no second difference. Every other
difference, and a potential that drifts by more than its room before any tie, is real.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.graph import Graph
from spikelet.nodes import IF, Array
from spikelet_converters.brian2.synapses import Population, Values

EPS = 1e-5  # some 170 units in the last place of a float32
SHOWN = 6  # neurons of a layer that the report draws

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Divergence:
    """A neuron that does not do the same in both: its layer and index there, the image and time-step (from 1).

    fired: (engine, Brian2). potentials: (engine, Brian2) after the reset. before: Brian2's before the reset.
    theta: None for the output. tie: that potential lay on the threshold (float32: within its room of it).
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

    def facts(self) -> dict[str, Any]:
        """As JSON."""
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
        place = f"layer {self.layer}, neuron {self.neuron}, time-step {self.step}, image {self.image}"
        return f"{place}: engine {engine}, Brian2 {brian2}{tie}"


@dataclass(frozen=True)
class Sample:
    """A few neurons of one image, for the eye. spikes, potentials: (engine, Brian2), each (T, k)."""

    image: int
    neurons: tuple[tuple[int, ...], ...]
    spikes: tuple[Bools, Bools]
    potentials: tuple[Array, Array]
    theta: Array | None


@dataclass(frozen=True)
class LayerReport:
    """neurons: compared, of `of`. spikes: that Brian2 fired. differing_spikes: neuron steps at which one fired only.

    ties, after_ties: those of them that a tie explains (float32 bundles). max_potential_difference: over all neuron
    steps; in float32 bundles, over those before a neuron's first tie. drifts: potentials that differ there by more
    than rounding can.
    """

    name: str
    neurons: int
    of: int
    spikes: int
    differing_spikes: int
    ties: int
    after_ties: int
    drifts: int
    max_potential_difference: float
    first_divergence: Divergence | None
    sample: Sample

    @property
    def real(self) -> int:
        """Differing spikes that no tie explains."""
        return self.differing_spikes - self.ties - self.after_ties

    @property
    def ok(self) -> bool:
        """Nothing differs but ties."""
        return self.real == 0 and self.drifts == 0

    def facts(self) -> dict[str, Any]:
        """As JSON."""
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
    """One population in the engine and in Brian2. spikes, potentials: (engine, Brian2), each (T, N, n).

    before: (T, N, n), Brian2's potentials before the reset. first_image: index of the first of the N.
    """

    graph: Graph
    population: Population
    spikes: tuple[Bools, Bools]
    potentials: tuple[Array, Array]
    before: Values
    first_image: int = 0

    @property
    def theta(self) -> Values | None:
        """(n,), None for the output."""
        node, name = self.graph.nodes[self.population.name], self.population.name
        if not isinstance(node, IF):
            return None
        size = self.graph.neurons(name) // len(node.theta)
        return node.theta.astype(np.float64)[self.population.neurons // size]

    def room(self, eps: float) -> Values:
        """(n,) how far a potential may be off by rounding: 0 in exact networks."""
        graph, population = self.graph, self.population
        if graph.exact:
            return np.zeros(len(population))
        mean = graph.input.mean.astype(np.float64)
        largest = float(np.maximum(np.abs(graph.input.low - mean), np.abs(graph.input.high - mean)).max())
        reach = np.abs(population.bias) + np.abs(self.potentials[1]).max((0, 1), initial=0)
        for source, synapses in population.inputs.items():
            each = largest if source == graph.input_name else 1.0
            reach = reach + each * np.bincount(synapses.post, np.abs(synapses.weight), len(reach))
        return eps * (reach + (0 if self.theta is None else self.theta))

    def index(self, place: int) -> tuple[int, ...]:
        """Of a neuron of the population, in its layer."""
        shape = self.graph.shapes[self.population.name]
        return tuple(int(i) for i in np.unravel_index(self.population.neurons[place], shape))


def compare(pair: Pair, eps: float = EPS) -> LayerReport:
    """What differs. eps: of ties in float32 networks."""
    graph, theta, room = pair.graph, pair.theta, pair.room(eps)
    differs = pair.spikes[0] != pair.spikes[1]
    gap = np.abs(pair.potentials[0].astype(np.float64) - pair.potentials[1])
    near = np.zeros(gap.shape, np.bool_) if theta is None else np.abs(pair.before - theta) <= room
    if graph.exact:
        first_ties = tied = np.zeros_like(differs)
        drifts = gap > 0
    else:
        parted = np.logical_or.accumulate(differs, axis=0)
        first_ties = differs & near & ~np.concatenate([np.zeros_like(parted[:1]), parted[:-1]])
        tied = np.logical_or.accumulate(first_ties, axis=0)
        gap[parted] = 0
        drifts = gap > room
    wrong = (differs & ~tied) | drifts
    shown = wrong if wrong.any() else differs
    return LayerReport(
        name=pair.population.name,
        neurons=len(pair.population),
        of=graph.neurons(pair.population.name),
        spikes=int(pair.spikes[1].sum()),
        differing_spikes=int(differs.sum()),
        ties=int(first_ties.sum()),
        after_ties=int((differs & tied & ~first_ties).sum()),
        drifts=int(drifts.sum()),
        max_potential_difference=float(gap.max(initial=0)),
        first_divergence=_first(pair, shown, near),
        sample=_sample(pair, shown, differs),
    )


def merge(a: LayerReport, b: LayerReport, same_neurons: bool) -> LayerReport:
    """Two parts of one layer as one: the same neurons on other images, or other neurons on the same images."""
    first = min(
        [each for each in (a.first_divergence, b.first_divergence) if each is not None],
        key=lambda each: (each.tie, each.step),
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


def _first(pair: Pair, shown: Bools, near: Bools) -> Divergence | None:
    if not shown.any():
        return None
    where = np.unravel_index(int(shown.argmax()), shown.shape)  # (T, N, n): the earliest step comes first
    step, image, place = (int(each) for each in where)
    fired = bool(pair.spikes[0][where]), bool(pair.spikes[1][where])
    return Divergence(
        layer=pair.population.name,
        image=pair.first_image + image,
        step=step + 1,
        neuron=pair.index(place),
        fired=fired,
        potentials=(float(pair.potentials[0][where]), float(pair.potentials[1][where])),
        before=float(pair.before[where]),
        theta=None if pair.theta is None else float(pair.theta[place]),
        tie=bool(near[where]) and fired[0] != fired[1],
    )


def _sample(pair: Pair, shown: Bools, differs: Bools) -> Sample:
    """Of the image that differs first, the neuron that does and those whose spikes do; else some that fire."""
    image = int(np.unravel_index(int(shown.argmax()), shown.shape)[1])
    if shown.any():
        first = int(np.unravel_index(int(shown.argmax()), shown.shape)[2])
        late = len(shown)
        keys = np.array([np.where(each[:, image].any(0), each[:, image].argmax(0), late) for each in (shown, differs)])
        keys[:, first] = -1
        order = np.lexsort(keys)  # spikes first, then potentials
        chosen = order[: min(SHOWN, int((keys.min(0) < late).sum()))]
    else:
        lively = np.flatnonzero(pair.spikes[1][:, image].any(0))
        pool = lively if len(lively) else np.arange(len(pair.population))
        chosen = pool[np.unique(np.linspace(0, len(pool) - 1, SHOWN).astype(int))]
    mine, theirs = (
        (s[:, image, chosen], v[:, image, chosen]) for s, v in zip(pair.spikes, pair.potentials, strict=True)
    )
    return Sample(
        image=pair.first_image + image,
        neurons=tuple(pair.index(int(place)) for place in chosen),
        spikes=(mine[0], theirs[0]),
        potentials=(mine[1], theirs[1]),
        theta=None if pair.theta is None else pair.theta[chosen],
    )
