"""ONNX operators of single nodes of a network, and of one time-step of a layer of neurons."""

from __future__ import annotations

import numpy as np

from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.onnx.names import in_float32, name_of
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.neurons import per_channel
from spikelet.nodes import IF, LIF, Add, Array, Conv2d, Flatten, Linear, Output, Scale, SumPool2d, is_float


def state_shift(node: IF) -> Array:
    """Return the shift that `dynamic_model` adds to the potentials of a layer, (C,).

    An integer x = v - theta + 1 fires where x >= 1, so its spike is clip(x, 0, 1): one pass over memory
    instead of a comparison and a cast. Layers of another kind keep v itself.
    """
    shiftable = node.kind == "IF" and not is_float(node.theta) and node.reset == "subtract" and node.tie == ">="
    return 1 - node.theta if shiftable else np.zeros_like(node.theta)


def synapse(onnx: OnnxGraph, graph: Graph, name: str, inputs: list[str], out: str, *at: int) -> None:
    """Append a node without a state that computes `out` from its inputs. at: time-step, if the model has several."""
    match graph.nodes[name]:
        case Conv2d() as node:
            weights = [weight(onnx, f"{name}.weight", node.weight), weight(onnx, f"{name}.bias", node.bias)]
            convolution(onnx, node, [*inputs, *weights], out)
        case Linear() as node:
            weights = [weight(onnx, f"{name}.weight", node.weight), weight(onnx, f"{name}.bias", node.bias)]
            onnx.node("Gemm", [*inputs, *weights], out, transB=1)
        case SumPool2d() as node:
            area = node.kernel[0] * node.kernel[1]
            # the mean of k² integers times k² is exact only if k² is a power of two; otherwise the sum is computed
            # by a depthwise convolution
            if sums_power_of_two(node):
                mean = name_of("mean", name, *at)
                onnx.node("AveragePool", inputs, mean, kernel_shape=node.kernel, strides=node.stride)
                onnx.node("Mul", [mean, onnx.constant(name_of("area", name), np.array([area], np.float32))], out)
            else:
                sum_pool(onnx, graph, name, inputs, out)
        case Scale() as node:
            scale = broadcast(onnx, f"{name}.scale", node.scale, len(graph.shapes[name]))
            onnx.node("Mul", [*inputs, scale], out)
        case Add():
            add(onnx, name, inputs, out, *at)
        case Flatten():
            onnx.node("Flatten", inputs, out, axis=1)
        case Output():
            onnx.node("Identity", inputs, out)
        case node:
            raise EngineError(f"engine onnx: unsupported node {node.kind}")


def add(onnx: OnnxGraph, name: str, inputs: list[str], out: str, *at: int) -> None:
    """Append the sum of two or more values."""
    total = inputs[0]
    for index, value in enumerate(inputs[1:], 2):
        total = onnx.node("Add", [total, value], out if index == len(inputs) else name_of("sum", name, index, *at))


def convolution(onnx: OnnxGraph, node: Conv2d, inputs: list[str], out: str) -> None:
    """Append a convolution. inputs: names of its input, weight and bias, in float32."""
    onnx.node("Conv", inputs, out, strides=node.stride, pads=node.padding * 2, group=node.groups)


def sum_pool(onnx: OnnxGraph, graph: Graph, name: str, inputs: list[str], out: str) -> None:
    """Append a SumPool2d as a depthwise convolution with weights of 1, which is exact for any area."""
    node, channels = graph.node(name, SumPool2d), graph.shapes[name][0]
    ones = onnx.constant(name_of("ones", name), np.ones((channels, 1, *node.kernel), np.float32))
    onnx.node("Conv", [*inputs, ones], out, strides=node.stride, group=channels)


def neuron(
    onnx: OnnxGraph, name: str, node: IF, current: str, v: str, ndim: int, *at: int, shift: bool
) -> tuple[str, str]:
    """Append one time-step of a layer of spiking neurons, or of one copy of each.

    Args:
        onnx: The model.
        name: Name of the layer.
        node: The layer.
        current: Name of the input current.
        v: Name of the potentials before the time-step.
        ndim: Number of axes of one sample.
        at: Time-step or copy, if the model has several.
        shift: Whether potentials include `state_shift`.

    Returns:
        The names of the spikes and of the potentials after the reset.
    """
    theta = broadcast(onnx, f"{name}.theta", node.theta, ndim)
    if isinstance(node, LIF):
        v = _decayed(onnx, name, node, v, ndim, *at)
    # current first: ONNX Runtime then adds the potential inside the convolution
    v = onnx.node("Add", [current, v], name_of("v_in", name, *at))
    spikes, v_next, drop = name_of("s", name, *at), name_of("v_next", name, *at), name_of("drop", name, *at)
    if shift and state_shift(node).any():
        onnx.node("Clip", [v, *limits(onnx)], spikes)
        onnx.node("Mul", [spikes, theta], drop)
        return spikes, onnx.node("Sub", [v, drop], v_next)
    fired = name_of("fired", name, *at)
    onnx.node("GreaterOrEqual" if node.tie == ">=" else "Greater", [v, theta], fired)
    onnx.node("Cast", [fired], spikes, to=1)
    if node.reset == "zero":
        return spikes, onnx.node("Where", [fired, number(onnx, 0), v], v_next)
    late = node.reset == "subtract-late"
    subtrahend = broadcast(onnx, f"{name}.drop", node.drop, ndim) if late else theta
    onnx.node("Mul", [spikes, subtrahend], drop)
    return spikes, onnx.node("Sub", [v, drop], v_next)


def number(onnx: OnnxGraph, value: int) -> str:
    """Return the name of a number as a float32 scalar."""
    return onnx.constant(f"constant:{value}", np.array(value, np.float32))


def limits(onnx: OnnxGraph) -> list[str]:
    """Return the names of the constants 0 and 1."""
    return [number(onnx, 0), number(onnx, 1)]


def _decayed(onnx: OnnxGraph, name: str, node: LIF, v: str, ndim: int, *at: int) -> str:
    decayed = name_of("v_kept", name, *at)
    if is_float(node.decay):
        return onnx.node("Mul", [v, broadcast(onnx, f"{name}.decay", node.decay, ndim)], decayed)
    share = per_channel(np.exp2(-node.decay.astype(np.float32)), ndim)
    product = onnx.node("Mul", [v, onnx.constant(name_of("share", name), share)], name_of("v_share", name, *at))
    leaked = onnx.node("Floor", [product], name_of("v_lost", name, *at))
    return onnx.node("Sub", [v, leaked], decayed)


def sums_power_of_two(node: SumPool2d) -> bool:
    """Return whether the windows of a pool have a power of two of values, so that their mean is exact."""
    area = node.kernel[0] * node.kernel[1]
    return area & (area - 1) == 0


def weight(onnx: OnnxGraph, tensor: str, value: Array) -> str:
    """Return the name of a parameter in float32.

    It is stored in its own type and cast in the graph; ONNX Runtime evaluates the cast when it loads the model.
    """
    constant = onnx.constant(tensor, value)
    if is_float(value):
        return constant
    cast = in_float32(tensor)
    return cast if cast in onnx else onnx.node("Cast", [constant], cast, to=1)


def broadcast(onnx: OnnxGraph, tensor: str, value: Array, ndim: int) -> str:
    """Return the name of a (C,) parameter as a float32 constant (C, 1, …) of `ndim` axes."""
    return onnx.constant(in_float32(tensor), per_channel(value, ndim))
