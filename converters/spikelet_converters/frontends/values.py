"""Values, neuron dynamics and node names of a network during import."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet.graph import MAX_NAME, NAME
from spikelet.nodes import Shape
from spikelet.nodes.neuron import Reset, Tie

Factor = npt.NDArray[np.float64]
Ending = Literal["logits", "softmax", "log_softmax", "sigmoid", "argmax"]
"""The function of the logits that a source network returns; a bundle returns the logits."""

ONE, NOTHING = np.ones(()), np.zeros(())


@dataclass
class Value:
    """An intermediate value: factor * (output of a graph node) + offset.

    Attributes:
        node: Name of the graph node.
        factor: () or (C,).
        shape: Shape of the value for one sample.
        offset: () or (C,).
        axes: Axis of `shape` at each axis of the source's value, or None if they are the same.
        order: Feature of the node at each feature of the source's flat value, or None if they are the same.
    """

    node: str
    factor: Factor
    shape: Shape
    offset: Factor = field(default_factory=lambda: NOTHING)
    axes: tuple[int, ...] | None = None
    order: npt.NDArray[np.intp] | None = None

    def channels(self) -> Factor:
        """The factor per channel, (C,)."""
        return np.broadcast_to(self.factor, (self.shape[0],)).astype(np.float64)

    def offsets(self) -> Factor:
        """The offset per channel, (C,)."""
        return np.broadcast_to(self.offset, (self.shape[0],)).astype(np.float64)


@dataclass(frozen=True)
class Rounding:
    """A quantiser of the source that the imported graph leaves out: scale (clip(round(x / scale) + zero) - zero).

    Attributes:
        scale: Step, () or (C,).
        zero: Zero point, () or (C,).
        low: Least integer.
        high: Largest integer.
        factor: The quantised value is factor * (output of the node) + offset; () or (C,).
        offset: () or (C,).
    """

    scale: Factor
    zero: Factor
    low: int
    high: int
    factor: Factor = field(default_factory=lambda: ONE)
    offset: Factor = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True)
class Dynamics:
    """A spiking neuron of the source network, in the source's units: v <- decay v + gain i, and a reset.

    Attributes:
        theta: Threshold, () or (C,).
        v_init: Initial potential, () or (C,).
        reset: Reset after a spike.
        tie: Whether the neuron fires at v >= theta or at v > theta.
        decay: (), (C,), or None for a neuron without leak.
        gain: Factor on the input current, () or (C,).
        spike: Size of a spike in the next layer's input, () or (C,).
    """

    theta: npt.ArrayLike
    v_init: npt.ArrayLike = 0.0
    reset: Reset = "subtract"
    tie: Tie = ">="
    decay: npt.ArrayLike | None = None
    gain: npt.ArrayLike = 1.0
    spike: npt.ArrayLike = 1.0


def node_name(name: str) -> str:
    """A module's name as the name of a node: a valid one stays, else invalid characters are replaced."""
    if NAME.fullmatch(name):
        return name
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", name).strip("_")[-60:] or "node"
    return f"n{name}" if not (name[0].isalpha() or name[0] == "_") else name


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, or the first of name_2, name_3, … that is not taken."""
    name = node_name(name)
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        suffix = f"_{count}"
        candidate = name[: MAX_NAME - len(suffix)] + suffix
    return candidate


def f32(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Convert to a contiguous float32 array."""
    return np.ascontiguousarray(value, np.float32)
