"""The host form of the generated C: lists of spikes, and sums in vector registers.

It uses GCC's vector extensions, which Clang supports as well. One source compiles to AVX-512, AVX2 and NEON.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from spikelet.graph import Graph
from spikelet.lowering.c.copies import compact
from spikelet.lowering.c.host_plan import SLACK, HostPlan, lanes
from spikelet.lowering.c.host_text import (
    STEPS,
    TAKE,
    WAIT,
    by_one_thread,
    neurons_definition,
    shared,
    spikes_definition,
)
from spikelet.lowering.c.layer_forms import AVX2_BYTES, CACHED_WEIGHTS
from spikelet.lowering.c.parameters import Packing
from spikelet.lowering.c.plan import Field, Value, weight_of
from spikelet.lowering.c.program import PixelLayout, Program
from spikelet.lowering.c.text.declarations import block, function
from spikelet.lowering.c.text.sources import Kernel
from spikelet.nodes import Output

WINDOW = 8  # largest number of time-steps that are evaluated layer by layer; they share one read of the weights
# bytes of the workspace of a window: those of the parameters, within these limits. A longer window reads the parameters
# less often, but its workspace leaves the caches; measured with AVX2 on resnet20 and vgg9
LEAST_WINDOW, MOST_WINDOW = 2**21, 2**22


class HostProgram(Program):
    """The host form of an exact network: text, parameters and memory.

    The functions of a node have three more parameters: `steps`, the number of time-steps; `w`, the workspace of the
    first of them; and `share`, the part of the node that the calling thread evaluates, see
    `kernels/host/program/share.h`.

    Args:
        graph: The network.
        window: Largest number of time-steps evaluated layer by layer, each with its own `struct work`; None for WINDOW,
            or as many as fit the limit of its memory.
        layout: Order of the values of an image.
        product_bytes: Width of the target's products of bytes, see `LayerForms`.
        timed: Whether the program measures the time of each node, see `kernels/host/program/node_times.h`.

    Raises:
        EngineError: The network is float32.
    """

    plan: HostPlan
    form: ClassVar[str] = "host"
    keeps_image: ClassVar[bool] = True
    packing: ClassVar[Packing] = "pairs"
    signature: ClassVar[str] = (
        "const struct parameters *p, struct state *s, struct work *w, const model_pixel *image, int steps, "
        "struct share *share"
    )
    arguments: ClassVar[str] = "p, s, w, image, steps, share"

    def __init__(
        self,
        graph: Graph,
        window: int | None = None,
        layout: PixelLayout = "chw",
        *,
        product_bytes: int = AVX2_BYTES,
        timed: bool = False,
    ) -> None:
        graph = compact(graph)
        super().__init__(graph, HostPlan(graph, product_bytes=product_bytes), layout)
        self.timed = timed
        limit = min(max(self.plan.parameter_bytes(), LEAST_WINDOW), MOST_WINDOW)
        fitting = max(1, min(WINDOW, limit // sum(field.bytes for field in self.work)))
        self.window = window or 1 << (fitting.bit_length() - 1)  # a power of two, as T often is

    @cached_property
    def state(self) -> list[Field]:
        """Arrays of `struct state`, one struct per sample."""
        return self.plan.state(self.window)

    @property
    def work(self) -> list[Field]:
        """Arrays of `struct work`, one struct per thread and time-step of a window."""
        return self.plan.work

    def ctype(self, field: Field) -> str:
        """Return the C type of the elements of a field, without the types that the program defines."""
        return self.plan.spike_type if field.ctype == "spike_t" else field.ctype

    def _declarations(self, structs: bool) -> list[str]:
        sizes = {
            "SCALE": self.plan.scale,
            "SLACK": SLACK,
            "MAX_HEIGHT": self.plan.max_height,
            "LAYERS": len(self.graph.spiking),
            "WINDOW": self.window,
            "PLANES": self.plan.copies.bit_length(),
        }
        constants = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        # known to the preprocessor: what a network does not have is not compiled
        counted = sum(map(self.plan.stores_counts, self.graph.spiking))
        macros = f"#define COPIES {self.plan.copies}\n#define COUNTED_LAYERS {counted}\n"
        entry = f"typedef {self.plan.spike_type} spike_t; /* an entry of a list: (x * channels + channel) * SCALE */\n"
        return [entry, f"enum {{ {constants} }};\n{macros}", *super()._declarations(structs)]

    def _node(self, name: str) -> list[str]:
        lines = super()._node(name)
        if name in self.graph.static or self.plan.fused(name) or not lines:
            return lines
        if self.plan.packs(name) or WAIT not in lines or "\n".join(lines).count(WAIT) > 1:
            return block(lines, STEPS)
        # a thread evaluates all time-steps of its part before it waits for the others
        statements = [line.removeprefix(TAKE) for line in lines if line != WAIT]
        parts = block(block(statements, STEPS), "for (struct work *const first = w; take_part(share); w = first)")
        return [*parts, WAIT]

    def _load(self, name: str) -> list[str]:
        value, mean = self.plan.values[name], f"p->{self.plan.identifiers[name]}_mean"
        call = self._call(
            Kernel("load_image"),
            *(value.pixels, value.channels, "image", *self.strides),
            mean,
            self._sum(name),
            value.stride,
        )
        return by_one_thread(call)

    def _synapse(self, name: str) -> list[str]:
        plan, id_, source = self.plan, self.plan.identifiers[name], self.plan.source(name)
        weight, bias = f"p->{id_}_weight", f"p->{id_}_bias"
        lines = [self._convolution(name), *spikes_definition(self.plan, source)]
        if plan.packs(name):
            layer = plan.fused(name)
            kernel = Kernel("convolve_spikes", "LANES", str(lanes(plan.outputs(name))))
            if layer is not None:
                target, lines = ("&n", "NULL", "steps"), [*lines, neurons_definition(self.plan, layer, "0")]
            else:
                target = ("NULL", self._sum(name), "1")
            own = f"share->own[{'t' if layer is None else 0}].current"
            sums = ("w->current", own, plan.tile(name))
            merged = "NULL"
            if plan.merges_rows(name):
                sizes = (1, source.width, source.channels, plan.merged_capacity(name), source.planes)
                memory = "share->own->starts, share->own->merged"
                lines.append(f"const struct spikes merged = {{{memory}, {', '.join(map(str, sizes))}}};")
                merged = "MERGED(&merged)"
            lines.append(self._call(kernel, "&g", weight, bias, "&in", merged, *sums, *target, "share"))
            if plan.multiplies_counts(name):
                lines = self._multiplied(name, lines)
            elif plan.adds_tables(name):
                lines = self._from_tables(name, lines)
            return self._summed(name, lines) if layer is None else [*lines, *self._listed(layer, "steps")]
        if plan.widens(name):
            kernel, values = Kernel("convolve_image"), self._either(source)[1:]
        else:
            kernel, values = Kernel("convolve", "WEIGHT", f"int{plan.weight_bits(name)}"), self._either(source)
        calls = shared(self._call(kernel, "&g", weight, bias, *values, self._sum(name), "share"))
        if plan.multiplies_image(name):
            arrays = (f"p->{id_}_products", bias, *values, "share->own->pixels")
            product = self._call(Kernel("multiply_image"), "&g", *arrays, self._sum(name), "share")
            calls = ["#ifdef WITH_PRODUCTS", *shared(product), "#else", *calls, "#endif"]
        return self._summed(name, [*lines, *calls])

    def _multiplied(self, name: str, otherwise: list[str]) -> list[str]:
        """Return the statements of a layer that multiplies counts if the processor supports it, or else adds rows."""
        plan, id_ = self.plan, self.plan.identifiers[name]
        layer = plan.fused(name)
        neuron, pool = plan.counted(name)
        sizes, source = self._by_pixel(name), plan.values[neuron]
        fields = (f"w->{plan.identifiers[neuron]}_counts", source.width, plan.padded(source.channels), *pool)
        counts = f"const struct counts in = {{{', '.join(map(str, fields))}}};"
        arrays = (f"p->{id_}_quads", f"p->{id_}_bias", "&in", f"p->{id_}_most[0]")
        call = self._call(Kernel("convolve_counts"), "&g", *arrays, *self._target(name), "share")
        neurons = [] if layer is None else [neurons_definition(self.plan, layer, "0")]
        return ["#ifdef WITH_COUNTS", sizes, counts, *neurons, *shared(call), "#else", *otherwise, "#endif"]

    def _from_tables(self, name: str, otherwise: list[str]) -> list[str]:
        """Return the statements of a layer that adds entries of tables if neurons store counts, or else adds rows."""
        plan, id_ = self.plan, self.plan.identifiers[name]
        layer, source = plan.fused(name), plan.source(name)
        numbers = (f"w->{plan.identifiers[source.node]}_counts", plan.padded(source.channels))
        arrays = (f"p->{id_}_tables", f"p->{id_}_bias", *numbers)
        call = self._call(Kernel("convolve_tables"), "&g", *arrays, *self._target(name), "share")
        neurons = [] if layer is None else [neurons_definition(self.plan, layer, "0")]
        return ["#ifdef WITH_COUNTS", self._by_pixel(name), *neurons, *shared(call), "#else", *otherwise, "#endif"]

    def _target(self, name: str) -> tuple[str, ...]:
        """Return the arguments of kernels that read counts: their memory, neurons or else a sum, and time-steps."""
        target = ("&n", "NULL", "steps") if self.plan.fused(name) else ("NULL", self._sum(name), "1")
        return ("share->own->inputs", "share->own->current", *target)

    def _by_pixel(self, name: str) -> str:
        """Return the definition of `g` for kernels that sum one pixel after the other."""
        stride = self.plan.padded(self.plan.values[name].channels)
        rows = self.plan.summed_rows(name)
        extra = {"out_stride": stride, "part_height": rows, "part_width": 0, "prefetch": 0}
        return self._geometry(name, extra, spread=1)

    def _listed(self, layer: str, steps: str) -> list[str]:
        """Return the statements that convert stored counts to lists, for the readers of a layer that need lists."""
        if not self.plan.lists_counts(layer):
            return []
        call = self._call(Kernel("list_counts"), "&n", steps, "share")
        return ["#ifdef WITH_COUNTS", *shared(call), "#endif"]

    def _fire(self, name: str) -> list[str]:
        source = self.graph.predecessors[name][0]
        if self.plan.fused(source):
            return []
        in_memory = self.plan.has_memory(name)
        lines = self._summed(name, self._add(source, name)) if in_memory else []
        current = self._sum(name if in_memory else source)
        return [
            *lines,
            neurons_definition(self.plan, name),
            *shared(self._call(Kernel("fire_all"), "&n", current, "share")),
            *self._listed(name, "1"),
        ]

    def _pool(self, name: str) -> list[str]:
        source, value = self.plan.source(name), self.plan.values[name]
        lines = [self._convolution(name), *spikes_definition(self.plan, source)]
        if value.spikes:
            call = self._call(Kernel("pool_spikes"), "&g", "&in", "&out", "share")
            lines += [spikes_definition(self.plan, value, "out")[0], *shared(call)]
            return ["#ifndef WITH_COUNTS", *lines, "#endif"] if self.plan.skipped(name) else lines
        call = self._call(Kernel("pool_dense"), "&g", *self._either(source), self._sum(name), "share")
        return self._summed(name, [*lines, *shared(call)])

    def _add(self, source: str, name: str, scale: str = "NULL") -> list[str]:
        value, stride = self.plan.values[source], self.plan.padded(self.plan.values[name].channels)
        if value.spikes:
            call = self._call(Kernel("add_spikes"), scale, "&in", self._sum(name), stride, "share")
            lines = [*spikes_definition(self.plan, value), TAKE + call]
            if self.plan.stores_counts(value.node):
                counts = f"w->{self.plan.identifiers[value.node]}_counts"
                sizes = (value.height, value.width * stride, stride)
                begins = self._begins(name)
                call = self._call(
                    Kernel("add_counts"), counts, *sizes, scale, self._sum(name), int(not begins), "share"
                )
                lines = [*self._clear(name), *lines] if begins else lines
                lines = ["#ifdef WITH_COUNTS", TAKE + call, "#else", *lines, "#endif"]
            return [*lines, WAIT]
        dense = (self._sum(value.node), value.stride, self._sum(name), stride)
        return shared(self._call(Kernel("add_dense"), value.pixels, value.channels, scale, *dense, "share"))

    def _flatten(self, name: str) -> list[str]:
        source, total = self.plan.source(name), self._sum(name)
        if source.spikes:
            return [
                *spikes_definition(self.plan, source),
                *by_one_thread(self._call(Kernel("flatten_spikes"), "&in", total)),
            ]
        dense = (self._sum(source.node), source.stride)
        return by_one_thread(self._call(Kernel("flatten"), source.pixels, source.channels, *dense, total))

    def _sum(self, name: str) -> str:
        """Return the C expression of a dense value, which is in the state if it is constant, else in the workspace."""
        if isinstance(self.graph.nodes[name], Output):
            return "logits"
        owner = self.plan.sum_of(name)
        if owner in self.graph.static:
            return f"s->{self.plan.identifiers[owner]}_x"
        return f"w->dense{self.plan.dense_arrays[owner]}"

    def _clear(self, name: str) -> list[str]:
        if isinstance(self.graph.nodes[name], Output):
            classes = self.graph.classes
            lines = by_one_thread(f"memset(logits, 0, {classes} * sizeof *logits);")
            return [f"int32_t *logits = s->logits + t * {classes};", *lines]
        total, count = self._sum(name), self.plan.dense_count(self.plan.sum_of(name))
        return by_one_thread(f"memset(&{total}[0], 0, {count} * sizeof {total}[0]);")

    def _either(self, source: Value) -> tuple[object, ...]:
        """Return the arguments of a kernel that reads spikes or, if they are NULL, dense values with a stride."""
        return ("&in", "NULL", 0) if source.spikes else ("NULL", self._sum(source.node), source.stride)

    def _convolution(self, name: str) -> str:
        """Return the definition of `g`, with the additional fields of the host form."""
        weight = weight_of(self.graph.nodes[name])
        part = self.plan.part(name)
        extra = {
            "out_stride": self.plan.padded(self.plan.outputs(name)),
            "part_height": part[0],
            "part_width": part[1],
            "prefetch": int(weight is not None and weight.size > CACHED_WEIGHTS),
        }
        return self._geometry(name, extra)

    def _initialised(self) -> list[str]:
        return ["(void)p;", "s->fresh[0] = 2; /* the first time-step reads the initial potentials */"]

    def _step(self, names: list[str]) -> str:
        calls = {name: f"run_{self.plan.identifiers[name]}({self.arguments});" for name in names}
        if self.timed:
            calls = {name: f"TIMED({self.graph.order.index(name)}, {call[:-1]});" for name, call in calls.items()}
        cleared = by_one_thread("memset(s->fired, 0, sizeof s->fired), s->fresh[0] >>= 1;")
        once = [call for name, call in calls.items() if name in self.graph.static]
        always = [call for name, call in calls.items() if name not in self.graph.static]
        head = (
            "/* Run `steps` time-steps, WINDOW at most, layer by layer.\n"
            " * w: [steps]. image: [values], or NULL to keep the last one. Each thread of the share calls it. */\n"
        )
        constant = block(["/* values that only change with the image */", *once], "if (image)")
        return function(f"{head}static void step({self.signature})", [*cleared, *constant, *always])
