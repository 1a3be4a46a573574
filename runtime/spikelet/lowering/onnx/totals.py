"""T time-steps of a constant input as one ONNX graph of 8-bit products, for networks that `products.fits` accepts.

    input  ->  logits (T N, K), and the spikes of each layer, s:LAYER:t (N, …), t from 0

The number of spikes of a neuron in time-steps 0 to t fits one byte. A convolution or linear layer that reads these
numbers instead of spikes computes the total of its currents so far. A layer of neurons that reads only this total
needs no potentials: `crossings` describes how 8-bit results of a convolution that ONNX Runtime rounds give its spikes.
The other layers read spikes, as in `products`.
"""

from __future__ import annotations

import numpy as np

from spikelet.graph import Graph
from spikelet.lowering.onnx.crossings import constant_crossings, crossings
from spikelet.lowering.onnx.names import name_of
from spikelet.lowering.onnx.operators import number
from spikelet.lowering.onnx.products import LARGEST, Products, channels_last, largest_value
from spikelet.nodes import IF, Conv2d, Flatten, Linear, SumPool2d

TOGETHER = 16  # up to this number of output pixels, one product for all time-steps is faster than T convolutions


def totals_model(graph: Graph, steps: int, *, rounds: bool) -> bytes:
    """Return the encoded model of a network that `fits`.

    Args:
        graph: The network.
        steps: T.
        rounds: Whether ONNX Runtime rounds 8-bit results as `crossings` assumes; otherwise all layers keep potentials.
    """
    return _Totals(graph, steps, rounds=rounds).encode()


