"""Memory layout of the host form.

The spikes of a layer are stored as one list per row of pixels, which contains the neurons that fired. A sum pool of
spikes concatenates the lists that it reads, so that a neuron may occur more than once. If a neuron has k copies, 0…k of
them fire; a neuron is in the lists of plane p if bit p of this number is set. Dense values are padded to whole vectors.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Literal

from spikelet.lowering.c.plan import Field, Plan, Value, weight_of
from spikelet.lowering.c.tables import sums_in_16_bits, tables_bytes
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

# Evaluation of a layer: add the rows of weights that lists of spikes select; add sums of four weights from tables;
# multiply weights by counts of spikes; multiply weights by pairs of values of the image; or by one value at a time.
Form = Literal["lists", "tables", "counts", "image", "dense"]
SCALE = 16  # factor of the entries of lists; the smallest number of lanes, so that offsets are whole numbers of bytes
SLACK = 32  # entries past the end of a list that may be read or, 16 of them, be written
MAX_REPEATS = 16  # of a neuron in one list; larger pools are summed densely
LEAST_COPIES, MOST_COUNT = 3, 31  # copies of a neuron, and spikes of an input, for which counts are multiplied
CACHED_WEIGHTS = 2**18  # number of weights that fit the nearest caches of a processor; larger layers prefetch
PART_BYTES = 3 * 2**15  # weights of a part, which stay in the second-level cache while the next ones are loaded
# weights that lists add for each weight of a layer, from which on multiplying counts is faster; measured with AVX2 by
# tests/benchmarks/forms.py
LEAST_ROWS = 0.55
# the same for tables of sums of four weights, by instructions of resnet20; and the largest tables
LEAST_ENTRIES, TABLES_BYTES = 0.2, 3 * 2**16
TILE_BYTES = 2**14  # currents of the output pixels that are summed before their neurons are updated


def lanes(channels: int) -> int:
    """Return the number of channels that are summed together in vector registers."""
    return next((width for width in (16, 32, 64) if channels <= width), 128)


def capacity(value: Value) -> int:
    """Return the number of entries allocated for the spikes of one row of pixels."""
    return value.width * value.channels * value.repeats + SLACK


class HostPlan(Plan):
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

    def fused(self, name: str) -> str | None:
        """Return the spiking layer that is the only reader of a packed synapse and is evaluated with it, or None."""
        targets = self.graph.successors[name]
        fits = len(targets) == 1 and name not in self.graph.static and self.packs(name)
        return targets[0] if fits and isinstance(self.graph.nodes[targets[0]], IF) else None

    def widens(self, name: str) -> bool:
        """Return whether weights are stored as int32 and summed in vectors, as those of layers that read the image."""
        node = self.graph.nodes[name]
        if not isinstance(node, Conv2d) or name not in self.graph.static:
            return False
        return node.groups == 1 and len(node.weight) % 16 == 0

    def multiplies_image(self, name: str) -> bool:
        """Return whether a Conv2d multiplies pairs of values of the image if the processor supports it."""
        return self.widens(name) and self.reads_16_bits(name)

    def weight_bits(self, name: str) -> int:
        """Return the bits of a weight that is not packed."""
        return 32 if self.widens(name) else super().weight_bits(name)

    def spread(self, name: str) -> int:
        """Return the number of neighbouring output pixels that a packed convolution of few channels sums together.

        A spike then adds one row for all of them (zeros where its tap does not reach), instead of one for each.
        """
        node, value = self.graph.nodes[name], self.values[name]
        if not isinstance(node, Conv2d) or not self.packs(name) or value.channels not in (16, 32):
            return 1
        return next(count for count in (64 // value.channels, 2, 1) if value.width % count == 0)

    def multiplies_counts(self, name: str) -> bool:
        """Return whether a Conv2d multiplies counts of spikes if the processor supports it.

        On processors that add products of bytes, this is faster than adding a row of weights for each spike if many
        inputs spike: at the measured activity, see `added_rows`. If that is unknown, it is so for neurons with several
        copies that read a constant image, and for sums over pixels of such neurons.
        """
        node = self.graph.nodes[name]
        if (
            not isinstance(node, Conv2d)
            or not self.fused(name)
            or self.source(name).channels % 4
            or self.adds_tables(name)
        ):
            return False
        neuron, pool = self.counted(name)
        counted = self._counting(neuron)
        if counted is None or counted.copies * pool[0] * pool[1] > MOST_COUNT:
            return False
        rows = self.added_rows(name)
        if rows is not None:  # without copies, large weights are not stored in both forms
            return rows >= LEAST_ROWS and (counted.copies >= LEAST_COPIES or node.weight.size <= CACHED_WEIGHTS)
        many = pool != (1, 1) or self.graph.predecessors[neuron][0] in self.graph.static
        return many and counted.copies >= LEAST_COPIES

    def adds_tables(self, name: str) -> bool:
        """Return whether a Conv2d adds sums of four weights from tables if the processor counts spikes.

        A table has the sums for each pattern of four inputs, of neurons without copies. An entry takes the place of up
        to four rows of weights, so that this is faster from a low activity on, if the tables fit the nearest caches.
        """
        node = self.graph.nodes[name]
        if not isinstance(node, Conv2d) or not self.packs(name):
            return False
        neurons = self._counting(self.graph.predecessors[name][0])
        if neurons is None or neurons.copies > 1 or self.source(name).channels % 4:
            return False
        rows = self.added_rows(name)
        if rows is None or rows < LEAST_ENTRIES:
            return False
        return tables_bytes(node.weight) <= TABLES_BYTES and sums_in_16_bits(node.weight)

    def _counting(self, name: str) -> IF | None:
        """Return a layer of neurons that can store counts of their spikes, or None for any other node."""
        node = self.graph.nodes[name]
        if isinstance(node, IF) and not isinstance(node, LIF) and node.reset == "subtract":
            return node
        return None

    def reads_counts(self, name: str) -> bool:
        """Return whether a node reads counts of spikes, and no lists, if the processor can multiply counts."""
        return self.multiplies_counts(name) or self.adds_tables(name)

    def added_rows(self, name: str) -> float | None:
        """Return how many weights lists add for each weight of the dense layer, or None if that was not measured.

        It is the mean number of list entries of an input, times the share of zeros that `spread` adds to the weights.
        """
        neuron, pool = self.counted(name)
        shares = (self.graph.activity or {}).get(neuron, ())
        node = self.graph.node(name, Conv2d)
        if len(shares) != self.graph.neuron(neuron).copies + 1:
            return None
        entries = pool[0] * pool[1] * sum(share * count.bit_count() for count, share in enumerate(shares))
        spread, channels = self.spread(name), self.values[name].channels
        width = int(node.weight.shape[3])
        wide = width + (spread - 1) * node.stride[1]
        return entries * wide * self.padded(self.outputs(name)) / (spread * width * self.padded(channels))

    def form(self, name: str) -> Form:
        """Return how a Conv2d or Linear is evaluated. Without AVX2, "counts" and "tables" are evaluated as "lists"."""
        if self.adds_tables(name):
            return "tables"
        if self.multiplies_counts(name):
            return "counts"
        if self.packs(name):
            return "lists"
        return "image" if self.multiplies_image(name) else "dense"

    def counted(self, name: str) -> tuple[str, tuple[int, int]]:
        """Return the node whose spikes a Conv2d counts, and the size of the windows over which it sums them."""
        source = self.graph.predecessors[name][0]
        node = self.graph.nodes[source]
        if isinstance(node, SumPool2d) and node.kernel == node.stride:
            return self.graph.predecessors[source][0], node.kernel
        return source, (1, 1)

    def stores_counts(self, name: str) -> bool:
        """Return whether neurons store counts of their spikes if the processor can multiply them."""
        successors = self.graph.successors
        pools = [target for target in successors[name] if isinstance(self.graph.nodes[target], SumPool2d)]
        readers = [*successors[name], *(target for pool in pools for target in successors[pool])]
        return any(self.reads_counts(target) and self.counted(target)[0] == name for target in readers)

    def lists_counts(self, name: str) -> bool:
        """Return whether stored counts are also converted to lists, because some nodes read lists."""
        readers = self.graph.successors[name]
        return self.stores_counts(name) and not all(map(self._reads_counts_alone, readers))

    def _reads_counts_alone(self, name: str) -> bool:
        """Return whether a node, or for a SumPool2d all its readers, read counts, and none needs lists."""
        node = self.graph.nodes[name]
        if isinstance(node, SumPool2d):
            return self.skipped(name)
        return isinstance(node, Scale | Add | Output | IF) or self.reads_counts(name)

    def skipped(self, name: str) -> bool:
        """Return whether a SumPool2d is not evaluated, because all its readers sum the counts before it themselves."""
        return all(self.multiplies_counts(target) for target in self.graph.successors[name])

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

    @cached_property
    def spike_type(self) -> str:
        """C type of an entry of a list of spikes, wide enough for a row of pixels."""
        return "uint16_t" if max(map(capacity, self.values.values())) < 2**16 else "uint32_t"

    @cached_property
    def turns(self) -> dict[str, int]:
        """Index of the first neuron of each layer with copies, if all such neurons are numbered; "" is their number."""
        starts, count = {}, 0
        for name in self.graph.spiking:
            if self.graph.neuron(name).copies > 1:
                starts[name] = count
                count += self.values[name].pixels * self.values[name].channels
        return starts | {"": count}

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
            if name not in self.graph.static and self.has_memory(name):
                stride = self.padded(value.channels) if isinstance(self.graph.nodes[name], IF) else value.stride
                fields.append(Field(f"{id_}_x", "int32_t", value.pixels * stride, f"{name}, dense"))
        currents = [self.tile(name) * self.padded(self.outputs(name)) for name in self.graph.order if self.packs(name)]
        counts = []
        for name in filter(self.reads_counts, self.graph.order):
            value = self.values[name]
            counts.append(self._padded_image(name))
            currents.append(value.width * self.padded(value.channels))
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
