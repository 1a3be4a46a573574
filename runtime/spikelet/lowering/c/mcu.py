"""C for microcontrollers: plain C99 with the smallest memory.

Currents are added directly to the potentials, spikes are stored as bits, pools are summed by the layer that reads them,
and the image stays in the memory of the caller: every time-step reads it again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from spikelet.graph import Graph
from spikelet.lowering.c.kernels import select
from spikelet.lowering.c.memory import Field
from spikelet.lowering.c.names import comment
from spikelet.lowering.c.parameters import Parameter, parameter_struct, parameters, weight_type
from spikelet.lowering.c.plan import Plan, Value
from spikelet.lowering.c.text import INCLUDES, KERNELS, NODES, pixel_type, struct
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

VARIANTS = {"@T@": ("int8", "int16", "int32")}
SUMS = (Conv2d, Linear, Scale, Add, SumPool2d, Flatten)


class McuPlan(Plan):
    """The plan in which nothing is stored that can be computed by the reader."""

    def _value(self, name: str, inputs: list[Value]) -> Value:
        value = super()._value(name, inputs)
        if isinstance(self.graph.nodes[name], SumPool2d):
            source = self.graph.nodes[self.graph.predecessors[name][0]]
            summed_later = isinstance(source, IF) and self._feeds_only(name, (Conv2d, Linear))
            value = replace(value, repeats=int(summed_later))
        return replace(value, stride=value.channels)

    def spread(self, name: str) -> int:
        """One output pixel at a time, so that weights are not padded."""
        return 1

    def has_sum(self, name: str) -> bool:
        """Return whether a node adds its value to a sum in memory."""
        value = self.values[name]
        return isinstance(self.graph.nodes[name], SUMS) and value.node == name and not value.spikes

    def sum_of(self, name: str) -> str:
        """Return the node whose memory holds the sum: the layer or Add that is its only reader, or the node itself."""
        targets = self.graph.successors[name]
        if len(targets) == 1 and self.has_sum(name):
            target = self.graph.nodes[targets[0]]
            if isinstance(target, Add):
                return self.sum_of(targets[0])
            if isinstance(target, IF):
                return targets[0]
        return name


class McuProgram:
    """The microcontroller form of an exact network: text, parameters and memory.

    Raises:
        EngineError: the network is float32.
    """

    form = "mcu"
    window = 1  # time-steps that are run together

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.plan = McuPlan(graph)
        self._cleared: set[str] = set()

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Constant arrays, in the order of `struct parameters`."""
        return parameters(self.plan, packing="words")

    @property
    def pixel_type(self) -> str:
        """The C type of an input pixel."""
        return pixel_type(self.graph)

    def parameter_struct(self) -> str:
        """The struct of the constant arrays."""
        return parameter_struct(self.parameters)

    @cached_property
    def state(self) -> list[Field]:
        """All memory except the image and the stack."""
        fields = []
        for name in self.graph.order:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            if isinstance(self.graph.nodes[name], IF):
                fields.append(Field(f"{id_}_v", "int32_t", value.pixels * value.channels, f"potentials of {name}"))
            elif self.plan.has_sum(name) and self.plan.sum_of(name) == name:
                fields.append(Field(f"{id_}_x", "int32_t", value.pixels * value.channels, name))
        fields.append(Field("logits", "int32_t", self.graph.classes, "of the last time-step"))
        fields.append(Field("fired", "uint32_t", len(self.graph.spiking), "spikes of each layer in the last time-step"))
        for name in self.graph.spiking:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            count = value.pixels * -(-value.channels // 8)
            fields.append(Field(f"{id_}_spikes", "uint8_t", count, f"spikes of {name}, as bits"))
        return fields

    @property
    def work(self) -> list[Field]:
        """Empty: a board runs one sample at a time."""
        return []

    def source(self) -> str:
        """C without an interface: structs, kernels, and static functions `reset` and `step`."""
        self._cleared = set()
        bodies = {name: lines for name in self.graph.order if (lines := self._node(name))}
        nodes = [NODES, *(self._function(name, lines) for name, lines in bodies.items())]
        text = "\n".join([*nodes, self._reset(), self._step(list(bodies))])
        structs = [
            self.parameter_struct(),
            struct("struct state", [(f"{f.ctype} {f.name}[{f.count}]", f.meaning) for f in self.state]),
        ]
        return "\n".join([INCLUDES, *structs, KERNELS, select("kernels_mcu.c", text, VARIANTS), text])

    def _function(self, name: str, lines: list[str]) -> str:
        shape = "x".join(map(str, self.graph.shapes[name]))
        body = "".join(f"    {line}\n" for line in lines)
        return (
            f"/* {comment(name)}: {self.graph.nodes[name].kind}, {shape} */\n"
            f"static void run_{self.plan.identifiers[name]}(const struct parameters *p, struct state *s, "
            f"const model_pixel *image)\n{{\n    (void)p, (void)s, (void)image;\n{body}}}\n"
        )

    def _node(self, name: str) -> list[str]:
        node, id_, value = self.graph.nodes[name], self.plan.identifiers[name], self.plan.values[name]
        sources = self.graph.predecessors[name]
        match node:
            case Conv2d() | Linear():
                call = "spikes" if self.plan.packs(name) else weight_type(self.plan, name, "words").removesuffix("_t")
                return self._summed(
                    name,
                    [
                        self._window(name),
                        self._values(sources[0]),
                        f"convolve_{call}(&g, p->{id_}_weight, p->{id_}_bias, &in, {self._place(name)});",
                    ],
                )
            case IF():
                added = self.plan.sum_of(sources[0]) == name
                lines = [] if added else [self._values(sources[0]), self._add(value, "NULL", f"s->{id_}_v")]
                return [*lines, self._fire(name)]
            case SumPool2d() if self.plan.has_sum(name):
                pooled = self._pooled(sources[0], node.kernel, node.stride)
                return self._summed(name, [pooled, self._add(value, "NULL", self._place(name))])
            case Scale():
                scale = f"p->{id_}_scale"
                return self._summed(name, [self._values(sources[0]), self._add(value, scale, self._place(name))])
            case Add():
                return self._operands(name)
            case Flatten() if value.node == name:
                source = self.plan.source(name)
                call = f"flatten({source.height}, {source.width}, &in, {self._place(name)});"
                return self._summed(name, [self._values(sources[0]), call])
            case Output():
                clear = "memset(s->logits, 0, sizeof s->logits);"
                return [clear, self._values(sources[0]), self._add(value, "NULL", "s->logits")]
        return []

    def _operands(self, name: str) -> list[str]:
        """Return the statements for operands of an Add that have not added themselves."""
        lines = []
        for source in self.graph.predecessors[name]:
            if not self.plan.has_sum(source) or self.plan.sum_of(source) != self.plan.sum_of(name):
                add = self._add(self.plan.values[name], "NULL", self._place(name))
                lines += ["{", f"    {self._values(source)}", f"    {add}", "}"]
        return self._summed(name, lines) if lines else []

    def _fire(self, name: str) -> str:
        node, id_, value = self.graph.nodes[name], self.plan.identifiers[name], self.plan.values[name]
        assert isinstance(node, IF)
        return (
            f"s->fired[{self.graph.spiking.index(name)}] = fire({value.pixels}, {value.channels}, p->{id_}_theta, "
            f"{int(node.tie == '>')}, {int(node.reset == 'zero')}, s->{id_}_v, s->{id_}_spikes);"
        )

    def _add(self, value: Value, scale: str, target: str) -> str:
        return f"add({value.height}, {value.width}, &in, {scale}, {target});"

    def _summed(self, name: str, lines: list[str]) -> list[str]:
        """Return the lines, preceded by clearing the sum they add to; potentials are not cleared."""
        target = self._place(name)
        if target in self._cleared or target.endswith("_v"):
            return lines
        self._cleared.add(target)
        return [f"memset({target}, 0, sizeof {target});", *lines]

    def _place(self, name: str) -> str:
        owner = self.plan.sum_of(name)
        return f"s->{self.plan.identifiers[owner]}_{'v' if isinstance(self.graph.nodes[owner], IF) else 'x'}"

    def _values(self, name: str) -> str:
        """Return the expression that reads the value of a node."""
        node = self.graph.nodes[name]
        source = self.graph.predecessors[name][0] if self.graph.predecessors[name] else ""
        if isinstance(node, Flatten | Output) and self.plan.values[name].node != name:
            return self._values(source)
        if isinstance(node, SumPool2d) and not self.plan.has_sum(name):
            return self._pooled(source, node.kernel, node.stride)
        return self._pooled(name, (1, 1), (1, 1))

    def _pooled(self, name: str, kernel: tuple[int, int], stride: tuple[int, int]) -> str:
        """Return the expression that sums a stored value, or the image, over windows."""
        node, id_, value = self.graph.nodes[name], self.plan.identifiers[name], self.plan.values[name]
        match node:
            case IF():
                what = f".spikes = s->{id_}_spikes"
            case Input():
                what = f".image = image, .mean = p->{id_}_mean"
            case _:
                what = f".dense = {self._place(name)}"
        return (
            f"const struct values in = {{{what}, .height = {value.height}, .width = {value.width}, "
            f".channels = {value.channels},\n        .pool_height = {kernel[0]}, .pool_width = {kernel[1]}, "
            f".pool_y = {stride[0]}, .pool_x = {stride[1]}}};"
        )

    def _window(self, name: str) -> str:
        node, source, out = self.graph.nodes[name], self.plan.source(name), self.plan.values[name]
        kernel: tuple[int, ...] = (source.height, source.width)
        stride, padding, groups = (1, 1), (0, 0), 1
        if isinstance(node, Conv2d):
            kernel, stride, padding, groups = node.weight.shape[2:], node.stride, node.padding, node.groups
        return (
            f"static const struct window g = {{.height = {source.height}, .width = {source.width}, "
            f".channels = {source.channels},\n        "
            f".kernel_height = {kernel[0]}, .kernel_width = {kernel[1]}, .stride_y = {stride[0]}, "
            f".stride_x = {stride[1]}, .padding_y = {padding[0]}, .padding_x = {padding[1]},\n        "
            f".out_height = {out.height}, .out_width = {out.width}, .out_channels = {out.channels}, "
            f".groups = {groups}}};"
        )

    def _reset(self) -> str:
        lines = ["    memset(s, 0, sizeof *s);\n"]
        for name in self.graph.spiking:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            lines.append(f"    start({value.pixels}, {value.channels}, p->{id_}_start, s->{id_}_v);\n")
        return f"static void reset(const struct parameters *p, struct state *s)\n{{\n{''.join(lines)}}}\n"

    def _step(self, names: list[str]) -> str:
        leaks = ""
        for name in self.graph.spiking:
            id_, value = self.plan.identifiers[name], self.plan.values[name]
            if isinstance(self.graph.nodes[name], LIF):
                leaks += f"    leak({value.pixels}, {value.channels}, p->{id_}_decay, s->{id_}_v);\n"
        runs = "".join(f"    run_{self.plan.identifiers[name]}(p, s, image);\n" for name in names)
        return (
            "/* One time-step; image: channel first. */\n"
            "static void step(const struct parameters *p, struct state *s, const model_pixel *image)\n"
            f"{{\n{leaks}{runs}}}\n"
        )
