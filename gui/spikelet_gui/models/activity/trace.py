"""Spikes, potentials and logits of a network on one input, by time-step."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bundle import Bundle
from spikelet.graph import Graph
from spikelet.nodes import Array
from spikelet.session import Model
from spikelet.session.early_exit import Margin, margin, softmax
from spikelet_gui.models.activity.source import SourceNetwork, levels, obstacle
from spikelet_gui.models.jobs import Progress

Frames = npt.NDArray[np.float32]
Spikes = npt.NDArray[np.uint8]
Potentials = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """T time-steps on one input.

    Attributes:
        graph: The network.
        engine: Name of the engine.
        frames: (1, *input shape), a constant input, or (T, *input shape), one frame for each time-step.
        sums: (T, K) cumulative sums of the output, from which predictions are taken.
        spikes: By layer, (T, neurons) of 0 and 1.
        potentials: By layer, (T, neurons) after the reset.
        activations: By layer, (neurons,) source activations in spikes per time-step; empty if there are none, see
            `source.obstacle`, or if the input changes.
    """

    graph: Graph
    engine: str
    frames: Frames
    sums: npt.NDArray[np.float64]
    spikes: dict[str, Spikes]
    potentials: dict[str, Potentials]
    activations: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    _sums: dict[str, npt.NDArray[np.uint16]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.sums)

    @property
    def constant(self) -> bool:
        """Whether the input is the same at every time-step."""
        return len(self.frames) == 1

    def frame(self, time: int) -> Frames:
        """Return the input at time-step `time`, (*input shape)."""
        return self.frames[0 if self.constant else time - 1]

    @cached_property
    def logits(self) -> npt.NDArray[np.float64]:
        """Cumulative sums in logits of the source network, (T, K)."""
        return self.sums * self.graph.output.scale

    @cached_property
    def evidence(self) -> npt.NDArray[np.float64]:
        """Mean logits over the time-steps 1…t, (T, K), which early exit uses."""
        return self.logits / np.arange(1, self.steps + 1)[:, None]

    @cached_property
    def margins(self) -> npt.NDArray[np.float64]:
        """Difference of the two largest mean logits, (T,)."""
        return margin(self.evidence)

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Softmax of the mean logits, (T, K)."""
        return softmax(self.evidence)

    def prediction(self, time: int) -> int:
        """Return the predicted class after time-step `time`."""
        return int(self.sums[time - 1].argmax())

    def exit_step(self, threshold: float) -> int | None:
        """Return the first time-step at which the margin reaches the threshold, or None."""
        done = np.flatnonzero(Margin(max(threshold, 0.0)).done(self.evidence))
        return int(done[0]) + 1 if len(done) else None

    def counts(self, layer: str, time: int) -> npt.NDArray[np.uint16]:
        """Return (neurons,) spike counts in the time-steps 1…`time`."""
        if layer not in self._sums:
            self._sums[layer] = self.spikes[layer].cumsum(axis=0, dtype=np.uint16)
        return self._sums[layer][time - 1]

    def rate(self, layer: str, time: int) -> float:
        """Return the spikes per neuron and time-step in the time-steps 1…`time`."""
        counts = self.counts(layer, time)
        return float(counts.sum(dtype=np.int64)) / (counts.size * time)

    def first_spikes(self, layer: str) -> npt.NDArray[np.int64]:
        """Return (neurons,) the time-step of the first spike; 0 for none."""
        fired = self.spikes[layer]
        return np.where(fired.any(axis=0), fired.argmax(axis=0) + 1, 0)

    def thresholds(self, layer: str) -> Potentials:
        """Return (neurons,) theta of each neuron."""
        return self._by_neuron(layer, self.graph.neuron(layer).theta)

    def _by_neuron(self, layer: str, values: Array) -> Potentials:
        """Return (neurons,) a parameter (C,) of the channel of each neuron."""
        shape = self.graph.population(layer)
        by_copy = self.graph.neuron(layer).by_copy(values)
        return np.broadcast_to(neurons.per_channel(by_copy, len(shape)), shape).reshape(-1)

    def path(self, layer: str, neuron: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the potential of a neuron as a line (x, y), in units of its threshold.

        The line begins at v_init. At each time-step it goes to the potential before the reset and, if the neuron
        fires, to the potential after it. With reset to zero the potential before the reset is not recorded; the line
        goes to the threshold instead.
        """
        theta = float(self.thresholds(layer)[neuron])
        start = neurons.initial_potential(self.graph.neuron(layer), 1, self.graph.shapes[layer]).reshape(-1)[neuron]
        after = self.potentials[layer][:, neuron].astype(np.float64) / theta
        before = np.nan_to_num(self.before_reset(layer, neuron), nan=1.0)
        x = np.concatenate([[0.0], np.repeat(np.arange(1.0, self.steps + 1), 2)])
        y = np.concatenate([[float(start) / theta], np.stack([before, after], axis=1).reshape(-1)])
        return x, y

    def before_reset(self, layer: str, neuron: int) -> npt.NDArray[np.float64]:
        """Return (T,) potentials of a neuron before the reset, in units of its threshold.

        With reset to zero, that of a spike is not recorded and is NaN.
        """
        node = self.graph.neuron(layer)
        after = self.potentials[layer][:, neuron].astype(np.float64)
        fired = self.spikes[layer][:, neuron] != 0
        drop = np.nan if node.reset == "zero" else float(self._by_neuron(layer, node.drop)[neuron])
        return np.where(fired, after + drop, after) / float(self.thresholds(layer)[neuron])


def record(bundle: Bundle, engine: str, frames: Frames, steps: int, progress: Progress) -> Trace:
    """Run the network on one input, and record all spikes, potentials and logits.

    Args:
        bundle: The network.
        engine: Name of the engine.
        frames: (1, *input shape), a constant input, or (steps, *input shape), one frame for each time-step.
        steps: T.
        progress: Called after every time-step.

    Raises:
        SpikeletError: The input does not fit, or `steps` exceeds the proven range.
    """
    graph = bundle.graph
    model = Model(bundle, engine)
    model.check(1, steps, graph.spiking)
    sums = []
    spikes = {name: np.empty((steps, graph.neurons(name)), np.uint8) for name in graph.spiking}
    potentials = {name: np.empty((steps, graph.neurons(name)), np.float32) for name in graph.spiking}
    for step in model.stream(frames[:, None], steps, record=graph.spiking):
        sums.append(step.sums)
        for name in graph.spiking:
            spikes[name][step.time - 1] = step.spikes[name].reshape(-1)
            potentials[name][step.time - 1] = step.potentials[name].reshape(-1)
        progress(step.time, steps)
    activations = {}
    if len(frames) == 1 and obstacle(graph) is None:
        _, by_layer = SourceNetwork(graph, levels(bundle)).activations(frames)
        activations = {
            name: np.repeat(value, graph.neuron(name).copies, axis=1).reshape(-1) for name, value in by_layer.items()
        }
    trace = Trace(graph, model.engine, frames, np.stack(sums), spikes, potentials, activations)
    for name in graph.spiking:  # computed in the background, not when the cursor first moves
        trace.counts(name, 1)
    return trace
