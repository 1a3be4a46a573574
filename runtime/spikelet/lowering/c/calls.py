"""Generate the kernel calls of every node."""

from __future__ import annotations

import math

from spikelet.lowering.c.memory import has_sum, sum_place, tile
from spikelet.lowering.c.parameters import weight_type
from spikelet.lowering.c.plan import Plan, Value, lanes, padded
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

NEAR = 2**18  # weights that a processor's nearest caches may hold
PART = 3 * 2**15  # weights that stay in the second cache while windows walk over them, and the next ones come


class Calls:
    """Generates the statements of every node.

    In scope are `p` (parameters), `s` (state), `image`, `steps` (time-steps of the window) and `w` (workspace of its
    first time-step).
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self._cleared: set[str] = set()

    def node(self, name: str) -> list[str]:
        """Return the statements of a node, none if fused with others. Call once per node in topological order."""
        lines = self._node(name)
        node = self.graph.nodes[name]
        once = name in self.graph.static or (isinstance(node, Conv2d | Linear) and self.plan.fused(name))
        if once or not lines:
            return lines
        return ["for (int t = 0; t < steps; t++, w++) {", *(f"    {line}" for line in lines), "}"]

    def _node(self, name: str) -> list[str]:
        node, id_ = self.graph.nodes[name], self.plan.identifiers[name]
        value = self.plan.values[name]
        match node:
            case Input():
                size = f"{value.pixels}, {value.channels}"
                return [f"load_image({size}, image, p->{id_}_mean, {sum_place(self.plan, name)}, {value.stride});"]
            case Conv2d() | Linear():
                return self._synapse(name)
            case IF():
                return self._neurons_in_memory(name)
            case SumPool2d():
                return self._pool(name)
            case Scale():
                return self._summed(name, self._add(self.plan.source(name), name, f"p->{id_}_scale"))
            case Add():
                return self._sum(name)
            case Flatten() if value.node == name:
                return self._summed(name, self._flatten(name))
            case Output():
                return self._logits(name)
        return []

    def _synapse(self, name: str) -> list[str]:
        plan, id_ = self.plan, self.plan.identifiers[name]
        source, fires = plan.source(name), plan.fused(name)
        lines = [self._window(name), *self._lists(source)]
        if plan.packs(name):
            if fires:
                lines.append(self._neurons(fires, "0"))
            to = "&n, NULL, steps" if fires else f"NULL, {sum_place(plan, name)}, 1"
            call = f"convolve_{lanes(plan.outputs(name))}"
            lines.append(f"{call}(&g, p->{id_}_weight, p->{id_}_bias, &in, w->current, {tile(plan, name)}, {to});")
            return lines if fires else self._summed(name, lines)
        read = f"{self._at(source)}, {source.stride}"
        call = "convolve_image"
        if not plan.widens(name):
            read = "&in, NULL, 0" if source.spikes else f"NULL, {read}"
            call = f"convolve_{weight_type(plan, name).removesuffix('_t')}"
        lines.append(f"{call}(&g, p->{id_}_weight, p->{id_}_bias, {read}, {sum_place(plan, name)});")
        return self._summed(name, lines)

    def _neurons_in_memory(self, name: str) -> list[str]:
        source = self.graph.predecessors[name][0]
        if self.plan.fused(source):
            return []
        value = self.plan.values[name]
        lines = self._summed(name, self._add(self.plan.values[source], name)) if has_sum(self.plan, name) else []
        target = sum_place(self.plan, name if lines else source)
        return [*lines, self._neurons(name), f"fire_all(&n, {value.height}, {target});"]

    def _pool(self, name: str) -> list[str]:
        source, value = self.plan.source(name), self.plan.values[name]
        lines = [self._window(name), *self._lists(source)]
        if value.spikes:
            return [*lines, self._spikes("out", value), "pool_spikes(&g, &in, &out);"]
        read = "&in, NULL, 0" if source.spikes else f"NULL, {self._at(source)}, {source.stride}"
        return self._summed(name, [*lines, f"pool_dense(&g, {read}, {sum_place(self.plan, name)});"])

    def _sum(self, name: str) -> list[str]:
        """Return the statements for operands of an Add that have not added themselves."""
        lines = []
        for source in self.graph.predecessors[name]:
            value = self.plan.values[source]
            if value.spikes or self.plan.sum_of(source) != self.plan.sum_of(name):
                lines += ["{", *(f"    {line}" for line in self._add(value, name)), "}"]
        return self._summed(name, lines) if lines else []

    def _flatten(self, name: str) -> list[str]:
        source, target = self.plan.source(name), sum_place(self.plan, name)
        if source.spikes:
            return [*self._lists(source), f"flatten_spikes({source.height}, &in, {target});"]
        return [f"flatten({source.pixels}, {source.channels}, {self._at(source)}, {source.stride}, {target});"]

    def _logits(self, name: str) -> list[str]:
        value = self.plan.values[name]
        lines = [
            f"int32_t *logits = s->logits + t * {value.channels};",
            f"memset(logits, 0, {value.channels} * sizeof *logits);",
        ]
        if value.spikes:
            return [*lines, *self._lists(value), "add_spikes(1, NULL, &in, logits, 0);"]
        return [*lines, f"add_dense(1, {value.channels}, NULL, {self._at(value)}, 0, logits, 0);"]

    def _add(self, source: Value, name: str, scale: str = "NULL") -> list[str]:
        """Return the statement that adds a scaled value to the sum of a node."""
        target, stride = sum_place(self.plan, name), padded(self.plan.values[name].channels)
        if source.spikes:
            return [*self._lists(source), f"add_spikes({source.height}, {scale}, &in, {target}, {stride});"]
        size = f"{source.pixels}, {source.channels}, {scale}"
        return [f"add_dense({size}, {self._at(source)}, {source.stride}, {target}, {stride});"]

    def _summed(self, name: str, lines: list[str]) -> list[str]:
        """Return the lines, preceded by clearing the sum if they are the first to add to it."""
        target = sum_place(self.plan, name)
        if target in self._cleared:
            return lines
        self._cleared.add(target)
        return [f"memset({target}, 0, sizeof {target});", *lines]

    def _at(self, value: Value) -> str:
        return sum_place(self.plan, value.node)

    def _lists(self, value: Value) -> list[str]:
        return [self._spikes("in", value)] if value.spikes else []

    def _spikes(self, variable: str, value: Value) -> str:
        return f"const struct spikes {variable} = {self._spike_lists(value)};"

    def _spike_lists(self, value: Value) -> str:
        id_ = self.plan.identifiers[value.node]
        return f"{{w->{id_}_start, w->{id_}_list, {value.width}, {value.channels}, {value.room}}}"

    def _neurons(self, name: str, t: str = "t") -> str:
        node, id_, value = self.graph.nodes[name], self.plan.identifiers[name], self.plan.values[name]
        assert isinstance(node, IF)
        decay = f"p->{id_}_decay" if isinstance(node, LIF) else "NULL"
        return (
            f"const struct neurons n = {{s->{id_}_v, p->{id_}_theta, {decay}, .strict = {int(node.tie == '>')}, "
            f".zero = {int(node.reset == 'zero')},\n        .channels = {value.channels}, "
            f".stride = {padded(value.channels)}, .out = {self._spike_lists(value)}, "
            f".fired = &s->fired[{t} * LAYERS + {self.graph.spiking.index(name)}]}};"
        )

    def _window(self, name: str) -> str:
        node, source, out = self.graph.nodes[name], self.plan.source(name), self.plan.values[name]
        stride, padding, groups, together = (1, 1), (0, 0), 1, 1
        match node:
            case SumPool2d():
                kernel, stride, groups = node.kernel, node.stride, source.channels
            case Conv2d():
                together = self.plan.spread(name)
                kernel, padding, groups = self.plan.taps(name).shape[:2], node.padding, node.groups
                stride = (node.stride[0], node.stride[1] * together)
            case _:
                kernel = (source.height, source.width)
        channels = out.channels * together
        far = int(isinstance(node, Conv2d | Linear) and node.weight.size > NEAR)
        part = self._part(name, kernel) if isinstance(node, Conv2d) else kernel
        return (
            f"static const struct window g = {{.height = {source.height}, .width = {source.width}, "
            f".channels = {source.channels},\n        "
            f".kernel_height = {kernel[0]}, .kernel_width = {kernel[1]}, .stride_y = {stride[0]}, "
            f".stride_x = {stride[1]}, .padding_y = {padding[0]}, .padding_x = {padding[1]},\n        "
            f".out_height = {out.height}, .out_width = {out.width // together}, .out_channels = {channels}, "
            f".out_stride = {padded(channels)}, .groups = {groups}, "
            f".part_height = {part[0]}, .part_width = {part[1]}, .far = {far}}};"
        )

    def _part(self, name: str, kernel: tuple[int, ...]) -> tuple[int, ...]:
        """Return the largest part of a kernel that fits PART: all of it, a row or a tap."""
        tap = self.plan.source(name).channels * lanes(self.plan.outputs(name))
        return next((part for part in (kernel, (1, kernel[1])) if math.prod(part) * tap <= PART), (1, 1))
