"""T time-steps of one ONNX graph of 8-bit products: spikes of one byte times weights of one byte, with sums of 32 bits.

ONNX Runtime multiplies matrices of bytes at least three times as fast as float32, and sums them exactly. Its
convolutions of bytes return their sums rounded to 8 bits, or are slow. A convolution whose sums are needed is therefore
written as a matrix product of the unfolded image and the weights. Images are (N, H, W, C). Static nodes are computed in
float32, as in other models.
"""

from __future__ import annotations

import numpy as np

from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, in_float32, name_of
from spikelet.lowering.onnx.operators import add, broadcast, limits, number, state_shift, synapse
from spikelet.lowering.onnx.unrolled import Unrolled, at
from spikelet.nodes import IF, LI, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, Shape, SumPool2d, is_float

LARGEST = 127  # largest input of a product; processors without VNNI add two products in 16 bits
TOGETHER = 64  # up to this number of output pixels, all time-steps share one product, since reading weights dominates


def channels_last(shape: Shape) -> Shape:
    """Return (H, W, C) for (C, H, W), and (F,) unchanged."""
    return (*shape[1:], shape[0])


def fits(graph: Graph) -> bool:
    """Return whether every synapse after the first layer reads spikes, or small sums of them, and has 8-bit weights."""
    return graph.exact and all(_fits(graph, name) for name in graph.order if name not in graph.static)


def _fits(graph: Graph, name: str) -> bool:
    node, targets = graph.nodes[name], [graph.nodes[target] for target in graph.successors[name]]
    sources = graph.predecessors[name]
    largest = [largest_value(graph, source) for source in sources]
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


def largest_value(graph: Graph, name: str) -> int:
    """Return the largest value of a node whose values are spikes, or sums of spikes of one time-step; else 0."""
    node = graph.nodes[name]
    match node:
        case IF():
            return 1
        case SumPool2d() if name not in graph.static:
            return node.kernel[0] * node.kernel[1] * largest_value(graph, graph.predecessors[name][0])
        case Flatten() if name not in graph.static:
            return largest_value(graph, graph.predecessors[name][0])
    return 0


