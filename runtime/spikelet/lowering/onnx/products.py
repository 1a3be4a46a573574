"""T time-steps of constant input as one ONNX graph of 8-bit products: spikes of one byte times weights of one byte.

    input  ->  logits (T N, K) and n.LAYER (T N), how many spikes a layer fired

ONNX Runtime multiplies matrices of bytes three times as fast as float32 or more, and sums in 32 bits: exactly. Its
convolutions of bytes are slow, or round what they sum, so a convolution is written as a product: the pixels under its
kernel side by side, times the weights as a matrix. Images are (N, H, W, C) here. What no spike reaches is computed as
anywhere.
"""

from __future__ import annotations

import numpy as np

from spikelet.graph import Graph
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.lowering.onnx.step import broadcast, limits, state_shift, synapse
from spikelet.nodes import IF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d, is_float

LARGEST = 127  # sum of spikes that a weight meets: processors without VNNI add two products in 16 bits
TOGETHER = 64  # output pixels; up to here the weights are what costs, and all time-steps share one product


def fits(graph: Graph) -> bool:
    """Return whether every synapse after the first layer reads spikes, or small sums of them, and has 8-bit weights."""
    return graph.exact and all(_fits(graph, name) for name in graph.order if name not in graph.static)


def product_model(graph: Graph, steps: int) -> bytes:
    """Return the encoded model of a network that `fits`. steps: T."""
    window = _Window(graph, steps)
    for name in graph.order:
        window.add(name)
    return window.onnx.encode()


def _fits(graph: Graph, name: str) -> bool:
    node, targets = graph.nodes[name], [graph.nodes[target] for target in graph.successors[name]]
    sources = graph.predecessors[name]
    largest = [_largest(graph, source) for source in sources]
    match node:
        case IF():
            return bool(state_shift(node).any()) and not any(largest)
        case Conv2d() | Linear():
            groups = node.groups if isinstance(node, Conv2d) else 1
            small = not is_float(node.weight) and int(node.weight.min()) >= -128 and int(node.weight.max()) <= 127
            return groups == 1 and small and 0 < largest[0] <= LARGEST
        case SumPool2d() | Scale():
            return largest[0] > 0
        case Flatten():
            return largest[0] > 0 and all(isinstance(target, Linear) for target in targets)
        case Add():
            return not any(largest) and not any(source in graph.static for source in sources)
        case Output():
            return not any(largest)
    return False


def _largest(graph: Graph, name: str) -> int:
    """Return the largest value of a node whose values are spikes or sums of spikes; 0 for other nodes."""
    node = graph.nodes[name]
    match node:
        case IF():
            return 1
        case SumPool2d() if name not in graph.static:
            return node.kernel[0] * node.kernel[1] * _largest(graph, graph.predecessors[name][0])
        case Flatten() if name not in graph.static:
            return _largest(graph, graph.predecessors[name][0])
    return 0


