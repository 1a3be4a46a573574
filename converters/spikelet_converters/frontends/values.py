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
PoolForm = Literal["or", "pairs", "average"]
"""Form of max pools: neurons that fire if any in their window does, maxima of pairs, or average pools."""

Ending = Literal[
    "logits",
    "softmax",
    "log_softmax",
    "softmax_of_softmax",
    "log_softmax_of_softmax",
    "sigmoid",
    "tanh",
    "argmax",
    "two_classes",
]
"""The function of the logits that a source network returns; a bundle returns the logits.

"two_classes" are the probabilities 1 - p and p, where p is the sigmoid of the difference of two logits.
"""

UNSCALED = (1.0, 0.0)
"""Factor and summand of outputs that are not scaled."""

AFTER_SOFTMAX: dict[str, Ending] = {
    "log": "log_softmax", "softmax": "softmax_of_softmax", "log_softmax": "log_softmax_of_softmax"
}  # fmt: skip
"""Functions of probabilities at the end of a network, with the function of the logits that they make of a softmax."""

ONE, NOTHING = np.ones(()), np.zeros(())

BATCH = 2_147_483_629
"""Placeholder for the size of the batch in shapes that a network computes."""

Pair = tuple[int, int]
"""Sizes along (height, width)."""

Pads = tuple[int, int, int, int]
"""Zeros at (top, left, bottom, right)."""

NONE: Pads = (0, 0, 0, 0)


@dataclass(frozen=True)
class Window:
    """The windows of a convolution or pool.

    Attributes:
        kernel: Pixels of a window.
        stride: Distance of windows.
        pads: Zeros around the image, or for a max pool pixels that do not count.
        dilation: Distance of the pixels of a window.
        ceil: Whether a last window may reach beyond the padding.
        where: The layer in error messages, for a max pool that is added later.
    """

    kernel: Pair
    stride: Pair
    pads: Pads = NONE
    dilation: Pair = (1, 1)
    ceil: bool = False
    where: str = ""


@dataclass
class Value:
    """An intermediate value: factor * (output of a graph node) + offset.

    A value whose channels come from several nodes, or are some of the channels of a node, has `parts` instead of a
    node, see `spikelet_converters.frontends.channels`.

    Attributes:
        node: Name of the graph node, "" with `parts`.
        factor: () or (C,).
        shape: Shape of the value for one sample, without `pads`.
        offset: () or (C,).
        axes: Axis of `shape` at each axis of the source's value, or None if they are the same.
        order: Feature of the node at each feature of the source's flat value, or None if they are the same.
        parts: Values of single nodes.
        pick: Index of each channel of the value among the concatenated channels of the parts.
        grid: Sizes (groups, C / groups) if the source has the channels as two axes.
        merged: Whether the source has the pixels as one axis, (C, H·W).
        pads: Zeros around the value, which the next convolution adds.
        maxima: Pending max pools, which are added after the next rectifier. `shape` is the shape before them.
        view: Index of the number at each place of a reshaped value, see `spikelet_converters.frontends.rearranged`.
        rounded: The rounding before `factor` and `offset`, see `spikelet_converters.frontends.roundings`.
        compared: The comparison before `factor` and `offset`, see `spikelet_converters.frontends.comparisons`.
    """

    node: str
    factor: Factor
    shape: Shape
    offset: Factor = field(default_factory=lambda: NOTHING)
    axes: tuple[int, ...] | None = None
    order: npt.NDArray[np.intp] | None = None
    parts: tuple[Value, ...] = ()
    pick: npt.NDArray[np.intp] | None = None
    grid: tuple[int, int] | None = None
    merged: bool = False
    pads: Pads = NONE
    maxima: tuple[Window, ...] = ()
    view: npt.NDArray[np.intp] | None = None
    rounded: Rounded | None = None
    compared: Compared | None = None

    def channels(self) -> Factor:
        """Return the factor per channel, (C,)."""
        if self.parts:
            return np.concatenate([part.channels() for part in self.parts])[self.pick]
        return np.broadcast_to(self.factor, (self.shape[0],)).astype(np.float64)

    @property
    def regrouped(self) -> bool:
        """Whether the source has two axes as one, or one as two."""
        return self.merged or self.grid is not None

    def offsets(self) -> Factor:
        """Return the offset per channel, (C,)."""
        if self.parts:
            return np.concatenate([part.offsets() for part in self.parts])[self.pick]
        return np.broadcast_to(self.offset, (self.shape[0],)).astype(np.float64)


@dataclass(frozen=True)
class Stack:
    """Values along a new axis, that are pending until they are added up along it.

    Attributes:
        values: The values, of one shape.
        axis: The new axis, of which 0 is before the batch.
        refusal: Error message for a stack that is not added up.
    """

    values: tuple[Value, ...]
    axis: int
    refusal: str


@dataclass(frozen=True)
class Rounded:
    """A rounding, floor(value + shift), that is pending until its result is clipped.

    Attributes:
        value: The value that is rounded.
        shift: 0 to round down, 1/2 to round to the nearest integer.
        refusal: Error message for a result that is not clipped.
    """

    value: Value
    shift: float
    refusal: str


@dataclass(frozen=True)
class Compared:
    """A comparison, 1 where it holds and 0 elsewhere, that is pending until it chooses values.

    Attributes:
        value: The value that is compared.
        threshold: () or (C,).
        above: Whether it holds above the threshold, or below it.
        refusal: Error message for a result that does not choose values.
    """

    value: Value
    threshold: Factor
    above: bool
    refusal: str


@dataclass(frozen=True)
class Rounding:
    """A quantiser of the source that the imported graph omits: scale (clip(round(x / scale) + zero) - zero).

    Attributes:
        scale: Step, () or (C,).
        zero: Zero point, () or (C,).
        low: Smallest integer.
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
    """Return a module's name as the name of a node: invalid characters are replaced."""
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


def one_number(values: Factor) -> Factor:
    """Return values per channel as (), if they are equal."""
    return np.asarray(values.flat[0]) if np.ptp(values) == 0 else values


def f32(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Convert to a contiguous float32 array."""
    return np.ascontiguousarray(value, np.float32)
