"""Select the neurons to simulate and split them into parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.options import shown, whole
from spikelet_converters.brian2.synapses import Index, Population, fan_in, populate
from spikelet_converters.choices import SAMPLED_NEURONS

WHOLE_SYNAPSES = 2_000_000  # largest network that is simulated as a whole
PART_SYNAPSES = 4_000_000  # largest simulation of a part, about 200 MB

Neurons = int | Literal["all"] | None
Mode = Literal["whole", "by layer"]


@dataclass(frozen=True)
class Selection:
    """The neurons to simulate.

    Attributes:
        graph: The network.
        mode: Whether the network is simulated as a whole or layer by layer.
        chosen: Flat indices of the neurons, (n,), ascending, by layer and for the output.
        synapses: Approximate number of synapses.
    """

    graph: Graph
    mode: Mode
    chosen: Mapping[str, Index]
    synapses: int

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return sum(map(len, self.chosen.values()))


def select(graph: Graph, neurons: Neurons, seed: int) -> Selection:
    """Select the neurons to simulate. neurons: as for `validate`. Raises UsageError."""
    every_neuron = isinstance(neurons, str) and neurons == "all"
    if not (neurons is None or every_neuron or (isinstance(neurons, int) and neurons >= 1)):
        raise UsageError(f'neurons: expected 1 or more, "all" or None, found {shown(neurons)}')
    whole("seed", seed, 0)
    layers = (*graph.spiking, graph.output_name)
    fan_ins = {name: max(1, fan_in(graph, name)) for name in layers}
    all_neurons = {name: np.arange(graph.neurons(name)) for name in layers}
    synapses = sum(fan_ins[name] * graph.neurons(name) for name in layers)
    small = graph.exact and synapses <= WHOLE_SYNAPSES
    if every_neuron or (neurons is None and small):
        return Selection(graph, "whole" if small else "by layer", all_neurons, synapses)
    rng = np.random.default_rng(seed)
    count = neurons if isinstance(neurons, int) else SAMPLED_NEURONS
    chosen = {name: sample(graph, name, count, rng) for name in layers}
    return Selection(graph, "by layer", chosen, sum(fan_ins[name] * len(chosen[name]) for name in layers))


def sample(graph: Graph, name: str, count: int, rng: np.random.Generator) -> Index:
    """Return the flat indices of `count` neurons of a layer, ascending, spread evenly over the channels."""
    channels = graph.shapes[name][0]
    size = graph.neurons(name) // channels
    if count >= channels * size:
        return np.arange(channels * size)
    quota = np.full(channels, count // channels)
    quota[rng.permutation(channels)[: count % channels]] += 1
    indices = [channel * size + rng.permutation(size)[:share] for channel, share in enumerate(quota)]
    return np.sort(np.concatenate(indices))


def parts(selection: Selection) -> Iterator[dict[str, slice]]:
    """Yield the parts that are simulated together, as slices of the chosen neurons by layer."""
    if selection.mode == "whole":
        yield {name: slice(0, len(chosen)) for name, chosen in selection.chosen.items()}
        return
    for name, chosen in selection.chosen.items():
        limit = max(1, PART_SYNAPSES // max(1, fan_in(selection.graph, name)))
        for start in range(0, len(chosen), limit):
            yield {name: slice(start, min(start + limit, len(chosen)))}


def populations(selection: Selection, part: Mapping[str, slice]) -> list[Population]:
    """Return the populations of a part, in topological order."""
    return [populate(selection.graph, name, selection.chosen[name][indices]) for name, indices in part.items()]
