"""Record golden inputs with their spikes and logits, and replay them on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Golden
from spikelet.engines import Engine, create, run
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS, as_sequence
from spikelet.limits import Limits
from spikelet.options import instance, whole

# Share of differing spikes allowed for a float32 bundle: engines sum in different orders, so a potential may cross its
# threshold in one engine and not in another, which also affects later spikes.
FLOAT_SHARE = 1e-3
# Difference allowed between logits of a float32 bundle, relative to the largest of them.
FLOAT_TOLERANCE = 1e-3
GOLDEN_INPUTS = 2
GOLDEN_STEPS = 8

Number = TypeVar("Number", bound=np.generic)


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
        engine: Name of the engine.
        samples: Number of golden inputs.
        steps: Number of time-steps.
        spikes: Number of expected spikes.
        neuron_steps: Compared neurons times time-steps, over all layers.
        differing_spikes: Missing and additional spikes.
        differing_logits: Logits that differ; in a float32 bundle by more than rounding, up to the first differing
            spike of the sample.
        first: The first differing spike, or None.
        exact: Whether the bundle is exact.
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
        """Whether the results agree.

        In an exact bundle, no spike or logit differs. In a float32 bundle, at most 1 in 1,000 neuron steps differs, and
        no logit.
        """
        allowed = 0 if self.exact else FLOAT_SHARE * self.neuron_steps
        return self.differing_spikes <= allowed and self.differing_logits == 0

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self) | {"ok": self.ok}


def golden_inputs(graph: Graph, images: npt.NDArray[Number] | None = None) -> npt.NDArray[np.float32]:
    """Return the golden inputs of a new bundle, (2, *shape) float32, or fewer if there are fewer images.

    Args:
        graph: The network.
        images: (N, *shape), of which the first two are used; None for random integers over the range of the input,
            drawn with a fixed seed.
    """
    if images is not None:
        return images[:GOLDEN_INPUTS].astype(np.float32)
    node = graph.input
    random = np.random.default_rng(0).integers(node.low, node.high + 1, (GOLDEN_INPUTS, *node.shape))
    return random.astype(np.float32)


def golden_steps(graph: Graph) -> int:
    """Return the number of time-steps for which golden inputs are recorded: 8, or those that are proven exact."""
    return min(GOLDEN_STEPS, exact_steps(graph)) if graph.exact else GOLDEN_STEPS


def record_golden(graph: Graph, inputs: npt.NDArray[np.uint8] | npt.NDArray[np.float32], steps: int) -> Golden:
    """Run the reference engine on constant inputs (N, *shape) for `steps` time-steps and record spikes and logits.

    Raises:
        UsageError: An argument is of a wrong type, or `steps` is not 1…65536.
        DataError: The inputs are not numeric, do not have the network's shape, or contain a value that the network does
            not take.
    """
    instance("graph", graph, Graph)
    instance("inputs", inputs, np.ndarray)
    if inputs.dtype.kind not in "uif" or inputs.ndim == 0 or not len(inputs) or inputs.shape[1:] != graph.input.shape:
        expected = f"numbers of shape (N, {', '.join(map(str, graph.input.shape))})"
        raise DataError.at("inputs", f"expected {expected}, found {inputs.dtype} {inputs.shape}", expected=expected)
    steps = whole("steps", steps, 1, MAX_STEPS)
    inputs = as_sequence(graph, inputs, "NCHW")[0]
    logits, spikes = replay(graph, "numpy", inputs, steps)
    kinds = (np.int16, np.int32) if graph.exact else (np.float32, np.float32)
    return Golden(inputs.astype(kinds[0]), logits.astype(kinds[1]), spikes)


def verify(bundle: Bundle, engine: str) -> Verification:
    """Replay the golden inputs on an engine and compare every spike and every logit.

    Raises:
        EngineError: The engine is unknown or cannot run the network.
        CostError: The replay needs more memory or operations than the limits permit, see `spikelet.limits`.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> result = verify(bundle.read(shipped.demo()), "numpy")
        >>> result.ok, result.differing_spikes
        (True, 0)
    """
    instance("bundle", bundle, Bundle)
    golden = bundle.golden
    logits, spikes = replay(bundle.graph, engine, golden.inputs, golden.steps)
    return compare(bundle, engine, logits, spikes)


def compare(
    bundle: Bundle, engine: str, logits: npt.NDArray[np.float32], spikes: Mapping[str, npt.NDArray[np.bool_]]
) -> Verification:
    """Compare logits and spikes with those of the golden inputs.

    Args:
        bundle: The bundle.
        engine: Name of the engine that computed them.
        logits: (T, N, K).
        spikes: By layer, (T, N, neurons).
    """
    graph, golden = bundle.graph, bundle.golden
    differing = {name: spikes[name] != golden.spikes[name] for name in graph.spiking}
    wrong = logits != golden.logits if graph.exact else _beyond_rounding(logits, golden.logits, differing)
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


def _beyond_rounding(
    logits: npt.NDArray[np.float32], expected: npt.NDArray[np.number], differing: Mapping[str, npt.NDArray[np.bool_]]
) -> npt.NDArray[np.bool_]:
    """Return which logits of a float32 bundle differ by more than rounding explains, (T, N, K) bool.

    A differing spike changes later logits by any amount. A sample is therefore compared only before its first differing
    spike.
    """
    diverged = np.logical_or.accumulate(np.any([value.any(2) for value in differing.values()], axis=0), axis=0)
    tolerance = FLOAT_TOLERANCE * float(np.abs(expected).max())
    wrong: npt.NDArray[np.bool_] = ~(np.abs(logits.astype(np.float64) - expected) <= tolerance)  # NaN is wrong
    return wrong & ~diverged[..., None]


def first_divergence(graph: Graph, differing: dict[str, npt.NDArray[np.bool_]]) -> Divergence | None:
    """Return the earliest difference, by time-step and then by layer in topological order; None without differences.

    Args:
        graph: The network.
        differing: By layer, (T, N, neurons) bool.
    """
    candidates = []
    for depth, name in enumerate(graph.spiking):
        position = int(differing[name].argmax())  # of the first difference; nonzero would need 24 bytes for each
        if differing[name].flat[position]:
            time, sample, neuron = (int(i) for i in np.unravel_index(position, differing[name].shape))
            index = tuple(int(i) for i in np.unravel_index(neuron, graph.population(name)))
            candidates.append((time, depth, Divergence(sample, time + 1, name, index)))
    return min(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def replay(
    graph: Graph, engine: str, inputs: npt.NDArray[np.generic], steps: int
) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.bool_]]]:
    """Run an engine on constant inputs.

    Args:
        graph: The network.
        engine: Name of the engine.
        inputs: (N, *shape).
        steps: Number of time-steps T.

    Returns:
        The logits of every time-step (T, N, K), and the spikes by layer (T, N, neurons).
    """
    runner = create(graph, engine, graph.spiking)
    check_recording(runner.limits, graph, len(inputs), steps)
    size = runner.fitting(len(inputs))
    parts = [_recorded(runner, inputs[start : start + size], steps) for start in range(0, len(inputs), size)]
    if len(parts) == 1:
        return parts[0]
    spikes = {name: np.concatenate([fired[name] for _, fired in parts], axis=1) for name in graph.spiking}
    return np.concatenate([logits for logits, _ in parts], axis=1), spikes


def check_recording(limits: Limits, graph: Graph, samples: int, steps: int) -> None:
    """Raise CostError if recorded, expected and differing spikes and logits need more memory than the limits permit."""
    size = steps * samples * (3 * graph.neuron_count + 12 * graph.classes)
    limits.check(f"golden inputs: {samples} samples in {steps} time-steps", size)


def _recorded(
    runner: Engine, inputs: npt.NDArray[np.generic], steps: int
) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.bool_]]]:
    graph = runner.graph
    logits = []
    spikes: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in graph.spiking}
    for _, output in run(runner, inputs[None], steps):
        logits.append(output)
        for name in graph.spiking:
            spikes[name].append(runner.spikes(name).reshape(len(inputs), -1))
    return np.stack(logits), {name: np.stack(value) for name, value in spikes.items()}
