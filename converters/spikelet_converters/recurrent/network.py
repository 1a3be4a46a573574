"""A network, recurrent or not, as layers of neurons that are connected by matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape
from spikelet_converters.frontends.source import Simulate

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Connection:
    """Weights between two layers.

    Attributes:
        source: Name of the source layer, or "" for the input.
        weight: (n, neurons of the source).
        delayed: Whether the values are those of the previous time-step.
    """

    source: str
    weight: Values
    delayed: bool


@dataclass(frozen=True)
class Layer:
    """Neurons, or the output. All parameters have shape (n,); x is the sum of the connections and the bias.

    Attributes:
        name: Name of the node.
        kind: Its type in NIR.
        inputs: Connections.
        bias: Constant input.
        synapse: (share, gain): i += share (gain x - i), and i takes the place of x; None without a synaptic current.
        leak: Share of the potential: v += leak (rest - v + r x); None without a leak: v += r x.
        rest: Potential to which the neuron leaks.
        r: Factor on the input.
        theta: Threshold: fires at v > theta; None for a layer whose output is v.
        reset: Potential after a spike.
        stateless: Whether v = x.
    """

    name: str
    kind: str
    inputs: tuple[Connection, ...]
    bias: Values
    synapse: tuple[Values, Values] | None = None
    leak: Values | None = None
    rest: Values | None = None
    r: Values | None = None
    theta: Values | None = None
    reset: Values | None = None
    stateless: bool = False

    def __len__(self) -> int:
        return len(self.bias)


@dataclass(frozen=True)
class RecurrentNetwork:
    """A NIR network as layers, in the order of evaluation; the last one is the output.

    Attributes:
        name: Name of the file.
        shape: Shape of one input.
        dt: Length of a time-step in seconds.
        layers: The layers.
        equations: Simulates the nodes of the file one by one in float64.
    """

    name: str
    shape: Shape
    dt: float
    layers: tuple[Layer, ...]
    equations: Simulate

    @property
    def input_name(self) -> str:
        """Name of the input in connections."""
        return ""

    @property
    def loops(self) -> list[tuple[str, str]]:
        """Connections with a delay, as (source, target)."""
        return [(c.source, layer.name) for layer in self.layers for c in layer.inputs if c.delayed]
