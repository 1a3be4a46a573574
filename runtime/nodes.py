"""The nodes of IR version 1: what a network is made of, as pure data.

Names follow NIR where NIR has the node. Every array is checked when the node is built, so a node that
exists is well formed; whether it fits its neighbours is the graph's business (`spikelet.graph`).

Parameters are integers in an exact network and float32 in a float32 one. C is the number of channels of
what flows through a node: the first axis of its shape.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spikelet.errors import GraphError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Reset = Literal["subtract", "zero"]
Tie = Literal[">=", ">"]

DTYPES = ("int8", "int16", "int32", "float32")
MAX_ELEMENTS = 2**28  # of one tensor or of what one node sends on, for one sample


@dataclass(frozen=True, eq=False)
class Node:
    """Base of all nodes. `tensors` names the fields that hold arrays."""

    tensors: ClassVar[tuple[str, ...]] = ()

    @property
    def kind(self) -> str:
        """The node's name in the file: its class name."""
        return type(self).__name__

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of one sample of what the node sends on; raises GraphError when an input does not fit."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, np.ndarray):
                if mine.dtype != theirs.dtype or not np.array_equal(mine, theirs):
                    return False
            elif mine != theirs:
                return False
        return True

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def _array(self, field: str, ndim: int) -> Array:
        value = getattr(self, field)
        if not isinstance(value, np.ndarray) or value.dtype.name not in DTYPES:
            found = value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__
            raise GraphError(f"{self.kind}.{field}: expected an array of {' or '.join(DTYPES)}, found {found}")
        if value.ndim != ndim or value.size == 0 or value.size > MAX_ELEMENTS:
            raise GraphError(f"{self.kind}.{field}: expected {ndim} axes and some elements, found shape {value.shape}")
        if value.dtype == np.float32 and not np.isfinite(value).all():
            raise GraphError(f"{self.kind}.{field}: holds NaN or infinity")
        return value

    def _same_length(self, a: str, b: str) -> None:
        first, second = getattr(self, a), getattr(self, b)
        if len(first) != len(second):
            raise GraphError(f"{self.kind}.{b}: expected {len(first)} values, one for each of {a}, found {len(second)}")

    def _whole(self, field: str, value: int, least: int) -> None:
        if type(value) is not int or not least <= value <= MAX_ELEMENTS:
            raise GraphError(f"{self.kind}.{field}: expected a whole number of {least} or more, found {value!r}")

    def _pair(self, field: str, least: int) -> None:
        value = getattr(self, field)
        if not isinstance(value, tuple) or len(value) != 2:
            raise GraphError(f"{self.kind}.{field}: expected (height, width), found {value!r}")
        for item in value:
            self._whole(field, item, least)


