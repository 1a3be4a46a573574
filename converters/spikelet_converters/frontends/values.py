"""What a reader holds on its way through a source network: values, neurons, names."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape
from spikelet.nodes.neuron import Reset, Tie

Factor = npt.NDArray[np.float64]
ONE, NOTHING = np.ones(()), np.zeros(())


@dataclass
class Value:
    """factor * output of graph node `node` + offset, of shape `shape` for one sample; factor, offset: () or (C,)."""

    node: str
    factor: Factor
    shape: Shape
    offset: Factor = field(default_factory=lambda: NOTHING)

    def channels(self) -> Factor:
        """The factor of each channel, (C,)."""
        return np.broadcast_to(self.factor, (self.shape[0],)).astype(np.float64)

    def offsets(self) -> Factor:
        """The offset of each channel, (C,)."""
        return np.broadcast_to(self.offset, (self.shape[0],)).astype(np.float64)


@dataclass(frozen=True)
class Dynamics:
    """A spiking neuron of a source framework, in its own units: v <- decay v + gain i, and a reset.

    theta, v_init: () or (C,). decay: (), (C,), or None for a neuron without leak. gain: of the input current.
    spike: what a spike is worth to the next layer.
    """

    theta: npt.ArrayLike
    v_init: npt.ArrayLike = 0.0
    reset: Reset = "subtract"
    tie: Tie = ">="
    decay: npt.ArrayLike | None = None
    gain: npt.ArrayLike = 1.0
    spike: npt.ArrayLike = 1.0


def node_name(name: str) -> str:
    """The graph's name for a module: the same, as far as a node's name may be (`spikelet.graph.NAME`)."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", name).strip("_")[-60:] or "node"
    return f"n{name}" if not (name[0].isalpha() or name[0] == "_") else name


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, or the first of name_2, name_3, … that is not taken."""
    name = node_name(name)
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def f32(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """As a contiguous float32 array."""
    return np.ascontiguousarray(value, np.float32)