class Products(Unrolled):
    """A window of time-steps. Images are (N, H, W, C), except between static nodes."""

    def _static(self, name: str) -> str:
        """Lower a static node; its value is (N, C, H, W) for static nodes and (N, H, W, C) for the others."""
        graph, out = self.graph, name_of("x", name)
        match graph.nodes[name]:
            case Input() as node:
                self.onnx.input(INPUT, ("N", *node.shape))
                mean = broadcast(self.onnx, f"{name}.mean", node.mean, len(node.shape))
                self.onnx.node("Sub", [INPUT, mean], out)
            case _:
                inputs = [name_of("x", source) for source in graph.predecessors[name]]
                synapse(self.onnx, graph, name, inputs, out)
        used = any(target not in graph.static for target in graph.successors[name])
        if not used or len(graph.shapes[name]) == 1:
            return out
        return self.onnx.node("Transpose", [out], name_of("last", name), perm=(0, 2, 3, 1))

    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        onnx, spikes = self.onnx, []
        v = onnx.constant(name_of("start", name), self._row(name, node.v_init + state_shift(node)))
        theta = onnx.constant(name_of("row_theta", name), self._row(name, node.theta))
        for t in range(self.steps):
            total = onnx.node("Add", [at(currents, t), v], name_of("v_in", name, t))
            fired = onnx.node("Clip", [total, *limits(onnx)], name_of("fired", name, t))
            spikes.append(onnx.node("Cast", [fired], name_of("s", name, t), to=2))
            if t + 1 < self.steps:
                drop = onnx.node("Mul", [fired, theta], name_of("drop", name, t))
                v = onnx.node("Sub", [total, drop], name_of("v_next", name, t))
        return spikes

    def _integrator(self, name: str, node: LI, currents: list[str]) -> list[str]:
        raise AssertionError(f"{name}: a network with an LI has no 8-bit products")  # see `fits`

    def _synapse(self, name: str, inputs: list[str]) -> list[str]:
        """Lower a convolution or linear layer, with one product for all time-steps if that is faster."""
        if not self._together(name):
            return [self._product(name, at(inputs, t), t) for t in range(self.steps)]
        return self._split(name, self._product(name, self._joined(name, inputs)))

    def _together(self, name: str) -> bool:
        """Return whether all time-steps of a convolution or linear layer share one product."""
        return self.steps > 1 and int(np.prod(self.graph.shapes[name][1:])) <= TOGETHER

    def _product(self, name: str, value: str, *index: int) -> str:
        """Append a product of bytes. index: time-step, if there are several."""
        onnx, node = self.onnx, self.graph.synapse(name)
        if isinstance(node, Conv2d):
            taps = node.weight.transpose(2, 3, 1, 0)
            value = self._columns(name, node, value, *index)
        else:
            taps = node.weight.reshape(len(node.weight), *self._flattened(name), 1).transpose(3, 2, 1, 0)
        weight = onnx.constant(name_of("matrix", name), taps.reshape(-1, len(node.weight)).astype(np.int8))
        one = number(onnx, 1)
        bias = onnx.constant(in_float32(f"{name}.bias"), node.bias.astype(np.float32))
        inputs = [value, weight, one, one, "", "", bias]
        return onnx.node("com.microsoft:MatMulIntegerToFloat", inputs, name_of("x", name, *index))

    def _flattened(self, name: str) -> tuple[int, int]:
        """Return channels and pixels of the image that a linear layer reads flattened; (F, 1) for a vector."""
        source = self.graph.predecessors[name][0]
        if isinstance(self.graph.nodes[source], Flatten):
            source = self.graph.predecessors[source][0]
        channels, *pixels = self.graph.shapes[source]
        return channels, int(np.prod(pixels))

    def _columns(self, name: str, node: Conv2d, value: str, *index: int) -> str:
        """Unfold (N, H, W, C) to (N, H_out, W_out, kh kw C)."""
        if any(node.padding):
            pads = self.onnx.constant(name_of("pads", name), np.array([0, *node.padding, 0] * 2))
            value = self.onnx.node("Pad", [value, pads], name_of("padded", name, *index))
        height, width = self.graph.shapes[name][1:]
        kernel, stride = node.weight.shape[2:], node.stride
        if kernel[1] > 1 or stride[1] > 1:
            taps = [
                self._tap(value, 2, tap, width, stride[1], name_of("taps_x", name, tap, *index))
                for tap in range(kernel[1])
            ]
            value = self.onnx.node("Concat", taps, name_of("columns_x", name, *index), axis=3)
        if kernel[0] > 1 or stride[0] > 1:
            taps = [
                self._tap(value, 1, tap, height, stride[0], name_of("taps_y", name, tap, *index))
                for tap in range(kernel[0])
            ]
            value = self.onnx.node("Concat", taps, name_of("columns_y", name, *index), axis=3)
        return value

    def _tap(self, value: str, axis: int, tap: int, size: int, stride: int, out: str) -> str:
        """Append the slice of the inputs of one tap of the kernel, along one axis."""
        limits = tap, tap + (size - 1) * stride + 1, axis, stride
        numbers = [self.onnx.constant(f"constant:[{limit}]", np.array([limit])) for limit in limits]
        return self.onnx.node("Slice", [value, *numbers], out)

    def _without_weights(self, name: str, value: str, out: str) -> str:
        """Append a sum pool, or a value flattened to vectors."""
        match self.graph.nodes[name]:
            case SumPool2d() as node:
                return self._sum_pool(name, node, value, out)
        return self.onnx.node("Flatten", [value], out, axis=1)

    def _at(self, name: str, inputs: list[str], t: int) -> str:
        onnx, out, node = self.onnx, name_of("x", name, t), self.graph.nodes[name]
        match node:
            case SumPool2d() | Flatten():
                return self._without_weights(name, inputs[0], out)
            case Scale():
                numbers = onnx.node("Cast", inputs, name_of("number", name, t), to=1)
                scale = onnx.constant(name_of("row_scale", name), self._row(name, node.scale))
                return onnx.node("Mul", [numbers, scale], out)
        add(onnx, name, inputs, out, t)
        return out

    def _sum_pool(self, name: str, node: SumPool2d, value: str, out: str) -> str:
        """Append a sum pool of bytes, as a depthwise convolution with weights of 1."""
        channels = self.graph.shapes[name][0]
        kernel = self.onnx.constant(name_of("ones", name), np.ones((channels, 1, *node.kernel), np.int8))
        ones = Conv2d(
            np.ones((channels, 1, *node.kernel), np.int8), np.zeros(channels, np.int8), node.stride, (0, 0), channels
        )
        return self._rounded(ones, [value, kernel, number(self.onnx, 1)], out)

    def _rounded(self, node: Conv2d, inputs: list[str], out: str) -> str:
        """Append a convolution of bytes whose sums are multiplied, rounded, and limited to 0…255.

        Args:
            node: Its stride, padding and groups.
            inputs: Names of the input, the weights, the factor by channel, and, optionally, the bias in 32 bits.
            out: Name of the result.
        """
        onnx, (value, kernel, factor, *bias) = self.onnx, inputs
        one, zero = number(onnx, 1), onnx.constant("constant:uint8 0", np.array(0, np.uint8))
        no_offset = onnx.constant("constant:int8 0", np.array(0, np.int8))
        return onnx.node(
            "com.microsoft:QLinearConv",
            [value, one, zero, kernel, factor, no_offset, one, zero, *bias],
            out,
            channels_last=1,
            group=node.groups,
            kernel_shape=node.weight.shape[2:],
            pads=node.padding * 2,
            strides=node.stride,
        )

    def _row(self, name: str, value: Array) -> Array:
        """Repeat (C,) for each pixel of a row, (1, 1, W, C), so that it is added in long contiguous runs."""
        shape, value = self.graph.shapes[name], value.astype(np.float32)
        return np.tile(value, (1, 1, shape[2], 1)) if len(shape) == 3 else value
