"""Memory layout of the generated C: the part that is common to both forms.

A dense value is int32, channels last. The layout of spikes depends on the form. A flattened image keeps its layout if
only Linear nodes read it; their weights are reordered instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c.text.names import identifiers
from spikelet.nodes import IF, Array, Conv2d, Flatten, Input, Linear, Node

Ints = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Value:
    """The value of a node, channels last: index (y * width + x) * stride + channel.

    Attributes:
        node: Name of the node whose memory contains the value.
        height: Rows of pixels; 1 for a vector.
        width: Pixels in a row; 1 for a vector.
        channels: Values per pixel.
        stride: Distance between pixels of a dense value in memory, at least `channels`.
        repeats: 0 if dense, else the largest number of entries of a neuron in a plane of spikes.
        planes: Number of planes of spikes: a spike in plane p counts 2^p. More than 1 for neurons with copies.
    """

    node: str
    height: int
    width: int
    channels: int
    stride: int
    repeats: int
    planes: int = 1

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def spikes(self) -> bool:
        """Whether the value consists of spikes."""
        return self.repeats > 0


@dataclass(frozen=True)
class Field:
    """One array of a struct.

    Attributes:
        name: C identifier.
        ctype: C type of the elements.
        count: Number of elements.
        meaning: Comment.
        itemsize: Bytes of an element.
    """

    name: str
    ctype: str
    count: int
    meaning: str
    itemsize: int = 4

    @property
    def bytes(self) -> int:
        """Size of the array in bytes."""
        return self.count * self.itemsize


class Plan(ABC):
    """Memory layout of an exact network.

    Raises:
        EngineError: The network is float32.
    """

    def __init__(self, graph: Graph) -> None:
        if not graph.exact:
            raise EngineError(
                "C code is generated for exact networks, this one is float32: its spikes would depend on the compiler; "
                "run it on engine onnx or numpy, or convert it with --bits 8, which needs neurons without leak factors"
            )
        self.graph = graph
        self.identifiers = identifiers(graph.order)

    @cached_property
    def values(self) -> dict[str, Value]:
        """The value of every node; an Output has the value of its input."""
        values: dict[str, Value] = {}
        for name in self.graph.order:
            shape = self.graph.shapes[name]
            channels, height, width = shape if len(shape) == 3 else (*shape, 1, 1)
            dense = Value(name, height, width, channels, self.padded(channels), 0)
            values[name] = self._value(dense, [values[source] for source in self.graph.predecessors[name]])
        return values

    @abstractmethod
    def padded(self, channels: int) -> int:
        """Return the number of channels that are allocated for a pixel of a dense value."""

    @abstractmethod
    def _value(self, dense: Value, inputs: list[Value]) -> Value:
        """Return the value of a node.

        Args:
            dense: The value as a dense array in memory of the node.
            inputs: Values of the input nodes.
        """

    @abstractmethod
    def _adds_into(self, name: str, target: str) -> bool:
        """Return whether a dense node can add its value directly to the memory of the only node that reads it."""

    @cached_property
    def copies(self) -> int:
        """Largest number of copies of a neuron."""
        return max([1, *(self.graph.neuron(name).copies for name in self.graph.spiking)])

    def source(self, name: str) -> Value:
        """Return the value that a node with one input reads."""
        return self.values[self.graph.predecessors[name][0]]

    def is_sum(self, name: str) -> bool:
        """Return whether a node adds its value to a sum in memory, its own or that of another node."""
        value = self.values[name]
        return value.node == name and not value.spikes and not isinstance(self.graph.nodes[name], Input)

    def sum_of(self, name: str) -> str:
        """Return the node whose memory contains the sum of a node: itself, or the only node that reads it."""
        targets = self.graph.successors[name]
        if len(targets) == 1 and self.is_sum(name) and self._adds_into(name, targets[0]):
            return self.sum_of(targets[0])
        return name

    def packs(self, name: str) -> bool:
        """Return whether a Conv2d or Linear adds packed rows of 8-bit weights: it reads spikes and has no groups."""
        node = self.graph.nodes[name]
        weight = weight_of(node)
        if weight is None or (isinstance(node, Conv2d) and node.groups > 1):
            return False
        fits = weight.dtype == np.int8 or bool((weight >= -128).all() and (weight <= 127).all())
        return fits and self.source(name).spikes

    def weight_bits(self, name: str) -> int:
        """Return the bits of the smallest integer type for the weights of a Conv2d or Linear: 8, 16 or 32."""
        taps = self.taps(name)
        low, high = int(taps.min()), int(taps.max())
        return next(bits for bits in (8, 16, 32) if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1))

    def reads_16_bits(self, name: str) -> bool:
        """Return whether a Conv2d without groups reads the image, and its weights and inputs fit 16 bits."""
        node, image = self.graph.nodes[name], self.graph.input
        if not isinstance(node, Conv2d) or node.groups > 1 or self.graph.predecessors[name] != (self.graph.input_name,):
            return False
        low, high = image.low - int(image.mean.max()), image.high - int(image.mean.min())
        weight = node.weight
        return min(low, int(weight.min())) >= -(2**15) and max(high, int(weight.max())) < 2**15

    def multiplies_image(self, name: str) -> bool:
        """Return whether a Conv2d multiplies pairs of values of the image if the processor supports it."""
        return False

    def multiplies_pairs(self, name: str) -> bool:
        """Return whether a Conv2d multiplies two inputs at once. Its weights are then stored as pairs of 16 bits."""
        return False

    def multiplies_counts(self, name: str) -> bool:
        """Return whether a Conv2d multiplies counts of spikes if the processor supports it."""
        return False

    def adds_tables(self, name: str) -> bool:
        """Return whether a Conv2d adds sums of four weights from tables if the processor counts spikes."""
        return False

    def counted(self, name: str) -> tuple[str, tuple[int, int]]:
        """Return the node whose spikes a Conv2d counts, and the size of the windows over which it sums them."""
        return self.graph.predecessors[name][0], (1, 1)

    def spread(self, name: str) -> int:
        """Return the number of neighbouring output pixels that are summed together, as if they were channels."""
        return 1

    def outputs(self, name: str) -> int:
        """Return the number of sums that a Conv2d or Linear computes together: channels times `spread`."""
        return self.values[name].channels * self.spread(name)

    def taps(self, name: str) -> Ints:
        """Return the weights of a Conv2d or Linear, (kh, kw, C_in / groups, outputs); a Linear spans its whole input.

        If `spread` pixels are summed together, the kernel is as wide as all their inputs.
        """
        node = self.graph.nodes[name]
        if isinstance(node, Linear):
            source = self.source(name)
            shape = (len(node.weight), source.channels, source.height, source.width)
            return node.weight.reshape(shape).transpose(2, 3, 1, 0)
        if not isinstance(node, Conv2d):
            raise TypeError(f"node {name}: expected a Conv2d or Linear, found {node.kind}")
        taps, count, stride = node.weight.transpose(2, 3, 1, 0), self.spread(name), node.stride[1]
        if count == 1:
            return taps
        height, width, inputs, outputs = taps.shape
        wide = np.zeros((height, width + (count - 1) * stride, inputs, count, outputs), taps.dtype)
        for index in range(count):
            wide[:, index * stride : index * stride + width, :, index] = taps
        return wide.reshape(*wide.shape[:3], count * outputs)

    def feeds_only(self, name: str, kinds: tuple[type[Node], ...]) -> bool:
        """Return whether the nodes that read this one are of these kinds, or a Flatten that feeds only Linear nodes."""
        for target in self.graph.successors[name]:
            node = self.graph.nodes[target]
            if not isinstance(node, kinds) and not (isinstance(node, Flatten) and self.feeds_only(target, (Linear,))):
                return False
        return True

    def spiking(self) -> list[tuple[IF, str, Value]]:
        """Return node, C identifier and value of every IF and LIF node, in topological order."""
        return [(self.graph.neuron(name), self.identifiers[name], self.values[name]) for name in self.graph.spiking]


def struct_bytes(fields: Iterable[Field], before: int = 0) -> int:
    """Return the size of a C struct of arrays, with the gaps that a compiler leaves.

    Args:
        fields: The arrays, in order.
        before: Bytes of the 32-bit fields before them.
    """
    size, alignment = before, 4 if before else 1
    for field in fields:
        size = -(-size // field.itemsize) * field.itemsize + field.bytes
        alignment = max(alignment, field.itemsize)
    return -(-size // alignment) * alignment


def weight_of(node: Node) -> Array | None:
    """Return the weights of a Conv2d or Linear, None for other nodes."""
    return node.weight if isinstance(node, Conv2d | Linear) else None