@dataclass(frozen=True, eq=False)
class Input(Node):
    """x = pixel - mean_c, at every time-step.

    shape: (C, H, W) or (F,) of one sample. mean: (C,). low, high: least and greatest pixel.
    The mean is taken off here so that zero padding means "the mean".
    """

    tensors: ClassVar[tuple[str, ...]] = ("mean",)
    shape: Shape
    mean: Array
    low: int = 0
    high: int = 255

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or len(self.shape) not in (1, 3):
            raise GraphError(f"Input.shape: expected (C, H, W) or (F,), found {self.shape!r}")
        for size in self.shape:
            self._whole("shape", size, 1)
        check_size("Input.shape", self.shape)
        self._array("mean", 1)
        if len(self.mean) != self.shape[0]:
            raise GraphError(f"Input.mean: expected {self.shape[0]} values, one a channel, found {len(self.mean)}")
        limit = 2**15
        if type(self.low) is not int or type(self.high) is not int or not -limit <= self.low < self.high < limit:
            raise GraphError(
                f"Input: expected whole numbers low < high within 16 bits, found {self.low!r} and {self.high!r}"
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """y = weight * x + bias: cross-correlation with zero padding.

    weight: (C_out, C_in / groups, kh, kw). bias: (C_out,). stride, padding: (height, width).
    """

    tensors: ClassVar[tuple[str, ...]] = ("weight", "bias")
    weight: Array
    bias: Array
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1

    def __post_init__(self) -> None:
        self._array("weight", 4)
        self._array("bias", 1)
        self._same_length("weight", "bias")
        self._pair("stride", 1)
        self._pair("padding", 0)
        self._whole("groups", self.groups, 1)
        if len(self.weight) % self.groups:
            raise GraphError(f"Conv2d.groups: {self.groups} groups do not divide {len(self.weight)} channels")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        wanted = self.weight.shape[1] * self.groups
        if shape[0] != wanted:
            raise GraphError(f"Conv2d.weight: takes {wanted} channels, its input has {shape[0]}")
        size = _windows(self.kind, shape, self.weight.shape[2:], self.stride, self.padding)
        return len(self.weight), *size


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """y = weight x + bias. weight: (F_out, F_in). bias: (F_out,)."""

    tensors: ClassVar[tuple[str, ...]] = ("weight", "bias")
    weight: Array
    bias: Array

    def __post_init__(self) -> None:
        self._array("weight", 2)
        self._array("bias", 1)
        self._same_length("weight", "bias")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if inputs[0] != (self.weight.shape[1],):
            raise GraphError(f"Linear.weight: takes ({self.weight.shape[1]},), its input has shape {inputs[0]}")
        return (len(self.weight),)


@dataclass(frozen=True, eq=False)
class SumPool2d(Node):
    """The sum over each window, without padding. kernel, stride: (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]

    def __post_init__(self) -> None:
        self._pair("kernel", 1)
        self._pair("stride", 1)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        return shape[0], *_windows(self.kind, shape, self.kernel, self.stride, (0, 0))


@dataclass(frozen=True, eq=False)
class Scale(Node):
    """y_c = scale_c x_c: a synapse of its own for every neuron. scale: (C,)."""

    tensors: ClassVar[tuple[str, ...]] = ("scale",)
    scale: Array

    def __post_init__(self) -> None:
        self._array("scale", 1)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return _per_channel(self.kind, "scale", self.scale, inputs[0])


@dataclass(frozen=True, eq=False)
class Add(Node):
    """The sum of two or more inputs of one shape."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(set(inputs)) != 1:
            raise GraphError(f"Add: expected inputs of one shape, found {', '.join(map(str, inputs))}")
        return inputs[0]


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """(C, H, W) to (C·H·W,), channel first."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        return (shape[0] * shape[1] * shape[2],)


@dataclass(frozen=True, eq=False)
class IF(Node):
    """Integrate and fire.

    v[t] = v[t-1] + i[t];  s[t] = 1 if v[t] >= theta (or > theta, as `tie` says), else 0;
    then v[t] -= theta s[t] (reset "subtract"), or v[t] = 0 where s[t] = 1 (reset "zero").

    theta, v_init: (C,), in the units of the current.
    """

    tensors: ClassVar[tuple[str, ...]] = ("theta", "v_init")
    theta: Array
    v_init: Array
    reset: Reset = "subtract"
    tie: Tie = ">="

    def __post_init__(self) -> None:
        self._array("theta", 1)
        self._array("v_init", 1)
        self._same_length("theta", "v_init")
        if not (self.theta > 0).all():
            raise GraphError(f"{self.kind}.theta: expected thresholds above 0, found {self.theta.min()}")
        if self.reset not in ("subtract", "zero"):
            raise GraphError(f'{self.kind}.reset: expected "subtract" or "zero", found {self.reset!r}')
        if self.tie not in (">=", ">"):
            raise GraphError(f'{self.kind}.tie: expected ">=" or ">", found {self.tie!r}')

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return _per_channel(self.kind, "theta", self.theta, inputs[0])


@dataclass(frozen=True, eq=False)
class LIF(IF):
    """Leaky integrate and fire: an IF whose potential decays before it integrates.

    Exact networks: v <- v - floor(v / 2^decay), integers (an arithmetic shift). float32 networks: v <- decay v.

    decay: (C,), shifts of 1…24 where theta is an integer, factors in (0, 1] where it is float32.
    """

    tensors: ClassVar[tuple[str, ...]] = ("theta", "v_init", "decay")
    decay: Array = None  # type: ignore[assignment]  # dataclass order; checked below

    def __post_init__(self) -> None:
        super().__post_init__()
        self._array("decay", 1)
        self._same_length("theta", "decay")
        if is_float(self.theta) != is_float(self.decay):
            raise GraphError(f"LIF.decay: is {self.decay.dtype} while theta is {self.theta.dtype}")
        low, high = (0, 1) if is_float(self.decay) else (1, 24)
        if not ((self.decay >= low) & (self.decay <= high)).all() or (self.decay == 0).any():
            expected = "factors in (0, 1]" if is_float(self.decay) else "shifts of 1…24"
            raise GraphError(f"LIF.decay: expected {expected}, found {self.decay.min()}…{self.decay.max()}")


@dataclass(frozen=True, eq=False)
class Output(Node):
    """The logits of one time-step; a session sums them over time.

    scale: what one unit is worth in the logits of the source network, above 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if type(self.scale) is not float or not 0 < self.scale < float("inf"):
            raise GraphError(f"Output.scale: expected a number above 0, found {self.scale!r}")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs[0]) != 1:
            raise GraphError(f"Output: expected logits of shape (K,), its input has shape {inputs[0]}; flatten it")
        return inputs[0]


KINDS: dict[str, type[Node]] = {
    kind.__name__: kind for kind in (Input, Conv2d, Linear, SumPool2d, Scale, Add, Flatten, IF, LIF, Output)
}


def is_float(array: Array) -> bool:
    """Whether a parameter belongs to a float32 network."""
    return array.dtype == np.float32


def check_size(what: str, shape: Shape) -> None:
    """Refuse a shape of absurd size, without overflow."""
    size = 1
    for axis in shape:
        size *= axis
        if size > MAX_ELEMENTS:
            raise GraphError(f"{what}: {shape} has more than {MAX_ELEMENTS} elements")


def _image(kind: str, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise GraphError(f"{kind}: expected an input of shape (C, H, W), found {shape}")
    return shape


def _windows(
    kind: str, shape: Shape, kernel: Shape, stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    sizes = [(shape[1 + i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in range(2)]
    if min(sizes) < 1:
        raise GraphError(f"{kind}: a kernel of {kernel} does not fit an input of {shape} with padding {padding}")
    return sizes[0], sizes[1]


def _per_channel(kind: str, field: str, values: Array, shape: Shape) -> Shape:
    if len(values) != shape[0]:
        raise GraphError(f"{kind}.{field}: expected {shape[0]} values, one a channel, found {len(values)}")
    return shape
