"""Simulate hardware faults of a device with a faulty engine.

Faults are drawn from a seed: the same seed affects the same weights and neurons on every machine. Faults of weights,
neurons and thresholds are fixed for the lifetime of the engine, as on one chip. Lost and spurious spikes are drawn
at every time-step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.engines.base import Float, Spikes
from spikelet.engines.numpy import NumpyEngine
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Array, is_float
from spikelet.options import real, shown


@dataclass(frozen=True)
class Kind:
    """A type of fault.

    Attributes:
        title: Title of the fault in tables and plots.
        unit: Unit of the level.
        levels: Default levels.
    """

    title: str
    unit: str
    levels: tuple[float, ...]


KINDS: dict[str, Kind] = {
    "weight-bits": Kind("Weight bit flips", "of all weight bits", (1e-5, 1e-4, 1e-3, 1e-2)),
    "stuck-off": Kind("Neurons that never fire", "of all neurons", (0.01, 0.05, 0.1, 0.2)),
    "stuck-on": Kind("Neurons that always fire", "of all neurons", (0.001, 0.005, 0.02, 0.05)),
    "dropped": Kind("Lost spikes", "of all spikes", (0.01, 0.05, 0.1, 0.2)),
    "spurious": Kind("Spurious spikes", "of silent neurons, per time-step", (0.001, 0.005, 0.02, 0.05)),
    "threshold": Kind("Threshold drift", "of theta (standard deviation over the neurons)", (0.05, 0.1, 0.2, 0.4)),
    "input-noise": Kind("Input noise", "of the input range (standard deviation)", (0.02, 0.05, 0.1, 0.2)),
}


@dataclass(frozen=True)
class Fault:
    """A fault and its level.

    Attributes:
        kind: One of KINDS.
        level: Level in the unit that KINDS defines, 0…1; 0 is a device without faults.

    Raises:
        UsageError: The kind is unknown, or the level is out of range.
    """

    kind: str
    level: float

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise UsageError(f"unknown fault {shown(self.kind)}; known: {', '.join(KINDS)}")
        object.__setattr__(self, "level", real(f"fault {self.kind}: level", self.level, 0, 1))


class FaultyEngine(NumpyEngine):
    """The reference engine with one fault.

    Sums are float32: they may be rounded if faulty weights exceed the proven range.

    Args:
        graph: The network.
        fault: Type and level of the fault.
        seed: Seed of the faulty device.
        bits: Bits per weight in the bundle.
    """

    name: ClassVar[str] = "faulty"

    def __init__(self, graph: Graph, fault: Fault, seed: int, bits: int = 8) -> None:
        super().__init__(graph)
        self.fault = fault
        self._seed = seed
        self._spike_rng = self._generator("spikes")
        self._stuck: dict[str, Spikes] = {}
        self._theta: dict[str, Float] = {}
        if fault.kind == "weight-bits":
            for name in self._weights:
                weight = graph.synapse(name).weight
                self._weights[name] = flip_bits(weight, bits, fault.level, self._generator(name)).astype(np.float32)
        for name in graph.spiking:
            shape, rng = graph.population(name), self._generator(name)
            if fault.kind in ("stuck-on", "stuck-off"):
                self._stuck[name] = rng.random(shape) < fault.level
            elif fault.kind == "threshold":
                self._theta[name] = drifted_thresholds(graph.neuron(name), shape, fault.level, rng)

    def noisy(self, pixels: npt.NDArray[np.generic]) -> Float:
        """Add noise to the pixels, (N, *shape), if the fault is input noise."""
        clean = pixels.astype(np.float32)
        if self.fault.kind != "input-noise":
            return clean
        node = self.graph.input
        spread = self.fault.level * (node.high - node.low)
        noise = self._generator("input").normal(0, spread, clean.shape).astype(np.float32)
        noisy: Float = np.clip(np.rint(clean + noise), node.low, node.high)
        return noisy

    def _fire(self, name: str, v: Float, current: Float) -> tuple[Float, Spikes]:
        v, fired = neurons.step(self.graph.neuron(name), v, current, self._theta.get(name))
        return v, self._transmitted(name, fired)

    def _transmitted(self, name: str, fired: Spikes) -> Spikes:
        """Apply the fault to the spikes of a layer; potentials do not change."""
        level = self.fault.level
        match self.fault.kind:
            case "stuck-on":
                return fired | self._stuck[name]
            case "stuck-off":
                return fired & ~self._stuck[name]
            case "dropped":
                return fired & (self._spike_rng.random(fired.shape, np.float32) >= level)
            case "spurious":
                return fired | (self._spike_rng.random(fired.shape, np.float32) < level)
        return fired

    def _generator(self, purpose: str) -> np.random.Generator:
        entropy = [self._seed, *purpose.encode(), *self.fault.kind.encode()]
        return np.random.default_rng(np.random.SeedSequence(entropy))


def flip_bits(weight: Array, bits: int, share: float, rng: np.random.Generator) -> Array:
    """Flip every stored bit of a weight array with probability `share`.

    Integers are stored in two's complement with `bits` bits, float32 with 32 bits; non-finite results become 0.
    """
    if share == 0:
        return weight
    stored = weight.view(np.uint32).astype(np.int64) if is_float(weight) else weight.astype(np.int64)
    mask = np.zeros(weight.shape, np.int64)
    for bit in range(32 if is_float(weight) else bits):
        mask |= (rng.random(weight.shape, np.float32) < share).astype(np.int64) << bit
    flipped = stored ^ mask
    if is_float(weight):
        values = flipped.astype(np.uint32).view(np.float32)
        return np.where(np.isfinite(values), values, np.float32(0))
    flipped &= (1 << bits) - 1
    return flipped - ((flipped >> (bits - 1)) << bits)


def drifted_thresholds(node: IF, shape: tuple[int, ...], spread: float, rng: np.random.Generator) -> Float:
    """Draw a threshold for every neuron, (1, *shape): theta (1 + spread z), z normal; rounded if theta is integer."""
    theta = neurons.per_channel(node.by_copy(node.theta), len(shape)) * (1 + spread * rng.standard_normal(shape))
    least = float(np.finfo(np.float32).tiny)
    if not is_float(node.theta):
        theta, least = np.rint(theta), 1.0
    return np.maximum(theta, least).astype(np.float32)[None]
