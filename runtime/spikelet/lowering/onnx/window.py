"""T time-steps of constant input as one ONNX graph, layer by layer: every layer sees all T before the next begins.

    input  ->  logits (T N, K), n.LAYER…, and of recorded layers s.LAYER:t and v_next.LAYER:t

Weights are read once for all T, the state is neither input nor output, and a linear layer is one product for all
T N rows. Of constant input alone: what no spike reaches is computed once.

Where ONNX Runtime keeps images in blocks of channels, an IF takes two passes over memory that stay in these blocks:
a 1x1 depthwise convolution by 1, clipped to 0…1, gives the spikes, and one by -theta, with the potential added, the
reset; plain arithmetic would be taken out of the blocks and back at every step. The potentials are `state_shift`ed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikelet.graph import Graph
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.lowering.onnx.step import broadcast, convolution, limits, neuron, state_shift, sum_pool, synapse
from spikelet.nodes import IF, LI, Array, Conv2d, Input, Linear, Output, SumPool2d

BLOCK = 16  # channels; what ONNX Runtime blocks, it blocks by 8 or 16


def window_model(graph: Graph, steps: int, record: Sequence[str] = (), *, blocks: bool = True) -> bytes:
    """The graph.

    steps: T. record: layers whose spikes and shifted potentials are outputs. blocks: ONNX Runtime keeps images in
    blocks of channels on this processor.

    n.LAYER holds spikes: (N, T C, 1, 1), the mean over the pixels, of an image, and (N, T C) of a vector.
    """
    window = _Window(graph, steps, record, blocks)
    for name in graph.order:
        window.add(name)
    return window.onnx.encode()


class _Window:
    """values: of each node at every time-step; one value where it stays the same."""

    def __init__(self, graph: Graph, steps: int, record: Sequence[str], blocks: bool) -> None:
        self.graph, self.steps, self.record, self.blocks = graph, steps, record, blocks
        self.onnx = OnnxGraph("window")
        self.values: dict[str, list[str]] = {}

    def add(self, name: str) -> None:
        """Lower one node."""
        node, onnx = self.graph.nodes[name], self.onnx
        inputs = [self.values[source] for source in self.graph.predecessors[name]]
        fixed = name in self.graph.static
        match node:
            case Input():
                onnx.input("input", ("N", *node.shape))
                mean = broadcast(onnx, f"{name}.mean", node.mean, len(node.shape))
                self.values[name] = [onnx.node("Sub", ["input", mean], f"x.{name}")]
            case IF():
                self.values[name] = self._spiking(name, node, inputs[0])
            case LI():
                self.values[name] = self._integrator(name, node, inputs[0])
            case Linear() if not fixed:
                self.values[name] = self._product(name, inputs[0])
            case Output():
                self._logits(name, inputs[0])
            case _:
                times = range(1 if fixed else self.steps)
                self.values[name] = [self._at(name, [each[t % len(each)] for each in inputs], t) for t in times]

    def _at(self, name: str, inputs: list[str], t: int) -> str:
        """A node without a state at one time-step."""
        node, out = self.graph.nodes[name], f"x.{name}:{t}"
        match node:
            case Conv2d() if t == 0 and self._starts(name):
                # the first current has the first potential in it
                target = self.graph.nodes[self.graph.successors[name][0]]
                assert isinstance(target, IF)
                return convolution(self.onnx, name, node, inputs, out, node.bias + _start(target), ":first")
            case SumPool2d():
                sum_pool(self.onnx, self.graph, name, inputs, out)
            case _:
                synapse(self.onnx, self.graph, name, inputs, out)
        return out

    def _product(self, name: str, inputs: list[str]) -> list[str]:
        """A linear layer of all time-steps at once."""
        rows = self.onnx.node("Concat", inputs, f"rows.{name}", axis=0)
        synapse(self.onnx, self.graph, name, [rows], f"x.{name}")
        if self.steps == 1:
            return [f"x.{name}"]
        parts = [f"x.{name}:{t}" for t in range(self.steps)]
        self.onnx.node("Split", [f"x.{name}"], *parts, axis=0)
        return parts

    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        shape, spikes = self.graph.shapes[name], []
        step = self._blocked if self._in_blocks(name) else self._plain
        v = ""
        for t in range(self.steps):
            fired, v = step(name, node, currents[t % len(currents)], v, t)
            spikes.append(fired)
            if name in self.record:
                self.onnx.output(fired, ("N", *shape))
                self.onnx.output(v, ("N", *shape))
        counted = spikes
        if len(shape) == 3:
            counted = [self.onnx.node("GlobalAveragePool", [spike], f"mean.{spike}") for spike in spikes]
        self.onnx.node("Concat", counted, f"n.{name}", axis=1)
        self.onnx.output(f"n.{name}", ("N", self.steps * shape[0], *(1,) * (len(shape) - 1)))
        return spikes

    def _plain(self, name: str, node: IF, current: str, v: str, t: int) -> tuple[str, str]:
        ndim = len(self.graph.shapes[name])
        v = v or broadcast(self.onnx, f"{name}:start", node.v_init + state_shift(node), ndim)
        return neuron(self.onnx, name, node, current, v, ndim, shift=True, at=f":{t}")

    def _blocked(self, name: str, node: IF, current: str, v: str, t: int) -> tuple[str, str]:
        onnx, source = self.onnx, self.graph.predecessors[name][0]
        if t > 0:
            now = onnx.node("Add", [current, v], f"v_in.{name}:{t}")
        elif self._starts(source):
            now = current
        else:
            start = onnx.constant(f"{name}:start", _start(node).astype(np.float32))
            now = self._each(name, "one", np.ones(len(node.theta)), current, f"v_in.{name}:{t}", start)
        same = self._each(name, "one", np.ones(len(node.theta)), now, f"over.{name}:{t}")
        spikes = onnx.node("Clip", [same, *limits(onnx)], f"s.{name}:{t}")
        drop = self._each(name, "drop", -node.theta, spikes, f"drop.{name}:{t}")
        return spikes, onnx.node("Add", [drop, now], f"v_next.{name}:{t}")

    def _each(self, name: str, what: str, factor: Array, value: str, out: str, *bias: str) -> str:
        """Each channel times a factor."""
        weight = self.onnx.constant(f"{name}:{what}", factor.astype(np.float32).reshape(-1, 1, 1, 1))
        return self.onnx.node("Conv", [value, weight, *bias], out, group=len(factor))

    def _integrator(self, name: str, node: LI, currents: list[str]) -> list[str]:
        decay = broadcast(self.onnx, f"{name}.decay", node.decay, len(self.graph.shapes[name]))
        found = [currents[0]]
        for t in range(1, self.steps):
            kept = self.onnx.node("Mul", [found[-1], decay], f"v_kept.{name}:{t}")
            found.append(self.onnx.node("Add", [kept, currents[t % len(currents)]], f"x.{name}:{t}"))
        return found

    def _logits(self, name: str, inputs: list[str]) -> None:
        self.onnx.node("Concat", [inputs[t % len(inputs)] for t in range(self.steps)], "logits", axis=0)
        self.onnx.output("logits", ("rows", *self.graph.shapes[name]))

    def _in_blocks(self, name: str) -> bool:
        node, shape = self.graph.nodes[name], self.graph.shapes[name]
        assert isinstance(node, IF)
        return self.blocks and len(shape) == 3 and shape[0] % BLOCK == 0 and bool(state_shift(node).any())

    def _starts(self, name: str) -> bool:
        """Whether a node's first current has the first potential in it: only one layer reads it, every step anew."""
        targets = self.graph.successors[name]
        fits = isinstance(self.graph.nodes[name], Conv2d) and name not in self.graph.static and len(targets) == 1
        return fits and isinstance(self.graph.nodes[targets[0]], IF) and self._in_blocks(targets[0])


def _start(node: IF) -> Array:
    return node.v_init + state_shift(node)
