"""The form of the generated C for microcontrollers: plain C99 that uses as little memory as possible.

Currents are added directly to the potentials, spikes are stored as bits, and pools are summed by the layer that reads
them. The image stays in the memory of the caller and is read again at every time-step.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from spikelet.graph import Graph
from spikelet.lowering.c.copies import compact, progression
from spikelet.lowering.c.parameters import Packing
from spikelet.lowering.c.plan import Field, Plan, Value
from spikelet.lowering.c.program import PixelLayout, Program
from spikelet.lowering.c.text.declarations import function, initialised
from spikelet.lowering.c.text.sources import Kernel
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, SumPool2d

MAX_ROWS = 256  # weight rows whose bytes are added in 16 bits
WORD = 32  # bits of spikes that are appended to the list of rows at once
MAX_BAND = 2**13  # 16-bit values of the image that are copied for one row of outputs


class McuPlan(Plan):
    """Memory layout that stores no value that its reader can compute."""

    def padded(self, channels: int) -> int:
        """Return the number of channels; nothing is padded."""
        return channels

    def _value(self, dense: Value, inputs: list[Value]) -> Value:
        name = dense.node
        match self.graph.nodes[name]:
            case IF(copies=copies):
                return replace(dense, repeats=1, planes=copies.bit_length())
            case SumPool2d():
                source = self.graph.nodes[self.graph.predecessors[name][0]]
                summed_by_reader = isinstance(source, IF) and self.feeds_only(name, (Conv2d, Linear))
                return replace(dense, repeats=int(summed_by_reader), planes=inputs[0].planes)
            case Flatten() if self.feeds_only(name, (Linear,)):
                return inputs[0]
            case Output():
                return inputs[0]
        return dense

    def multiplies_pairs(self, name: str) -> bool:
        """Return whether a Conv2d reads the image, and its weights and inputs fit 16 bits."""
        return self.reads_16_bits(name) and self.band(name) <= MAX_BAND

    def band(self, name: str) -> int:
        """Return the number of inputs that one row of outputs of a Conv2d reads, with padding, plus one."""
        height, width, channels, _ = self.taps(name).shape
        node = self.graph.nodes[name]
        stride = node.stride[1] if isinstance(node, Conv2d) else 1
        return int(((self.values[name].width - 1) * stride + width) * channels * height + 1)

    def rows(self, name: str) -> int:
        """Return how many weight rows a plane of spikes selects at most for an output of a Conv2d or Linear."""
        inputs = int(np.prod(self.taps(name).shape[:3]))
        source = self.graph.nodes[self.source(name).node]
        return inputs * (source.kernel[0] * source.kernel[1] if isinstance(source, SumPool2d) else 1)

    def _adds_into(self, name: str, target: str) -> bool:
        return isinstance(self.graph.nodes[target], Add | IF)  # currents are added to the potentials


class McuProgram(Program):
    """The microcontroller form of an exact network: text, parameters and memory.

    Args:
        graph: The network.
        layout: Order of the values of an image.

    Raises:
        EngineError: The network is float32.
    """

    plan: McuPlan
    form: ClassVar[str] = "mcu"
    keeps_image: ClassVar[bool] = False
    packing: ClassVar[Packing] = "words"
    signature: ClassVar[str] = "const struct parameters *p, struct state *s, const model_pixel *image"
    arguments: ClassVar[str] = "p, s, image"

    def __init__(self, graph: Graph, layout: PixelLayout = "chw") -> None:
        graph = compact(graph)
        super().__init__(graph, McuPlan(graph), layout)

    @cached_property
    def state(self) -> list[Field]:
        """All memory except the image and the stack."""
        fields = []
        for name in self.graph.order:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            if isinstance(self.graph.nodes[name], IF):
                fields.append(Field(f"{id_}_v", "int32_t", value.pixels * value.channels, f"potentials of {name}"))
            elif self.plan.is_sum(name) and self.plan.sum_of(name) == name:
                fields.append(Field(f"{id_}_x", "int32_t", value.pixels * value.channels, name))
        fields.append(Field("logits", "int32_t", self.graph.classes, "of the last time-step"))
        fields.append(Field("fired", "uint32_t", len(self.graph.spiking), "spikes of each layer in the last time-step"))
        bands = [self.plan.band(name) for name in self.graph.order if self.plan.multiplies_pairs(name)]
        if bands:
            fields.append(Field("band", "int16_t", max(bands), "of the image, for one row of outputs", itemsize=2))
        for name in self.graph.spiking:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            count = value.planes * value.pixels * -(-value.channels // 8)
            fields.append(Field(f"{id_}_spikes", "uint8_t", count, f"spikes of {name}, as bits", itemsize=1))
        return fields

    def _declarations(self, structs: bool) -> list[str]:
        pixel, channel = self.strides
        about = "/* distances in the image between neighbouring pixels and between channels */\n"
        return [
            f"{about}enum {{ PIXEL_STRIDE = {pixel}, CHANNEL_STRIDE = {channel} }};\n",
            f"enum {{ PLANES = {self.plan.copies.bit_length()} }}; /* of spikes, at most */\n",
            f"enum {{ MAX_ROWS = {self._max_rows()} }}; /* weight rows that are added at once */\n",
            *super()._declarations(structs),
        ]

    def _max_rows(self) -> int:
        """Return the length of the list of rows, which is on the stack: that of all rows of an output, if they fit."""
        rows = [self.plan.rows(name) for name in self.graph.order if self.plan.packs(name)]
        return min(max(rows, default=1) + WORD, MAX_ROWS)

    def _load(self, name: str) -> list[str]:
        return []  # the image is read from the memory of the caller

    def _synapse(self, name: str) -> list[str]:
        id_ = self.plan.identifiers[name]
        kernel = Kernel("convolve", "WEIGHT", f"int{self.plan.weight_bits(name)}")
        if self.plan.packs(name):
            kernel = Kernel("convolve_spikes")
        elif self.plan.multiplies_pairs(name):
            kernel = Kernel("convolve_image")
        memory = ["s->band"] if self.plan.multiplies_pairs(name) else []
        call = self._call(kernel, "&g", f"p->{id_}_weight", f"p->{id_}_bias", "&in", *memory, *self._target(name))
        return self._summed(name, [self._geometry(name), self._input(self.graph.predecessors[name][0]), call])

    def _fire(self, name: str) -> list[str]:
        node, id_, value = self.graph.neuron(name), self.plan.identifiers[name], self.plan.values[name]
        source = self.graph.predecessors[name][0]
        lines = [] if self.plan.sum_of(source) == name else self._add(source, name)
        memory, strict = (f"s->{id_}_v", f"s->{id_}_spikes"), int(node.tie == ">")
        kernel, kind = Kernel("fire"), [strict, int(node.reset == "zero")]
        if node.copies > 1:
            kernel, kind = Kernel("fire_copies"), [strict, node.copies, value.planes]
        call = self._call(kernel, value.pixels, value.channels, f"p->{id_}_theta", *kind, *memory)
        return [*lines, f"s->fired[{self.graph.spiking.index(name)}] = {call}"]

    def _pool(self, name: str) -> list[str]:
        node = self.graph.nodes[name]
        if not isinstance(node, SumPool2d) or not self.plan.is_sum(name):
            return []
        pooled = self._pooled(self.graph.predecessors[name][0], node.kernel, node.stride)
        return self._summed(name, [pooled, self._add_input(name)])

    def _add(self, source: str, name: str, scale: str = "NULL") -> list[str]:
        return [self._input(source), self._add_input(name, scale)]

    def _add_input(self, name: str, scale: str = "NULL") -> str:
        value = self.plan.values[name]
        return self._call(Kernel("add"), value.height, value.width, "&in", scale, *self._target(name))

    def _flatten(self, name: str) -> list[str]:
        source = self.plan.source(name)
        call = self._call(Kernel("flatten"), source.height, source.width, "&in", *self._target(name))
        return [self._input(self.graph.predecessors[name][0]), call]

    def _target(self, name: str) -> tuple[int, str]:
        """Return the factor by which a node multiplies its value, and the sum to which it adds the product."""
        owner = self.graph.nodes[self.plan.sum_of(name)]
        return progression(owner).gain if isinstance(owner, IF) else 1, self._sum(name)

    def _sum(self, name: str) -> str:
        if isinstance(self.graph.nodes[name], Output):
            return "s->logits"
        owner = self.plan.sum_of(name)
        return f"s->{self.plan.identifiers[owner]}_{'v' if isinstance(self.graph.nodes[owner], IF) else 'x'}"

    def _clear(self, name: str) -> list[str]:
        is_potential = isinstance(self.graph.nodes[self.plan.sum_of(name)], IF)  # keeps its value between time-steps
        return [] if is_potential else super()._clear(name)

    def _input(self, name: str) -> str:
        """Return the definition of `in`, which reads the value of a node."""
        node = self.graph.nodes[name]
        if self.plan.values[name].node != name:  # a Flatten
            return self._input(self.graph.predecessors[name][0])
        if isinstance(node, SumPool2d) and not self.plan.is_sum(name):
            return self._pooled(self.graph.predecessors[name][0], node.kernel, node.stride)
        return self._pooled(name, (1, 1), (1, 1))

    def _pooled(self, name: str, kernel: tuple[int, int], stride: tuple[int, int]) -> str:
        """Return the definition of `in`, which sums a stored value, or the image, over the windows of a pool."""
        id_, value = self.plan.identifiers[name], self.plan.values[name]
        values = dict.fromkeys(("spikes", "dense", "image", "mean"), "NULL")
        match self.graph.nodes[name]:
            case IF():
                values["spikes"] = f"s->{id_}_spikes"
            case Input():
                values |= {"image": "image", "mean": f"p->{id_}_mean"}
            case _:
                values["dense"] = self._sum(name)
        sizes = {"height": value.height, "width": value.width, "channels": value.channels}
        sizes["planes"] = value.planes if values["spikes"] != "NULL" else 1
        pool = {"pool_height": kernel[0], "pool_width": kernel[1], "pool_y": stride[0], "pool_x": stride[1]}
        return initialised("const struct input in", {**values, **sizes, **pool})

    def _initialised(self) -> list[str]:
        return [
            "memset(s->logits, 0, sizeof s->logits);",
            "memset(s->fired, 0, sizeof s->fired);",
            *(
                self._call(Kernel("initialise"), value.pixels, value.channels, f"p->{id_}_initial", f"s->{id_}_v")
                for _, id_, value in self.plan.spiking()
            ),
        ]

    def _step(self, names: list[str]) -> str:
        lines = [
            self._call(Kernel("leak"), value.pixels, value.channels, f"p->{id_}_decay", f"s->{id_}_v")
            for node, id_, value in self.plan.spiking()
            if isinstance(node, LIF)
        ]
        lines += [f"run_{self.plan.identifiers[name]}({self.arguments});" for name in names]
        return function(f"/* Run one time-step. image: [values]. */\nstatic void step({self.signature})", lines)
