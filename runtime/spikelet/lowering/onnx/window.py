"""T time-steps of constant input as one ONNX graph, in float32.

    input  ->  logits (T N, K), n:LAYER…, and for recorded layers s:LAYER:t and v_next:LAYER:t, t from 0

A linear layer is one product for all T N rows.

On some processors, ONNX Runtime stores images in blocks of channels, and converts them back for plain arithmetic. There
an IF is written as two 1x1 depthwise convolutions, which keep the blocks: one with weights of 1, clipped to 0…1, gives
the spikes, and one with weights of -theta, plus the potential, is the reset. Potentials include `state_shift`.

In windows of one time-step, copies of neurons are counted in closed form (`spikelet.copies.at_once`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikelet.copies.at_once import Counts, counts_at_once
from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, name_of
from spikelet.lowering.onnx.operators import (
    broadcast,
    convolution,
    limits,
    neuron,
    number,
    state_shift,
    sum_pool,
    synapse,
    weight,
)
from spikelet.lowering.onnx.unrolled import Unrolled, at
from spikelet.neurons import per_channel
from spikelet.nodes import IF, LI, Array, Conv2d, Input, Linear, SumPool2d

BLOCK = 16  # ONNX Runtime uses blocks of 8 or 16 channels


def window_model(graph: Graph, steps: int, record: Sequence[str] = (), *, blocks: bool = True) -> bytes:
    """Return the encoded model.

    n:LAYER contains spike counts: for images the mean over the pixels, (N, T C, 1, 1), for vectors (N, T C).

    Args:
        graph: The network.
        steps: T.
        record: Layers whose spikes and shifted potentials are outputs.
        blocks: Whether ONNX Runtime stores images in blocks of channels on this processor.
    """
    return _Window(graph, steps, record, blocks).encode()


class _Window(Unrolled):
    def __init__(self, graph: Graph, steps: int, record: Sequence[str], blocks: bool) -> None:
        super().__init__(graph, steps, "window")
        self.record, self.blocks = record, blocks

    def _static(self, name: str) -> str:
        node, out = self.graph.nodes[name], name_of("x", name)
        if isinstance(node, Input):
            self.onnx.input(INPUT, ("N", *node.shape))
            return self.onnx.node("Sub", [INPUT, broadcast(self.onnx, f"{name}.mean", node.mean, len(node.shape))], out)
        return self._without_state(name, [self.values[source][0] for source in self.graph.predecessors[name]], out)

    def _without_state(self, name: str, inputs: list[str], out: str, *index: int) -> str:
        if isinstance(self.graph.nodes[name], SumPool2d):
            sum_pool(self.onnx, self.graph, name, inputs, out)
        else:
            synapse(self.onnx, self.graph, name, inputs, out, *index)
        return out

    def _at(self, name: str, inputs: list[str], t: int) -> str:
        return self._without_state(name, inputs, name_of("x", name, t), t)

    def _synapse(self, name: str, inputs: list[str]) -> list[str]:
        node, onnx = self.graph.synapse(name), self.onnx
        if isinstance(node, Linear):
            synapse(onnx, self.graph, name, [self._joined(name, inputs)], name_of("x", name))
            return [name_of("x", name)] if self.steps == 1 else self._split(name, name_of("x", name))
        kernel = weight(onnx, f"{name}.weight", node.weight)
        values = [name_of("x", name, t) for t in range(self.steps)]
        for t, value in enumerate(values):
            if t == 0 and self._includes_start(name):
                first = node.bias + _start(self.graph.neuron(self.graph.successors[name][0]))
                bias = onnx.constant(name_of("first_bias", name), first.astype(np.float32))
            else:
                bias = weight(onnx, f"{name}.bias", node.bias)
            convolution(onnx, node, [at(inputs, t), kernel, bias], value)
        return values

    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        form = counts_at_once(node)
        if form is not None:
            spikes = [self._counted(name, form, currents[0])]
            self._output_counts(name, spikes)
            return spikes
        shape, spikes = self.graph.shapes[name], []
        step = self._blocked if self._in_blocks(name) else self._plain
        v = ""
        for t in range(self.steps):
            fired, v = step(name, node, at(currents, t), v, t)
            spikes.append(fired)
            if name in self.record:
                self.onnx.output(fired, ("N", *shape))
                self.onnx.output(v, ("N", *shape))
        self._output_counts(name, spikes)
        return spikes

    def _output_counts(self, name: str, spikes: list[str]) -> None:
        """Append the spike counts of all time-steps as an output."""
        shape, counted = self.graph.shapes[name], spikes
        if len(shape) == 3:
            means = [name_of("spike_share", name, t) for t in range(self.steps)]
            counted = [
                self.onnx.node("GlobalAveragePool", [spike], mean) for spike, mean in zip(spikes, means, strict=True)
            ]
        counts = self.onnx.node("Concat", counted, name_of("n", name), axis=1)
        self.onnx.output(counts, ("N", self.steps * shape[0], *(1,) * (len(shape) - 1)))

    def _counted(self, name: str, form: Counts, current: str) -> str:
        """Append the number of copies that fire in the only time-step."""
        onnx, ndim, copies = self.onnx, len(self.graph.shapes[name]), number(self.onnx, form.copies)
        low, high, offset, theta = (
            broadcast(onnx, f"{name}.{role}", values, ndim)
            for role, values in (("low", form.low), ("high", form.high), ("offset", form.offset), ("theta", form.theta))
        )
        value = current
        steps = (("Max", low), ("Min", high), ("Mul", copies), ("Add", offset), ("Div", theta))
        for index, (operator, operand) in enumerate(steps):
            value = onnx.node(operator, [value, operand], name_of("once", name, index))
        value = onnx.node("Floor", [value], name_of("once", name, len(steps)))
        return onnx.node("Clip", [value, number(onnx, 0), copies], name_of("s", name, 0))

    def _plain(self, name: str, node: IF, current: str, v: str, t: int) -> tuple[str, str]:
        ndim = len(self.graph.shapes[name])
        if not v:
            v = self.onnx.constant(name_of("start", name), per_channel(_start(node), ndim))
        return neuron(self.onnx, name, node, current, v, ndim, t, shift=True)

    def _blocked(self, name: str, node: IF, current: str, v: str, t: int) -> tuple[str, str]:
        onnx, source = self.onnx, self.graph.predecessors[name][0]
        ones = np.ones(len(node.theta))
        unit = onnx.constant(name_of("unit", name), _depthwise(ones))
        group = len(ones)
        if t > 0:
            total = onnx.node("Add", [current, v], name_of("v_in", name, t))
        elif self._includes_start(source):
            total = current
        else:
            start = onnx.constant(name_of("start", name), _start(node).astype(np.float32))
            total = onnx.node("Conv", [current, unit, start], name_of("v_in", name, t), group=group)
        copy = onnx.node("Conv", [total, unit], name_of("over", name, t), group=group)
        spikes = onnx.node("Clip", [copy, *limits(onnx)], name_of("s", name, t))
        factor = onnx.constant(name_of("minus_theta", name), _depthwise(-node.theta))
        drop = onnx.node("Conv", [spikes, factor], name_of("drop", name, t), group=group)
        return spikes, onnx.node("Add", [drop, total], name_of("v_next", name, t))

    def _integrator(self, name: str, node: LI, currents: list[str]) -> list[str]:
        decay = broadcast(self.onnx, f"{name}.decay", node.decay, len(self.graph.shapes[name]))
        potentials = [currents[0]]
        for t in range(1, self.steps):
            kept = self.onnx.node("Mul", [potentials[-1], decay], name_of("v_kept", name, t))
            potentials.append(self.onnx.node("Add", [kept, at(currents, t)], name_of("x", name, t)))
        return potentials

    def _in_blocks(self, name: str) -> bool:
        shape = self.graph.shapes[name]
        shifted = bool(state_shift(self.graph.neuron(name)).any())
        plain = self.graph.neuron(name).copies == 1
        return self.blocks and plain and len(shape) == 3 and shape[0] % BLOCK == 0 and shifted

    def _includes_start(self, name: str) -> bool:
        """Whether the initial potential is added to a node's first current: only one layer reads the current."""
        targets = self.graph.successors[name]
        single = isinstance(self.graph.nodes[name], Conv2d) and name not in self.graph.static and len(targets) == 1
        return single and isinstance(self.graph.nodes[targets[0]], IF) and self._in_blocks(targets[0])


def _start(node: IF) -> Array:
    """Return the initial potential plus `state_shift`, (C,)."""
    return node.v_init + state_shift(node)


def _depthwise(factor: Array) -> Array:
    """Return (C,) as the weights of a depthwise 1x1 convolution."""
    return factor.astype(np.float32).reshape(-1, 1, 1, 1)
