"""The value of every node in the generated C, and its memory layout.

Spikes of a layer are lists: the neurons that fired, for each row of pixels. A sum pool of spikes concatenates the lists
of its window, so a channel may occur more than once. All other values are dense: int32, channels last. A flattened
image keeps its layout if only Linear nodes read it; their weights are reordered instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c.names import identifiers
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, SumPool2d

SLACK = 32  # entries past the last one of a list that may be read or, 16 of them, be written
MAX_REPEATS = 16  # of a channel in one list; pools of more are summed densely


@dataclass(frozen=True)
class Value:
    """The value of a node, channels last: index (y * width + x) * stride + channel.

    Attributes:
        node: the node whose memory holds the value.
        repeats: 0 if dense, else how often a neuron may occur in its list.
    """

    node: str
    height: int
    width: int
    channels: int
    stride: int
    repeats: int

    @property
    def pixels(self) -> int:
        """Number of pixels, each with a vector of channels."""
        return self.height * self.width

    @property
    def spikes(self) -> bool:
        """Whether the value consists of lists of spikes."""
        return self.repeats > 0

    @property
    def room(self) -> int:
        """Entries of the list of one row of pixels, padded for whole vectors and prefetching."""
        return self.width * self.channels * self.repeats + SLACK


def lanes(channels: int) -> int:
    """Return the number of channels that are summed together in vector registers."""
    return next((width for width in (16, 32, 64) if channels <= width), 128)


def padded(channels: int) -> int:
    """Channels up to a whole number of `lanes`."""
    return -(-channels // lanes(channels)) * lanes(channels)


class Plan:
    """The plan of an exact network.

    Raises:
        EngineError: the network is float32.
    """

    def __init__(self, graph: Graph) -> None:
        if not graph.exact:
            raise EngineError(
                "C code is generated for exact networks, this one is float32: its spikes would depend on the compiler; "
                "convert it without --float32, or run it on engine onnx or numpy"
            )
        self.graph = graph
        self.identifiers = identifiers(graph.order)

    @cached_property
    def values(self) -> dict[str, Value]:
        """The value of every node; an Output has the value of its input."""
        values: dict[str, Value] = {}
        for name in self.graph.order:
            values[name] = self._value(name, [values[source] for source in self.graph.predecessors[name]])
        return values

    def _value(self, name: str, inputs: list[Value]) -> Value:
        shape = self.graph.shapes[name]
        channels, height, width = shape if len(shape) == 3 else (*shape, 1, 1)
        dense = Value(name, height, width, channels, padded(channels), 0)
        match self.graph.nodes[name]:
            case IF():
                return replace(dense, stride=channels, repeats=1)
            case Input() if self._feeds_only(name, (Conv2d, Linear)):
                return replace(dense, stride=channels)
            case SumPool2d(kernel=kernel) if inputs[0].spikes:
                repeats = inputs[0].repeats * kernel[0] * kernel[1]
                return replace(dense, stride=channels, repeats=repeats) if repeats <= MAX_REPEATS else dense
            case Flatten() if self._feeds_only(name, (Linear,)):
                return inputs[0]
            case Output():
                return inputs[0]
        return dense

    def _feeds_only(self, name: str, kinds: tuple[type, ...]) -> bool:
        for target in self.graph.successors[name]:
            node = self.graph.nodes[target]
            if not isinstance(node, kinds) and not (isinstance(node, Flatten) and self._feeds_only(target, (Linear,))):
                return False
        return True

    def source(self, name: str) -> Value:
        """Return the value that a node with one input reads."""
        return self.values[self.graph.predecessors[name][0]]

    def sum_of(self, name: str) -> str:
        """Return the node whose memory holds the sum of a dense node: itself, or the Add that is its only reader."""
        targets = self.graph.successors[name]
        if len(targets) == 1 and isinstance(self.graph.nodes[targets[0]], Add):
            same_rhythm = (name in self.graph.static) == (targets[0] in self.graph.static)
            value = self.values[name]
            if (
                same_rhythm
                and not value.spikes
                and value.node == name
                and not isinstance(self.graph.nodes[name], Input)
            ):
                return self.sum_of(targets[0])
        return name

    def fused(self, name: str) -> str | None:
        """Return the spiking layer that is the only reader of a packed synapse: it fires once its current is summed."""
        targets = self.graph.successors[name]
        fits = (
            isinstance(self.graph.nodes[name], Conv2d | Linear) and name not in self.graph.static and self.packs(name)
        )
        return targets[0] if fits and len(targets) == 1 and isinstance(self.graph.nodes[targets[0]], IF) else None

    def packs(self, name: str) -> bool:
        """Whether a Conv2d or Linear adds packed rows of 8-bit weights: it reads spikes and has no groups."""
        node = self.graph.nodes[name]
        assert isinstance(node, Conv2d | Linear)
        whole = not isinstance(node, Conv2d) or node.groups == 1
        small = node.weight.dtype == np.int8 or bool((node.weight >= -128).all() and (node.weight <= 127).all())
        return whole and small and self.source(name).spikes

    def widens(self, name: str) -> bool:
        """Whether a node's weights are held as 32 bits, and summed in vectors: those few that an image meets first."""
        node = self.graph.nodes[name]
        if not isinstance(node, Conv2d) or name not in self.graph.static:
            return False
        return node.groups == 1 and len(node.weight) % 16 == 0

    def spread(self, name: str) -> int:
        """Neighbouring output pixels that a packed convolution of few channels sums together, as if they were channels.

        A spike then adds one row for all of them (zeros where its tap does not reach), not one for each.
        """
        node, value = self.graph.nodes[name], self.values[name]
        if not isinstance(node, Conv2d) or not self.packs(name) or value.channels not in (16, 32):
            return 1
        return next(count for count in (64 // value.channels, 2, 1) if value.width % count == 0)

    def outputs(self, name: str) -> int:
        """Sums that a Conv2d or Linear makes together: its channels, for each of `spread` pixels."""
        return self.values[name].channels * self.spread(name)

    def taps(self, name: str) -> npt.NDArray[Any]:
        """Weights of a Conv2d or Linear as (kh, kw, C_in / groups, outputs); a Linear spans its whole input.

        Where `spread` pixels are summed together the kernel is as wide as they see.
        """
        node = self.graph.nodes[name]
        assert isinstance(node, Conv2d | Linear)
        if isinstance(node, Linear):
            source = self.source(name)
            shape = (len(node.weight), source.channels, source.height, source.width)
            return node.weight.reshape(shape).transpose(2, 3, 1, 0)
        taps, count, stride = node.weight.transpose(2, 3, 1, 0), self.spread(name), node.stride[1]
        if count == 1:
            return taps
        height, width, inputs, outputs = taps.shape
        wide = np.zeros((height, width + (count - 1) * stride, inputs, count, outputs), taps.dtype)
        for index in range(count):
            wide[:, index * stride : index * stride + width, :, index] = taps
        return wide.reshape(*wide.shape[:3], count * outputs)
