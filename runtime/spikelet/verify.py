"""Record golden inputs with their spikes and logits, and replay them on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle, Golden
from spikelet.engines import create
from spikelet.graph import Graph

# Share of differing spikes allowed for a float32 bundle: engines sum in different orders, so a potential may cross its
# threshold in one engine and not in another, which also affects later spikes.
FLOAT_SHARE = 1e-3


@dataclass(frozen=True)
class Divergence:
    """The first spike that differs: sample, time-step (from 1), layer, and the neuron's index in its layer."""

    sample: int
    time: int
    layer: str
    neuron: tuple[int, ...]


@dataclass(frozen=True)
class Verification:
    """Result of replaying the golden inputs of a bundle on one engine.

    Attributes:
        engine: name of the engine.
        samples: number of golden inputs.
        steps: number of time-steps.
        spikes: number of expected spikes.
        neuron_steps: compared neurons times time-steps, over all layers.
        differing_spikes: missing and additional spikes.
        differing_logits: logits that differ.
        first: the first differing spike, or None.
        exact: whether the bundle is exact.
    """

    engine: str
    samples: int
    steps: int
    spikes: int
    neuron_steps: int
    differing_spikes: int
    differing_logits: int
    first: Divergence | None
    exact: bool

    @property
    def ok(self) -> bool:
        """Exact bundles: no difference. float32 bundles: at most 1 in 1,000 neuron steps differs."""
        if self.exact:
            return self.differing_spikes == 0 and self.differing_logits == 0
        return self.differing_spikes <= FLOAT_SHARE * self.neuron_steps


def record_golden(graph: Graph, inputs: npt.NDArray[np.uint8] | npt.NDArray[np.float32], steps: int) -> Golden:
    """Run the reference engine on constant inputs (N, *shape) for `steps` time-steps and record spikes and logits."""
    logits, spikes = _replay(graph, "numpy", inputs, steps)
    kinds = (np.int16, np.int32) if graph.exact else (np.float32, np.float32)
    return Golden(inputs.astype(kinds[0]), logits.astype(kinds[1]), spikes)


def verify(bundle: Bundle, engine: str) -> Verification:
    """Replay the golden inputs on an engine and compare every spike and every logit."""
    golden = bundle.golden
    logits, spikes = _replay(bundle.graph, engine, golden.inputs, golden.steps)
    return compare(bundle, engine, logits, spikes)


def compare(
    bundle: Bundle, engine: str, logits: npt.NDArray[np.float32], spikes: Mapping[str, npt.NDArray[np.bool_]]
) -> Verification:
    """Compare logits and spikes with those of the golden inputs.

    Args:
        bundle: the bundle.
        engine: name of the engine that computed them.
        logits: (T, N, K).
        spikes: by layer, (T, N, neurons).
    """
    graph, golden = bundle.graph, bundle.golden
    differing = {name: spikes[name] != golden.spikes[name] for name in graph.spiking}
    wrong = logits != golden.logits if graph.exact else ~np.isclose(logits, golden.logits, rtol=1e-3, atol=1e-3)
    return Verification(
        engine=engine,
        samples=len(golden.inputs),
        steps=golden.steps,
        spikes=sum(int(value.sum()) for value in golden.spikes.values()),
        neuron_steps=sum(value.size for value in golden.spikes.values()),
        differing_spikes=sum(int(value.sum()) for value in differing.values()),
        differing_logits=int(wrong.sum()),
        first=first_divergence(graph, differing),
        exact=graph.exact,
    )


def first_divergence(graph: Graph, differing: dict[str, npt.NDArray[np.bool_]]) -> Divergence | None:
    """Return the earliest difference, by time-step and then by layer in topological order; None without differences.

    Args:
        graph: the network.
        differing: by layer, (T, N, neurons) bool.
    """
    candidates = []
    for depth, name in enumerate(graph.spiking):
        positions = np.argwhere(differing[name])
        if len(positions):
            time, sample, neuron = (int(i) for i in positions[0])
            index = tuple(int(i) for i in np.unravel_index(neuron, graph.shapes[name]))
            candidates.append((time, depth, Divergence(sample, time + 1, name, index)))
    return min(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def _replay(
    graph: Graph, engine: str, inputs: npt.NDArray[np.generic], steps: int
) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.bool_]]]:
    """Return the logits of every time-step (T, N, K) and spikes by layer (T, N, neurons)."""
    runner = create(graph, engine, graph.spiking)
    runner.reset(len(inputs))
    logits = []
    spikes: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in graph.spiking}
    for t in range(steps):
        logits.append(runner.step(inputs.astype(np.float32) if t == 0 else None))
        for name in graph.spiking:
            spikes[name].append(runner.spikes(name).reshape(len(inputs), -1))
    return np.stack(logits), {name: np.stack(value) for name, value in spikes.items()}