class _Window:
    """values: of each node at every time-step; one value where it stays the same."""

    def __init__(self, graph: Graph, steps: int) -> None:
        self.graph, self.steps = graph, steps
        self.onnx = OnnxGraph("products")
        self.values: dict[str, list[str]] = {}

    def add(self, name: str) -> None:
        """Lower one node."""
        node, sources = self.graph.nodes[name], self.graph.predecessors[name]
        if name in self.graph.static:
            self.values[name] = [self._static(name)]
            return
        inputs = [self.values[source] for source in sources]
        match node:
            case IF():
                self.values[name] = self._spiking(name, node, inputs[0])
            case Conv2d() | Linear():
                self.values[name] = self._synapse(name, inputs[0])
            case Output():
                self.onnx.node("Concat", inputs[0], "logits", axis=0)
                self.onnx.output("logits", ("rows", self.graph.classes))
            case _:
                self.values[name] = [self._at(name, [each[t] for each in inputs], t) for t in range(self.steps)]

    def _static(self, name: str) -> str:
        """(N, C, H, W) among themselves; (N, H, W, C) as `name` for those who spike."""
        graph, out = self.graph, f"x.{name}"
        match graph.nodes[name]:
            case Input() as node:
                self.onnx.input("input", ("N", *node.shape))
                self.onnx.node("Sub", ["input", broadcast(self.onnx, f"{name}.mean", node.mean, len(node.shape))], out)
            case _:
                synapse(self.onnx, graph, name, [f"x.{source}" for source in graph.predecessors[name]], out)
        used = any(target not in graph.static for target in graph.successors[name])
        if not used or len(graph.shapes[name]) == 1:
            return out
        return self.onnx.node("Transpose", [out], f"last.{name}", perm=(0, 2, 3, 1))

    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        onnx, spikes, counts = self.onnx, [], []
        v, theta = self._row(name, "start", node.v_init + state_shift(node)), self._row(name, "theta", node.theta)
        axes = onnx.constant(f"axes{len(self.graph.shapes[name])}", np.arange(1, len(self.graph.shapes[name]) + 1))
        for t in range(self.steps):
            now = onnx.node("Add", [currents[t % len(currents)], v], f"v_in.{name}:{t}")
            fired = onnx.node("Clip", [now, *limits(onnx)], f"fired.{name}:{t}")
            spikes.append(onnx.node("Cast", [fired], f"s.{name}:{t}", to=2))
            counts.append(onnx.node("ReduceSum", [fired, axes], f"n.{name}:{t}", keepdims=0))
            if t + 1 < self.steps:
                drop = onnx.node("Mul", [fired, theta], f"drop.{name}:{t}")
                v = onnx.node("Sub", [now, drop], f"v_next.{name}:{t}")
        onnx.node("Concat", counts, f"n.{name}", axis=0)
        onnx.output(f"n.{name}", ("rows",))
        return spikes

    def _synapse(self, name: str, inputs: list[str]) -> list[str]:
        """Add the currents of a convolution or linear layer, of all time-steps at once where that is faster."""
        shape, steps = self.graph.shapes[name], self.steps
        out = [f"x.{name}:{t}" for t in range(steps)]
        if steps == 1 or int(np.prod(shape[1:])) > TOGETHER:
            return [self._product(name, each, to) for each, to in zip(inputs, out, strict=True)]
        rows = self._product(name, self.onnx.node("Concat", inputs, f"rows.{name}", axis=0), f"x.{name}")
        self.onnx.node("Split", [rows], *out, axis=0)
        return out

    def _product(self, name: str, value: str, out: str) -> str:
        onnx, node = self.onnx, self.graph.nodes[name]
        assert isinstance(node, Conv2d | Linear)
        if isinstance(node, Conv2d):
            taps = node.weight.transpose(2, 3, 1, 0)
            value = self._columns(name, node, value, out)
        else:
            taps = node.weight.reshape(len(node.weight), *self._flattened(name), 1).transpose(3, 2, 1, 0)
        weight = onnx.constant(f"{name}.matrix", taps.reshape(-1, len(node.weight)).astype(np.int8))
        one = onnx.constant("1", np.array(1, np.float32))
        bias = onnx.constant(f"{name}.bias.f32", node.bias.astype(np.float32))
        return onnx.node("com.microsoft:MatMulIntegerToFloat", [value, weight, one, one, "", "", bias], out)

    def _flattened(self, name: str) -> tuple[int, int]:
        """Return the flattened input of a linear layer."""
        source = self.graph.predecessors[name][0]
        if isinstance(self.graph.nodes[source], Flatten):
            source = self.graph.predecessors[source][0]
        channels, *pixels = self.graph.shapes[source]
        return channels, int(np.prod(pixels))

    def _columns(self, name: str, node: Conv2d, value: str, out: str) -> str:
        """Unfold (N, H, W, C) to (N, H_out, W_out, kh kw C)."""
        if any(node.padding):
            pads = self.onnx.constant(f"{name}.pads", np.array([0, *node.padding, 0] * 2))
            value = self.onnx.node("Pad", [value, pads], f"{out}:padded")
        height, width = self.graph.shapes[name][1:]
        value = self._shifts(value, f"{out}:x", 2, node.weight.shape[3], width, node.stride[1])
        return self._shifts(value, f"{out}:y", 1, node.weight.shape[2], height, node.stride[0])

    def _shifts(self, value: str, out: str, axis: int, kernel: int, size: int, stride: int) -> str:
        """Unfold along one axis: the inputs of every tap of the kernel, concatenated as channels."""
        if kernel == 1 and stride == 1:
            return value
        parts = []
        for start in range(kernel):
            place = start, start + (size - 1) * stride + 1, axis, stride
            numbers = [self.onnx.constant(f"[{number}]", np.array([number])) for number in place]
            parts.append(self.onnx.node("Slice", [value, *numbers], f"{out}{start}"))
        return self.onnx.node("Concat", parts, out, axis=3)

    def _at(self, name: str, inputs: list[str], t: int) -> str:
        """Evaluate a node without weights at one time-step."""
        onnx, out, node = self.onnx, f"x.{name}:{t}", self.graph.nodes[name]
        match node:
            case SumPool2d():
                # a mean, in steps of one over the area: rounded to the sum, whatever the area
                area = node.kernel[0] * node.kernel[1]
                one, share = (onnx.constant(f"1/{by}", np.array(1 / by, np.float32)) for by in (1, area))
                zero = onnx.constant("zero", np.array(0, np.uint8))
                return onnx.node(
                    "com.microsoft:QLinearAveragePool",
                    [inputs[0], one, zero, share, zero],
                    out,
                    channels_last=1,
                    kernel_shape=node.kernel,
                    strides=node.stride,
                )
            case Flatten():
                return onnx.node("Flatten", inputs, out, axis=1)
            case Scale():
                numbers = onnx.node("Cast", inputs, f"{out}:float", to=1)
                return onnx.node("Mul", [numbers, self._row(name, "scale", node.scale)], out)
        total = inputs[0]
        for index, each in enumerate(inputs[1:], 2):
            total = onnx.node("Add", [total, each], out if index == len(inputs) else f"{out}.{index}")
        return total

    def _row(self, name: str, what: str, value: Array) -> str:
        """(C,) for each pixel of a row, (1, 1, W, C): adding it then goes in long strides."""
        shape, value = self.graph.shapes[name], value.astype(np.float32)
        if len(shape) == 3:
            value = np.tile(value, (1, 1, shape[2], 1))
        return self.onnx.constant(f"{name}:{what}", value)
