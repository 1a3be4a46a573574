"""Base class of all nodes: validated arrays and an output shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikelet.array_fields import ArrayFields
from spikelet.errors import GraphError
from spikelet.options import integer, shown

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

DTYPES = ("int8", "int16", "int32", "float32")
MAX_ELEMENTS = 2**28  # of a tensor, or of a node's output for one sample


@dataclass(frozen=True, eq=False, repr=False)
class Node(ArrayFields):
    """Base class of all nodes.

    Attributes:
        tensors: Names of the fields that hold arrays.
    """

    tensors: ClassVar[tuple[str, ...]] = ()

    @property
    def kind(self) -> str:
        """Name of the node type in a bundle: the class name."""
        return type(self).__name__

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Compute the output shape for one sample.

        Args:
            inputs: Output shapes of the input nodes.

        Raises:
            GraphError: An input shape does not fit.
        """
        raise NotImplementedError

    def _array(self, field: str, ndim: int) -> None:
        """Check a parameter, and convert it to the byte order of this machine."""
        value = getattr(self, field)
        if not isinstance(value, np.ndarray) or value.dtype.name not in DTYPES:
            actual = value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__
            raise GraphError(f"{self.kind}.{field}: expected an array of {' or '.join(DTYPES)}, found {actual}")
        if value.ndim != ndim or value.size == 0 or value.size > MAX_ELEMENTS:
            raise GraphError(f"{self.kind}.{field}: expected {ndim} axes and some elements, found shape {value.shape}")
        if not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
            self._set(field, value)
        # minimum and maximum instead of a mask, which would be allocated
        if value.dtype == np.float32 and not (np.isfinite(value.min()) and np.isfinite(value.max())):
            raise GraphError(f"{self.kind}.{field}: contains NaN or infinity")

    def _same_length(self, a: str, b: str) -> None:
        first, second = getattr(self, a), getattr(self, b)
        if len(first) != len(second):
            raise GraphError(f"{self.kind}.{b}: expected {len(first)} values, one for each of {a}, found {len(second)}")

    def _set(self, field: str, value: object) -> None:
        """Set a field of the frozen node to its checked value."""
        object.__setattr__(self, field, value)

    def _whole(self, field: str, value: object, least: int) -> int:
        """Return a whole number as int."""
        number = integer(value)
        if number is None or not least <= number <= MAX_ELEMENTS:
            raise GraphError(f"{self.kind}.{field}: expected a whole number of {least} or more, found {shown(value)}")
        return number

    def _pair(self, field: str, least: int) -> None:
        """Check a field (height, width), and convert it to int."""
        value = getattr(self, field)
        if not isinstance(value, tuple) or len(value) != 2:
            raise GraphError(f"{self.kind}.{field}: expected (height, width), found {shown(value)}")
        self._set(field, tuple(self._whole(field, item, least) for item in value))


def is_float(array: Array) -> bool:
    """Whether a parameter is float32."""
    return array.dtype == np.float32


def check_size(kind: str, shape: Shape) -> None:
    """Raise GraphError if a shape has more than MAX_ELEMENTS elements."""
    size = 1
    for axis in shape:
        size *= axis
        if size > MAX_ELEMENTS:
            raise GraphError(f"{kind}: {shape} has more than {MAX_ELEMENTS} elements")


def check_per_channel(kind: str, field: str, values: Array, shape: Shape) -> Shape:
    """Return `shape`, or raise GraphError if `values` does not have one value per channel."""
    if len(values) != shape[0]:
        raise GraphError(f"{kind}.{field}: expected {shape[0]} values, one per channel, found {len(values)}")
    return shape
