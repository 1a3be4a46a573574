"""Form in which each layer of the host form is evaluated.

A Conv2d or Linear that reads spikes can add rows of weights, add sums of weights from tables, or multiply counts. The
form is selected from the sizes of the layer and the measured activity of the neurons before it. It decides what these
neurons store: lists of their spikes, counts, or both.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from spikelet.graph import Graph
from spikelet.lowering.c.plan import Plan
from spikelet.lowering.c.tables import sums_in_16_bits, tables_bytes
from spikelet.nodes import IF, LIF, Add, Conv2d, Output, Scale, SumPool2d

# Evaluation of a layer: add the rows of weights that lists of spikes select; add sums of four weights from tables;
# multiply weights by counts of spikes; multiply weights by pairs of values of the image; or by one value at a time.
Form = Literal["lists", "tables", "counts", "image", "dense"]
ARM_BYTES, AVX2_BYTES, AVX512_BYTES = 16, 32, 64  # of vector registers
LEAST_COPIES, MOST_COUNT = 3, 31  # copies of a neuron, and spikes of an input, for which counts are multiplied
CACHED_WEIGHTS = 2**18  # number of weights that fit the nearest caches of a processor; larger layers prefetch
# weights that lists add for each weight of a layer, from which on multiplying counts is faster; measured with AVX2 by
# tests/benchmarks/forms.py
LEAST_ROWS = 0.55
FEW_ROWS = 0.2  # the same with AVX-512 VNNI
# share of the products of a network in layers with so many rows, from which on AVX-512 VNNI is used for them: its wide
# products lower the clock of the processor, and thereby the speed of all layers
LEAST_SHARE = 0.4
FEW_OUTPUTS = 16  # up to which adding tables is faster than AVX-512 VNNI
# bytes of tables up to which adding their sums is faster, for each weight that lists add for each weight of a layer;
# measured in the same way. Large tables do not fit the nearest caches.
TABLES_BYTES = 2**18


class LayerForms(Plan):
    """A plan that selects the form of each layer.

    Args:
        graph: The network.
        product_bytes: Bytes of the registers whose products of bytes one instruction of the target adds: 64 with
            AVX-512 VNNI, 32 with AVX2, 16 with the dot product of Arm. With 0, no layer reads counts of spikes, so
            that none has tables or a second form of its weights.
    """

    def __init__(self, graph: Graph, *, product_bytes: int = AVX2_BYTES) -> None:
        super().__init__(graph)
        self.product_bytes = product_bytes

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

    def form(self, name: str) -> Form:
        """Return how a Conv2d or Linear is evaluated; as "lists" where the compiler's target lacks the others."""
        if self.adds_tables(name):
            return "tables"
        if self.multiplies_counts(name):
            return "counts"
        if self.packs(name):
            return "lists"
        return "image" if self.multiplies_image(name) else "dense"

    def multiplies_counts(self, name: str) -> bool:
        """Return whether a Conv2d multiplies counts of spikes if the processor supports it.

        On processors that add products of bytes, this is faster than adding a row of weights for each spike if many
        inputs spike: at the measured activity, see `added_rows`. If that is unknown, it is so for neurons with several
        copies that read a constant image, and for sums over pixels of such neurons.
        """
        if self.adds_tables(name):
            return False
        if self.product_bytes == AVX512_BYTES and self.graph.activity is not None:
            return self._multiplies_widely and self._has_rows(name, FEW_ROWS)
        return self._has_rows(name, LEAST_ROWS)

    @cached_property
    def _multiplies_widely(self) -> bool:
        """Return whether the network is so active that products of 64 bytes are worth a lower clock."""
        layers = [name for name, node in self.graph.nodes.items() if isinstance(node, Conv2d) and self.packs(name)]
        products = {name: self.values[name].pixels * self.graph.node(name, Conv2d).weight.size for name in layers}
        active = (name for name in layers if self._has_rows(name, FEW_ROWS) and not self._has_few_outputs(name))
        return sum(map(products.__getitem__, active)) >= LEAST_SHARE * sum(products.values())

    def _has_rows(self, name: str, least: float) -> bool:
        """Return whether a layer can multiply counts, and lists would add at least so many weights for each weight."""
        node = self.graph.nodes[name]
        if not self.product_bytes or not isinstance(node, Conv2d) or not self.packs(name):
            return False
        neuron, pool = self.counted(name)
        counted = self._counting(neuron)
        if self.source(name).channels % 4 or counted is None or counted.copies * pool[0] * pool[1] > MOST_COUNT:
            return False
        rows = self.added_rows(name)
        if rows is None:
            many = pool != (1, 1) or self.graph.predecessors[neuron][0] in self.graph.static
            return many and counted.copies >= LEAST_COPIES
        # without copies, lists are faster for weights that exceed the nearest caches
        return rows >= least and (counted.copies >= LEAST_COPIES or node.weight.size <= CACHED_WEIGHTS)

    def adds_tables(self, name: str) -> bool:
        """Return whether a Conv2d adds sums of four weights from tables if the processor counts spikes.

        A table has the sums for each pattern of four inputs, of neurons without copies. An entry takes the place of up
        to four rows of weights. The larger the tables, the higher is the activity from which on this is faster.
        """
        if self.product_bytes == AVX512_BYTES and self._multiplies_widely and not self._has_few_outputs(name):
            return False
        return self._fits_tables(name)

    def _has_few_outputs(self, name: str) -> bool:
        """Return whether tables are faster than products of 64 bytes, which are for 16 outputs."""
        return self._fits_tables(name) and len(self.graph.node(name, Conv2d).weight) <= FEW_OUTPUTS

    def _fits_tables(self, name: str) -> bool:
        """Return whether the tables of a Conv2d are small enough for its activity."""
        node = self.graph.nodes[name]
        if not self.product_bytes or not isinstance(node, Conv2d) or not self.packs(name):
            return False
        neurons = self._counting(self.graph.predecessors[name][0])
        if neurons is None or neurons.copies > 1 or self.source(name).channels % 4:
            return False
        rows = self.added_rows(name)
        fits = rows is not None and tables_bytes(node.weight) <= rows * TABLES_BYTES
        return fits and sums_in_16_bits(node.weight)

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

    def skipped(self, name: str) -> bool:
        """Return whether a SumPool2d is not evaluated, because all its readers sum the counts before it themselves."""
        return all(self.multiplies_counts(target) for target in self.graph.successors[name])

    def _reads_counts_alone(self, name: str) -> bool:
        """Return whether a node, or for a SumPool2d all its readers, read counts, and none needs lists."""
        node = self.graph.nodes[name]
        if isinstance(node, SumPool2d):
            return self.skipped(name)
        return isinstance(node, Scale | Add | Output | IF) or self.reads_counts(name)

    def _counting(self, name: str) -> IF | None:
        """Return a layer of neurons that can store counts of their spikes, or None for any other node."""
        node = self.graph.nodes[name]
        if isinstance(node, IF) and not isinstance(node, LIF) and node.reset == "subtract":
            return node
        return None
