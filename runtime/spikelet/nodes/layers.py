"""Stateless nodes: input, synapses, pooling, addition and output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikelet.errors import GraphError, UsageError
from spikelet.nodes.base import Array, Node, Shape, check_per_channel, check_size
from spikelet.options import integer, real, shown

PIXELS = (-(2**15), 2**15 - 1)  # least low, greatest high
MEAN = 2**15  # largest magnitude of a mean
SCALE = (2.0**-64, 2.0**64)  # least and greatest Output.scale


@dataclass(frozen=True, eq=False, repr=False)
class Input(Node):
    """x = pixel - mean_c, at every time-step.

    The mean is subtracted here so that zero padding represents the mean.

    Attributes:
        shape: (C, H, W) or (F,), shape of one sample.
        mean: (C,), within ±2^15.
        low: Least pixel value, a 16-bit integer.
        high: Greatest pixel value, a 16-bit integer.
    """

    tensors: ClassVar[tuple[str, ...]] = ("mean",)
    shape: Shape
    mean: Array
    low: int = 0
    high: int = 255

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or len(self.shape) not in (1, 3):
            raise GraphError(f"Input.shape: expected (C, H, W) or (F,), found {shown(self.shape)}")
        self._set("shape", tuple(self._whole("shape", size, 1) for size in self.shape))
        check_size("Input.shape", self.shape)
        self._array("mean", 1)
        check_per_channel(self.kind, "mean", self.mean, self.shape)
        # float32 represents every pixel, every integer mean and their difference
        if self.mean.min() < -MEAN or self.mean.max() > MEAN:
            raise GraphError(f"Input.mean: expected -{MEAN}…{MEAN}, found {self.mean.min()}…{self.mean.max()}")
        (least, most), low, high = PIXELS, integer(self.low), integer(self.high)
        if low is None or high is None or not least <= low < high <= most:
            found = f"{shown(self.low)} and {shown(self.high)}"
            raise GraphError(f"Input: expected whole numbers low < high within 16 bits, found {found}")
        self._set("low", low)
        self._set("high", high)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return self.shape


class Weighted(Node):
    """Base class of the nodes with weights: Conv2d, Linear and Scale.

    Attributes:
        weight_field: Name of the field that holds the weights.
    """

    weight_field: ClassVar[str] = "weight"

    @property
    def weights(self) -> Array:
        """The weights: (C_out, C_in / groups, kh, kw), (F_out, F_in) or (C,)."""
        weights: Array = getattr(self, self.weight_field)
        return weights


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Weighted):
    """y = weight * x + bias: cross-correlation with zero padding.

    Attributes:
        weight: (C_out, C_in / groups, kh, kw).
        bias: (C_out,).
        stride: (height, width).
        padding: (height, width), on both sides.
        groups: Number of groups.

    Examples:
        >>> import numpy as np
        >>> layer = Conv2d(np.ones((4, 3, 3, 3), np.int8), np.zeros(4, np.int32), stride=(2, 2), padding=(1, 1))
        >>> layer.output_shape(((3, 8, 8),))
        (4, 4, 4)
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
        self._set("groups", self._whole("groups", self.groups, 1))
        if len(self.weight) % self.groups:
            raise GraphError(f"Conv2d.groups: {self.groups} groups do not divide {len(self.weight)} channels")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        channels = self.weight.shape[1] * self.groups
        if shape[0] != channels:
            raise GraphError(f"Conv2d.weight: takes {channels} channels, its input has {shape[0]}")
        size = _windows(self.kind, shape, self.weight.shape[2:], self.stride, self.padding)
        return len(self.weight), *size


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Weighted):
    """y = weight x + bias.

    Attributes:
        weight: (F_out, F_in).
        bias: (F_out,).
    """

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


@dataclass(frozen=True, eq=False, repr=False)
class SumPool2d(Node):
    """Sum over each window, without padding.

    Attributes:
        kernel: (height, width).
        stride: (height, width).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]

    def __post_init__(self) -> None:
        self._pair("kernel", 1)
        self._pair("stride", 1)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        return shape[0], *_windows(self.kind, shape, self.kernel, self.stride, (0, 0))


@dataclass(frozen=True, eq=False, repr=False)
class Scale(Weighted):
    """y_c = scale_c x_c: one synapse per neuron.

    Attributes:
        scale: (C,).
    """

    tensors: ClassVar[tuple[str, ...]] = ("scale",)
    weight_field: ClassVar[str] = "scale"
    scale: Array

    def __post_init__(self) -> None:
        self._array("scale", 1)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return check_per_channel(self.kind, "scale", self.scale, inputs[0])


@dataclass(frozen=True, eq=False, repr=False)
class Add(Node):
    """Sum of two or more inputs of equal shape."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(set(inputs)) != 1:
            raise GraphError(f"Add: expected inputs of one shape, found {', '.join(map(str, inputs))}")
        return inputs[0]


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Node):
    """Reshape (C, H, W) to (C·H·W,), channel first."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _image(self.kind, inputs[0])
        return (shape[0] * shape[1] * shape[2],)


@dataclass(frozen=True, eq=False, repr=False)
class Output(Node):
    """Logits of one time-step. `spikelet.Model` sums them over time.

    Attributes:
        scale: Logits of the source network per unit, in 2^-64…2^64. Predictions do not depend on it.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        try:
            self._set("scale", real("scale", self.scale, *SCALE))
        except UsageError:
            raise GraphError(f"Output.scale: expected a number in 2^-64…2^64, found {shown(self.scale)}") from None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs[0]) != 1:
            raise GraphError(f"Output: expected logits of shape (K,), its input has shape {inputs[0]}; flatten it")
        return inputs[0]


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
