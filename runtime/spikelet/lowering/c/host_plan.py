"""Memory layout of the host form.

The spikes of a layer are stored as one list per row of pixels, which contains the neurons that fired. A sum pool of
spikes concatenates the lists that it reads, so that a neuron may occur more than once. If a neuron has k copies, 0…k of
them fire; a neuron is in the lists of plane p if bit p of this number is set. Dense values are padded to whole vectors.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

from spikelet.lowering.c.layer_forms import LayerForms
from spikelet.lowering.c.plan import Field, Value, weight_of
from spikelet.lowering.c.tables import tables_bytes
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, SumPool2d

SCALE = 16  # factor of the entries of lists; the smallest number of lanes, so that offsets are whole numbers of bytes
SLACK = 32  # entries past the end of a list that may be read or, 16 of them, be written
MAX_REPEATS = 16  # of a neuron in one list; larger pools are summed densely
PART_BYTES = 3 * 2**15  # weights of a part, which stay in the second-level cache while the next ones are loaded
TILE_BYTES = 2**14  # currents of the output pixels that are summed before their neurons are updated
SUMMED_PIXELS = 8  # that a layer which reads counts sums together, at least; their sums use most vector registers


def lanes(channels: int) -> int:
    """Return the number of channels that are summed together in vector registers."""
    return next((width for width in (16, 32, 64) if channels <= width), 128)


def capacity(value: Value) -> int:
    """Return the number of entries allocated for the spikes of one row of pixels."""
    return value.width * value.channels * value.repeats + SLACK


class HostPlan(LayerForms):
    """Memory layout with lists of spikes and padded dense values."""

    def padded(self, channels: int) -> int:
        """Return the number of channels, rounded up to whole vectors."""
        width = lanes(channels)
        return -(-channels // width) * width

    def _value(self, dense: Value, inputs: list[Value]) -> Value:
        name, channels = dense.node, dense.channels
        match self.graph.nodes[name]:
            case IF(copies=copies):
                return replace(dense, stride=channels, repeats=1, planes=copies.bit_length())
            case Input() if self.feeds_only(name, (Conv2d, Linear)):
                return replace(dense, stride=channels)
            case SumPool2d(kernel=kernel) if inputs[0].spikes:
                repeats = inputs[0].repeats * kernel[0] * kernel[1]
                spikes = replace(dense, stride=channels, repeats=repeats, planes=inputs[0].planes)
                return spikes if repeats <= MAX_REPEATS else dense
            case Flatten() if self.feeds_only(name, (Linear,)):
                return inputs[0]
            case Output():
                return inputs[0]
        return dense

    def _adds_into(self, name: str, target: str) -> bool:
        same_rate = (name in self.graph.static) == (target in self.graph.static)
        return isinstance(self.graph.nodes[target], Add) and same_rate

    def tile(self, name: str) -> int:
        """Return the number of output pixels summed together, doubled if there are several blocks of outputs."""
        stride = self.padded(self.outputs(name))
        pixels = self.values[name].pixels // self.spread(name)
        size = TILE_BYTES if stride == lanes(self.outputs(name)) else 2 * TILE_BYTES
        return max(1, min(pixels, size // (4 * stride)))

    def part(self, name: str) -> tuple[int, int]:
        """Return the largest part of a kernel whose weights fit PART_BYTES: all of it, a row or a tap."""
        if weight_of(self.graph.nodes[name]) is None:
            return 0, 0  # a pool has no weights
        height, width, _, _ = self.taps(name).shape
        if not isinstance(self.graph.nodes[name], Conv2d):
            return height, width
        tap = self.source(name).channels * lanes(self.outputs(name))
        return next((part for part in ((height, width), (1, width)) if math.prod(part) * tap <= PART_BYTES), (1, 1))

    def summed_rows(self, name: str) -> int:
        """Return the number of rows of output pixels that a layer which reads counts sums together."""
        value = self.values[name]
        return min(value.height, -(-SUMMED_PIXELS // value.width)) if self.multiplies_counts(name) else 1

    def merges_rows(self, name: str) -> bool:
        """Return whether the lists of the rows that an output pixel reads are joined, if that is faster.

        All weights of the layer are used for one pixel after the other, and entries of a joined list fit its type.
        """
        if not self.packs(name) or self.padded(self.outputs(name)) > lanes(self.outputs(name)):
            return False
        height, width = (int(size) for size in self.taps(name).shape[:2])
        source = self.source(name)
        largest = ((height - 1) * width + source.width) * source.channels * self.scale
        fits = self.spike_type == "uint32_t" or max(largest, self.merged_capacity(name)) < 2**16
        return height > 1 and self.part(name) == (height, width) and fits

    def merged_capacity(self, name: str) -> int:
        """Return the number of entries allocated for the joined lists of the rows that an output pixel reads."""
        return int(self.taps(name).shape[0]) * capacity(self.source(name))

    def has_memory(self, name: str) -> bool:
        """Return whether a node has a dense value in memory; that of an IF is its current, if it reads spikes."""
        node = self.graph.nodes[name]
        if isinstance(node, IF):
            return self.source(name).spikes
        if isinstance(node, Input):
            return True
        return self.is_sum(name) and self.sum_of(name) == name and not self.fused(name)

    def dense_count(self, name: str) -> int:
        """Return the number of dense values of a node that has memory for them."""
        value = self.values[name]
        return value.pixels * (self.padded(value.channels) if isinstance(self.graph.nodes[name], IF) else value.stride)

    @cached_property
    def dense_arrays(self) -> dict[str, int]:
        """Index of the array of the workspace in which the dense value of a node lies, by node.

        An array is used again after the last node that reads its value.
        """
        begin: dict[str, int] = {}
        end: dict[str, int] = {}
        for position, name in enumerate(self.graph.order):
            owners = [self.sum_of(self.values[source].node) for source in self.graph.predecessors[name]]
            for owner in (self.sum_of(name), *owners):
                if owner not in self.graph.static and self.has_memory(owner):
                    begin.setdefault(owner, position)
                    end[owner] = position
        arrays: dict[str, int] = {}
        ends: list[int] = []  # of the last value in each array
        for owner in begin:
            free = (index for index, position in enumerate(ends) if position < begin[owner])
            index = next(free, len(ends))
            ends[index : index + 1] = [end[owner]]
            arrays[owner] = index
        return arrays

    @cached_property
    def spike_type(self) -> str:
        """C type of an entry of a list of spikes, wide enough for a row of pixels."""
        return "uint16_t" if max(map(capacity, self.values.values())) < 2**16 else "uint32_t"

    @cached_property
    def copied(self) -> dict[str, range]:
        """Numbers of the neurons of each layer with copies; such neurons are numbered over all layers, from 0."""
        numbers, count = {}, 0
        for name in self.graph.spiking:
            if self.graph.neuron(name).copies > 1:
                size = self.values[name].pixels * self.values[name].channels
                numbers[name] = range(count, count + size)
                count += size
        return numbers

    @cached_property
    def copied_count(self) -> int:
        """Number of neurons with copies, over all layers."""
        return sum(map(len, self.copied.values()))

    @cached_property
    def scale(self) -> int:
        """Factor of the entries of lists, with which x86 addresses a row of weights in fewer instructions.

        It is 1 if the products would exceed 16 bits.
        """
        pixels = max((value.width * value.channels for value in self.values.values()), default=0)
        return SCALE if SCALE * pixels < 2**16 else 1

    @cached_property
    def max_height(self) -> int:
        """Height of the tallest kernel that reads packed weights."""
        return max([1, *(int(self.taps(name).shape[0]) for name in self.graph.order if self.packs(name))])

    def parameter_bytes(self) -> int:
        """Return an upper bound of the bytes of the constant arrays, without computing them."""
        total = 0
        for name in self.graph.order:
            node = self.graph.nodes[name]
            total += 16 * self.padded(self.values[name].channels)  # parameters per channel
            if not isinstance(node, Conv2d | Linear):
                continue
            outputs = self.padded(self.outputs(name))
            total += 4 * outputs
            if self.multiplies_counts(name):
                total += int(node.weight[0].size) * self.padded(len(node.weight))
            if self.adds_tables(name):
                total += tables_bytes(node.weight)
            if self.packs(name):
                taps = int(node.weight[0].size)
                if isinstance(node, Conv2d):
                    width = int(node.weight.shape[3])
                    taps = taps // width * (width + (self.spread(name) - 1) * node.stride[1])
                total += taps * outputs
            else:
                total += (8 if self.multiplies_image(name) else 4) * int(node.weight.size)
        return total

    def _padded_image(self, name: str) -> int:
        """Return the number of inputs of a Conv2d with its padding, plus one."""
        node, source = self.graph.node(name, Conv2d), self.source(name)
        height, width = source.height + 2 * node.padding[0], source.width + 2 * node.padding[1]
        return height * width * source.channels + 1

    def state(self, window: int) -> list[Field]:
        """Return the arrays that one sample keeps from time-step to time-step.

        Args:
            window: Largest number of time-steps evaluated layer by layer.
        """
        fields = []
        for name in self.graph.order:
            id_, value = self.identifiers[name], self.values[name]
            if isinstance(self.graph.nodes[name], IF):
                count = value.pixels * self.padded(value.channels)
                fields.append(Field(f"{id_}_v", "int32_t", count, f"potentials of {name}"))
            elif name in self.graph.static and self.has_memory(name):
                fields.append(Field(f"{id_}_x", "int32_t", value.pixels * value.stride, f"{name}, of the last image"))
        fields.append(Field("fresh", "uint32_t", 1, "2 after a reset, 1 in the first call of step, then 0"))
        when = "in the last time-step" if window == 1 else "in each of the last time-steps"
        fields.append(Field("logits", "int32_t", self.graph.classes * window, when))
        fields.append(Field("fired", "uint32_t", len(self.graph.spiking) * window, f"spikes of each layer {when}"))
        return fields

    @cached_property
    def work(self) -> list[Field]:
        """The arrays that one time-step uses."""
        fields, itemsize = [], {"uint16_t": 2, "uint32_t": 4}[self.spike_type]
        for name in self.graph.order:
            id_, value = self.identifiers[name], self.values[name]
            if value.spikes and value.node == name:
                count = value.planes * value.height * (value.width + 1)
                fields.append(Field(f"{id_}_start", "spike_t", count, f"{name}: first spike of each pixel", itemsize))
                count = value.planes * value.height * capacity(value)
                fields.append(Field(f"{id_}_list", "spike_t", count, f"{name}: spikes by row of pixels", itemsize))
            if self.stores_counts(name):
                count = value.pixels * self.padded(value.channels)
                fields.append(Field(f"{id_}_counts", "uint8_t", count, f"{name}: number of spikes of each neuron", 1))
        for array in range(len(set(self.dense_arrays.values()))):
            owners = [name for name, index in self.dense_arrays.items() if index == array]
            count = max(map(self.dense_count, owners))
            fields.append(Field(f"dense{array}", "int32_t", count, f"dense values: {', '.join(owners)}"))
        currents = [self.tile(name) * self.padded(self.outputs(name)) for name in self.graph.order if self.packs(name)]
        counts = []
        for name in filter(self.reads_counts, self.graph.order):
            value = self.values[name]
            counts.append(self._padded_image(name))
            currents.append(self.summed_rows(name) * value.width * self.padded(value.channels))
        padded = [self._padded_image(name) for name in self.graph.order if self.multiplies_image(name)]
        if padded:
            fields.append(Field("pixels", "int16_t", max(padded), "of the image, with zeros around it", itemsize=2))
        merged = [(name, self.source(name)) for name in self.graph.order if self.merges_rows(name)]
        if merged:
            count = max(value.planes * (value.width + 1) for _, value in merged)
            fields.append(Field("starts", "spike_t", count, "first spike of each pixel of joined rows", itemsize))
            count = max(value.planes * self.merged_capacity(name) for name, value in merged)
            fields.append(Field("merged", "spike_t", count, "spikes of the rows that a pixel reads", itemsize))
        fields.append(Field("current", "int32_t", max([1, *currents]), "of the pixels that are summed together"))
        if counts:
            fields.append(Field("inputs", "uint8_t", max(counts), "spikes of each input of a layer", itemsize=1))
        return fields