class _Totals(Products):
    """A window of time-steps.

    Attributes:
        totals: By node, the names of its values at each time-step if every spike so far is counted.
    """

    def __init__(self, graph: Graph, steps: int, *, rounds: bool) -> None:
        super().__init__(graph, steps, "totals")
        self.totals: dict[str, list[str]] = {}
        self._direct = {name for name in graph.spiking if rounds and self._is_direct(name)}

    def _is_direct(self, name: str) -> bool:
        """Return whether the spikes of a layer follow from totals of its currents."""
        graph, node, (source,) = self.graph, self.graph.neuron(name), self.graph.predecessors[name]
        if source in graph.static:
            return constant_crossings(node, self.steps) is not None
        if graph.successors[source] != (name,) or not isinstance(graph.nodes[source], Conv2d | Linear):
            return False
        small = self.steps * largest_value(graph, graph.predecessors[source][0]) <= LARGEST
        return small and crossings(node, self.steps) is not None

    def _lower(self, name: str) -> list[str]:
        graph, node = self.graph, self.graph.nodes[name]
        if name in graph.static:
            return super()._lower(name)
        if isinstance(node, IF):
            spikes = self._fired(name, node) if name in self._direct else super()._lower(name)
            for spike in spikes:
                self.onnx.output(spike, ("N", *channels_last(graph.shapes[name])), "uint8")
            return spikes
        of_direct = isinstance(node, Conv2d | Linear) and graph.successors[name][0] in self._direct
        if of_direct or isinstance(node, SumPool2d | Flatten):
            return []  # lowered in the form that is read
        return super()._lower(name)

    def _inputs(self, name: str) -> list[list[str]]:
        return [self._spikes(source) for source in self.graph.predecessors[name]]

    def _spikes(self, name: str) -> list[str]:
        """Return the values of a node at each time-step, in which the spikes of this time-step are counted."""
        if not self.values[name]:
            (inputs,) = self._inputs(name)
            outputs = [name_of("x", name, t) for t in range(self.steps)]
            self.values[name] = [self._without_weights(name, *pair) for pair in zip(inputs, outputs, strict=True)]
        return self.values[name]

    def _counts(self, name: str) -> list[str]:
        """Return the values of a node at each time-step, in which all spikes so far are counted."""
        if name not in self.totals:
            outputs = [name_of("total", name, t) for t in range(self.steps)]
            if name in self.graph.spiking:
                self.totals[name] = self._accumulated(self.values[name], outputs)
            else:
                inputs = self._counts(self.graph.predecessors[name][0])
                self.totals[name] = [self._without_weights(name, *pair) for pair in zip(inputs, outputs, strict=True)]
        return self.totals[name]

    def _fired(self, name: str, node: IF) -> list[str]:
        """Append the spikes of a layer, from totals of its currents."""
        (source,) = self.graph.predecessors[name]
        if source in self.graph.static:
            reached = self._reached_by_constant(name, node, self.values[source][0])
            outputs = [name_of("s", name, 0), *(name_of("total", name, t) for t in range(1, self.steps))]
            totals = [self._clip(value, t + 1, outputs[t]) for t, value in enumerate(reached)]
            self.totals[name] = totals
            new = [self._difference(totals[t], totals[t - 1], name_of("s", name, t)) for t in range(1, self.steps)]
            return [totals[0], *new]
        synapse = self.graph.nodes[source]
        if isinstance(synapse, Conv2d) and int(np.prod(self.graph.shapes[name][1:])) > TOGETHER:
            reached = self._reached_by_convolution(name, node, source, synapse)
        else:
            reached = self._reached_by_product(name, node, source)
        spikes = [self._clip(reached[0], 1, name_of("s", name, 0))]
        totals = spikes[:]
        for t in range(1, self.steps):
            missing = self._difference(reached[t], totals[-1], name_of("missing", name, t))
            spikes.append(self._clip(missing, 1, name_of("s", name, t)))
            totals.append(self._sum(totals[-1], spikes[-1], name_of("total", name, t)))
        self.totals[name] = totals
        return spikes

    def _reached_by_constant(self, name: str, node: IF, current: str) -> list[str]:
        """Append the thresholds that are reached with a current that stays the same."""
        numbers, onnx, reached = constant_crossings(node, self.steps), self.onnx, []
        assert numbers is not None
        factor = onnx.constant(name_of("factor", name), self._row(name, numbers.factor))
        product = onnx.node("Mul", [current, factor], name_of("scaled", name))
        for t, (summand, unit) in enumerate(zip(numbers.summands, numbers.units, strict=True)):
            value = product
            if summand.any():
                added = onnx.constant(name_of("summand", name, t), self._row(name, summand))
                value = onnx.node("Add", [product, added], name_of("with_bias", name, t))
            scale = onnx.constant(name_of("unit", name, t), np.array(unit))
            reached.append(onnx.node("QuantizeLinear", [value, scale, self._byte(0)], name_of("reached", name, t)))
        return reached

    def _reached_by_convolution(self, name: str, node: IF, source: str, synapse: Conv2d) -> list[str]:
        """Append a convolution for each time-step, which rounds its sums."""
        numbers, onnx, reached = crossings(node, self.steps), self.onnx, []
        assert numbers is not None
        kernel = onnx.constant(name_of("kernel", source), synapse.weight.astype(np.int8))
        factor = onnx.constant(name_of("factor", name), numbers.factor)
        for t, value in enumerate(self._counts(self.graph.predecessors[source][0])):
            bias = (t + 1) * synapse.bias.astype(np.int64) + node.v_init - numbers.shift
            added = onnx.constant(name_of("total_bias", name, t), bias.astype(np.int32))
            reached.append(self._rounded(synapse, [value, kernel, factor, added], name_of("reached", name, t)))
        return reached

    def _reached_by_product(self, name: str, node: IF, source: str) -> list[str]:
        """Append one product for all time-steps, and round its sums."""
        numbers, onnx, steps = crossings(node, self.steps), self.onnx, self.steps
        assert numbers is not None
        shape = self.graph.shapes[name]
        product = self._product(source, self._joined(source, self._counts(self.graph.predecessors[source][0])))
        by_step = onnx.node("Reshape", [product, self._sizes(steps, -1, *channels_last(shape))], name_of("rows", name))
        # the product contains the bias once
        bias = np.arange(steps)[:, None] * self.graph.synapse(source).bias.astype(np.int64)
        bias = (bias + node.v_init - numbers.shift).reshape(steps, *(1,) * len(shape), -1)
        added = onnx.constant(name_of("total_bias", name), bias.astype(np.float32))
        total = onnx.node("Add", [by_step, added], name_of("with_bias", name))
        factor = onnx.constant(name_of("factor", name), numbers.factor)
        scaled = onnx.node("Mul", [total, factor], name_of("scaled", name))
        rounded = onnx.node("QuantizeLinear", [scaled, number(onnx, 1), self._byte(0)], name_of("rounded", name))
        rows = onnx.node("Reshape", [rounded, self._sizes(-1, *channels_last(shape))], name_of("total_rows", name))
        reached = [name_of("reached", name, t) for t in range(steps)]
        onnx.node("Split", [rows], *reached, axis=0)
        return reached

    def _accumulated(self, spikes: list[str], outputs: list[str]) -> list[str]:
        totals = spikes[:1]
        for spike, out in zip(spikes[1:], outputs[1:], strict=True):
            totals.append(self._sum(totals[-1], spike, out))
        return totals

    def _sum(self, a: str, b: str, out: str) -> str:
        """Append a + b of bytes. Add, Sub, Max and Min of bytes are missing in opset 13 or older ONNX Runtimes."""
        return self._linear(a, b, 1, out)

    def _difference(self, a: str, b: str, out: str) -> str:
        """Append max(a - b, 0) of bytes."""
        return self._linear(a, b, -1, out)

    def _linear(self, a: str, b: str, factor: int, out: str) -> str:
        """Append a + factor b of bytes, limited to 0…255."""
        one, zero = number(self.onnx, 1), self._byte(0)
        inputs = [a, one, zero, b, number(self.onnx, factor), zero, one, zero]
        return self.onnx.node("com.microsoft:QLinearAdd", inputs, out)

    def _clip(self, value: str, most: int, out: str) -> str:
        return self.onnx.node("Clip", [value, self._byte(0), self._byte(most)], out)

    def _byte(self, value: int) -> str:
        return self.onnx.constant(f"constant:uint8 {value}", np.array(value, np.uint8))

    def _sizes(self, *sizes: int) -> str:
        return self.onnx.constant(f"constant:{list(sizes)}", np.array(sizes))
