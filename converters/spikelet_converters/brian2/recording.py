"""Record the engine under test: all spikes, and the potentials of the neurons to compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.engines import Engine, run
from spikelet.graph import Graph
from spikelet.nodes import Array
from spikelet_converters.brian2.synapses import Index

EngineFactory = Callable[[Graph, Sequence[str]], Engine]
"""Creates an engine for a graph that records these layers."""


@dataclass(frozen=True)
class Recording:
    """Spikes and potentials of an engine.

    Attributes:
        spikes: (T, N, neurons) bool, by layer.
        potentials: (T, N, n) of the chosen neurons, by layer, after the reset; for the output, the summed logits.
    """

    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, Array]


def record(engine: Engine, graph: Graph, sequence: Array, steps: int, chosen: Mapping[str, Index]) -> Recording:
    """Run an engine that records every spiking layer.

    Args:
        engine: The engine.
        graph: The network that the engine should run.
        sequence: Inputs, (T or 1, N, *input shape).
        steps: Number of time-steps T.
        chosen: Flat indices of the neurons, by layer and for the output.
    """
    images = sequence.shape[1]
    spikes = {name: np.zeros((steps, images, graph.neurons(name)), np.bool_) for name in graph.spiking}
    potentials = {name: np.zeros((steps, images, len(index)), np.float32) for name, index in chosen.items()}
    total = np.zeros((images, graph.classes))
    logits = np.zeros((steps, images, len(chosen[graph.output_name])))
    for t, output in run(engine, sequence, steps):
        total += output
        logits[t] = total[:, chosen[graph.output_name]]
        for name in graph.spiking:
            spikes[name][t] = engine.spikes(name).reshape(images, -1)
            potentials[name][t] = engine.potentials(name).reshape(images, -1)[:, chosen[name]]
    return Recording(spikes, {**potentials, graph.output_name: logits})
