"""Simulate a recurrent network step by step with NumPy, in float32 or float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bounds.products import product
from spikelet.errors import ConversionError
from spikelet_converters.recurrent.network import Layer, RecurrentNetwork

Floats = npt.NDArray[np.floating]
CHECKED = (24, 4)  # time-steps and samples on which the layers are compared with the nodes of the file
DIFFERENCE = 1e-6  # relative to the largest output; both are float64


@dataclass(frozen=True)
class Traces:
    """Results of the layers of a network: arrays (T, N, n) by layer.

    Attributes:
        outputs: Spikes as 0 and 1, or potentials of layers without a threshold.
        before: Potentials before the reset.
        currents: Synaptic currents, or the input of layers that have none.
    """

    outputs: Mapping[str, Floats]
    before: Mapping[str, Floats]
    currents: Mapping[str, Floats]


def simulate(network: RecurrentNetwork, inputs: npt.NDArray[np.generic], dtype: type = np.float32) -> Traces:
    """Simulate a network from rest.

    Args:
        network: The network.
        inputs: (T, N, *input shape).
        dtype: np.float32 or np.float64.
    """
    frames: Floats = np.asarray(inputs, dtype).reshape(*inputs.shape[:2], -1)
    samples = frames.shape[1]
    states = [_State(layer, samples, dtype) for layer in network.layers]
    last: dict[str, Floats] = {layer.name: np.zeros((samples, len(layer)), dtype) for layer in network.layers}
    traces: list[list[tuple[Floats, Floats, Floats]]] = [[] for _ in states]
    for frame in frames:
        now: dict[str, Floats] = {network.input_name: frame}
        for state, rows in zip(states, traces, strict=True):
            rows.append(state.step(now, last))
            now[state.layer.name] = rows[-1][0]
        last = now
    stacked = [tuple(np.stack(part) for part in zip(*rows, strict=True)) for rows in traces]
    names = [layer.name for layer in network.layers]
    return Traces(*(dict(zip(names, parts, strict=True)) for parts in zip(*stacked, strict=True)))


class _State:
    """The state of a layer."""

    def __init__(self, layer: Layer, samples: int, dtype: type) -> None:
        def cast(values: npt.NDArray[np.float64] | None) -> Floats | None:
            result: Floats | None = None if values is None else values.astype(dtype)
            return result

        self.layer = layer
        self.weights: list[Floats] = [np.ascontiguousarray(c.weight.T.astype(dtype)) for c in layer.inputs]
        self.bias: Floats = layer.bias.astype(dtype)
        self.leak, self.rest, self.r, self.theta, self.reset = map(
            cast, (layer.leak, layer.rest, layer.r, layer.theta, layer.reset)
        )
        self.synapse: tuple[Floats, ...] | None = None
        if layer.synapse is not None:
            self.synapse = tuple(values.astype(dtype) for values in layer.synapse)
        self.current: Floats = np.zeros((samples, len(layer)), dtype)
        self.v: Floats = np.zeros_like(self.current)

    def step(self, now: dict[str, Floats], last: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Return one time-step: the output, the potential before the reset and the current, all (N, n)."""
        x: Floats = np.zeros_like(self.current) + self.bias
        for connection, weight in zip(self.layer.inputs, self.weights, strict=True):
            x = x + product((last if connection.delayed else now)[connection.source], weight)
        if self.synapse is not None:
            share, gain = self.synapse
            self.current = self.current + share * (gain * x - self.current)
            x = self.current
        self.v = self._charged(x)
        if self.theta is None:
            return self.v, self.v, x
        before, fired = self.v, self.v > self.theta
        if self.reset is not None:
            self.v = np.where(fired, self.reset, before)
        return fired.astype(before.dtype), before, x

    def _charged(self, x: Floats) -> Floats:
        if self.layer.stateless:
            return x
        assert self.r is not None
        if self.leak is None:
            return self.v + self.r * x
        assert self.rest is not None
        return self.v + self.leak * (self.rest - self.v + self.r * x)


def check(network: RecurrentNetwork) -> None:
    """Compare the layers with the nodes of the file, both in float64, on random inputs.

    Raises:
        ConversionError: The outputs differ.
    """
    steps, samples = CHECKED
    inputs = np.random.default_rng(0).integers(0, 2, (steps, samples, *network.shape)).astype(np.float64)
    expected = network.equations(inputs.astype(np.float32))
    actual = simulate(network, inputs, np.float64).outputs[network.layers[-1].name].reshape(expected.shape)
    largest = float(np.abs(expected).max(initial=0))
    difference = float(np.abs(actual - expected).max(initial=0))
    if not difference <= DIFFERENCE * max(largest, 1.0):
        raise ConversionError(
            f"the layers compute other outputs than the nodes of the file (largest difference {difference:.3g}, "
            f"largest output {largest:.3g}); please report it with the network"
        )
