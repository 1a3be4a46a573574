"""Translate a network to ONNX: one time-step, or the parts of it that the engine runs separately.

Opset 13, plain operators, no Loop, nothing unrolled; every state is an input and an output:

    step:   input, v.LAYER…  ->  logits, s.LAYER…, v_next.LAYER…

`input` contains pixels (N, …) before the mean is subtracted, `v.LAYER` potentials (N, …), initially v_init, and
`s.LAYER` spikes 0/1. All values are float32, in which the integers of an exact network are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.onnx.protobuf import External, OnnxGraph
from spikelet.nodes import (
    IF,
    LI,
    LIF,
    Add,
    Array,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Output,
    Scale,
    SumPool2d,
    is_float,
)

LOWERING_VERSION = 1  # raised when the bytes of `step_model` change for an unchanged network


def step_model(graph: Graph, external: Mapping[str, External] | None = None) -> bytes:
    """Return the encoded model of one time-step, as stored in bundles."""
    onnx = OnnxGraph("step", dict(external or {}))
    _states(onnx, graph)
    _lower(onnx, graph, graph.order)
    _outputs(onnx, graph)
    return onnx.encode()


def embedded(graph: Graph) -> int:
    """Return a lower bound of the size of `step_model` in bytes, without building it."""
    bytes_ = 0
    for name, node in graph.nodes.items():
        if isinstance(node, SumPool2d) and not _is_power(node):
            bytes_ += 4 * graph.shapes[name][0] * node.kernel[0] * node.kernel[1]
    return bytes_


def static_model(graph: Graph) -> bytes:
    """Return the encoded model of the part that no spike reaches: input -> x.NODE for each node of `frontier`."""
    onnx = OnnxGraph("static")
    _lower(onnx, graph, [name for name in graph.order if name in graph.static])
    for name in frontier(graph):
        onnx.output(f"x.{name}", ("N", *graph.shapes[name]))
    return onnx.encode()


def dynamic_model(graph: Graph) -> bytes:
    """The rest of a time-step: x.NODE for each node of `frontier`, and states, to logits, spikes and states.

    The states are potentials plus `state_shift`.
    """
    onnx = OnnxGraph("dynamic")
    for name in frontier(graph):
        onnx.input(f"x.{name}", ("N", *graph.shapes[name]))
    _states(onnx, graph)
    _lower(onnx, graph, [name for name in graph.order if name not in graph.static], shift=True)
    _outputs(onnx, graph)
    return onnx.encode()


def rate_model(graph: Graph) -> bytes:
    """The float network of the same shapes, each neuron a ReLU and each pool an average: what speed is held against."""
    onnx = OnnxGraph("rate")
    _lower(onnx, graph, graph.order, rate=True)
    onnx.output("logits", ("N", graph.classes))
    return onnx.encode()


def state_shift(node: IF) -> Array:
    """What `dynamic_model` adds to the potentials of a layer, (C,).

    An integer x = v - theta + 1 fires where x >= 1, so its spike is clip(x, 0, 1): one pass over memory
    instead of a comparison and a cast. Layers of another kind keep v itself.
    """
    shiftable = node.kind == "IF" and not is_float(node.theta) and node.reset == "subtract" and node.tie == ">="
    return 1 - node.theta if shiftable else np.zeros_like(node.theta)


def frontier(graph: Graph) -> tuple[str, ...]:
    """Static nodes whose value the dynamic part reads."""
    return tuple(
        name
        for name in graph.order
        if name in graph.static and any(target not in graph.static for target in graph.successors[name])
    )


def _states(onnx: OnnxGraph, graph: Graph) -> None:
    for name in graph.spiking + graph.integrators:
        onnx.input(f"v.{name}", ("N", *graph.shapes[name]))


def _outputs(onnx: OnnxGraph, graph: Graph) -> None:
    onnx.output("logits", ("N", graph.classes))
    for name in graph.spiking:
        onnx.output(f"s.{name}", ("N", *graph.shapes[name]))
        onnx.output(f"v_next.{name}", ("N", *graph.shapes[name]))
    for name in graph.integrators:
        onnx.output(f"v_next.{name}", ("N", *graph.shapes[name]))


def _lower(onnx: OnnxGraph, graph: Graph, names: Sequence[str], *, rate: bool = False, shift: bool = False) -> None:
    for name in names:
        inputs = [_value(graph, source) for source in graph.predecessors[name]]
        node = graph.nodes[name]
        out = _value(graph, name)
        match node:
            case Input():
                onnx.input("input", ("N", *node.shape))
                mean = broadcast(onnx, f"{name}.mean", node.mean, len(node.shape))
                onnx.node("Sub", ["input", mean], out)
            case IF() if rate:
                onnx.node("Relu", inputs, out)
            case LI() if rate:
                onnx.node("Identity", inputs, out)
            case LI():
                decay = broadcast(onnx, f"{name}.decay", node.decay, len(graph.shapes[name]))
                kept = onnx.node("Mul", [f"v.{name}", decay], f"v_kept.{name}")
                onnx.node("Add", [kept, *inputs], out)
                onnx.node("Identity", [out], f"v_next.{name}")
            case IF():
                neuron(onnx, name, node, inputs[0], f"v.{name}", len(graph.shapes[name]), shift=shift)
            case SumPool2d() if shift:
                sum_pool(onnx, graph, name, inputs, out)
            case SumPool2d() if rate:
                onnx.node("AveragePool", inputs, out, kernel_shape=node.kernel, strides=node.stride)
            case _:
                synapse(onnx, graph, name, inputs, out)


def synapse(onnx: OnnxGraph, graph: Graph, name: str, inputs: list[str], out: str) -> None:
    """Any node without a state, from the names of its inputs to `out`."""
    match graph.nodes[name]:
        case Conv2d() as node:
            convolution(onnx, name, node, inputs, out, node.bias)
        case Linear() as node:
            weights = [weight(onnx, f"{name}.weight", node.weight), weight(onnx, f"{name}.bias", node.bias)]
            onnx.node("Gemm", inputs + weights, out, transB=1)
        case SumPool2d() as node:
            area = node.kernel[0] * node.kernel[1]
            # count windows without padding; the mean of k² integers times k² is exact only when k² is a
            # power of two, so the sum is taken as a depthwise convolution otherwise
            if _is_power(node):
                mean = onnx.node("AveragePool", inputs, f"{out}.mean", kernel_shape=node.kernel, strides=node.stride)
                onnx.node("Mul", [mean, onnx.constant(f"{name}.area", np.array([area], np.float32))], out)
            else:
                sum_pool(onnx, graph, name, inputs, out)
        case Scale() as node:
            scale = broadcast(onnx, f"{name}.scale", node.scale, len(graph.shapes[name]))
            onnx.node("Mul", [*inputs, scale], out)
        case Add():
            total = inputs[0]
            for index, each in enumerate(inputs[1:], 2):
                total = onnx.node("Add", [total, each], out if index == len(inputs) else f"{out}.{index}")
        case Flatten():
            onnx.node("Flatten", inputs, out, axis=1)
        case Output():
            onnx.node("Identity", inputs, out)
        case node:
            raise EngineError(f"engine onnx: unsupported node {node.kind}")


def convolution(
    onnx: OnnxGraph, name: str, node: Conv2d, inputs: list[str], out: str, bias: Array, at: str = ""
) -> str:
    """A convolution with this bias. at: what tells the name of the bias from another's."""
    parameters = [weight(onnx, f"{name}.weight", node.weight), weight(onnx, f"{name}.bias{at}", bias)]
    return onnx.node("Conv", [*inputs, *parameters], out, strides=node.stride, pads=node.padding * 2, group=node.groups)


def sum_pool(onnx: OnnxGraph, graph: Graph, name: str, inputs: list[str], out: str) -> None:
    """A SumPool2d as a depthwise convolution by 1: exact whatever its area, and one pass over memory."""
    node, channels = graph.nodes[name], graph.shapes[name][0]
    assert isinstance(node, SumPool2d)
    ones = onnx.constant(f"{name}.ones", np.ones((channels, 1, *node.kernel), np.float32))
    onnx.node("Conv", [*inputs, ones], out, strides=node.stride, group=channels)


def neuron(
    onnx: OnnxGraph, name: str, node: IF, current: str, v: str, ndim: int, *, shift: bool, at: str = ""
) -> tuple[str, str]:
    """One time-step of a layer, of `ndim` axes: its spikes, s.LAYER, and potentials after the reset, v_next.LAYER.

    shift: whether potentials hold `state_shift` too. at: what tells names of one time-step from another's.
    """
    theta = broadcast(onnx, f"{name}.theta", node.theta, ndim)
    if isinstance(node, LIF):
        v = _decayed(onnx, name, node, v, ndim, at)
    # current first: ONNX Runtime then adds the potential inside the convolution
    v = onnx.node("Add", [current, v], f"v_in.{name}{at}")
    if shift and state_shift(node).any():
        spikes = onnx.node("Clip", [v, *limits(onnx)], f"s.{name}{at}")
        drop = onnx.node("Mul", [spikes, theta], f"drop.{name}{at}")
        return spikes, onnx.node("Sub", [v, drop], f"v_next.{name}{at}")
    fired = onnx.node("GreaterOrEqual" if node.tie == ">=" else "Greater", [v, theta], f"fired.{name}{at}")
    spikes = onnx.node("Cast", [fired], f"s.{name}{at}", to=1)
    if node.reset == "zero":
        zero = onnx.constant("0", np.array(0, np.float32))
        return spikes, onnx.node("Where", [fired, zero, v], f"v_next.{name}{at}")
    late = node.reset == "subtract-late"
    lost = broadcast(onnx, f"{name}.drop", node.drop, ndim) if late else theta
    drop = onnx.node("Mul", [spikes, lost], f"drop.{name}{at}")
    return spikes, onnx.node("Sub", [v, drop], f"v_next.{name}{at}")


def limits(onnx: OnnxGraph) -> list[str]:
    """Constants 0 and 1."""
    return [onnx.constant(str(limit), np.array(limit, np.float32)) for limit in (0, 1)]


def _decayed(onnx: OnnxGraph, name: str, node: LIF, v: str, ndim: int, at: str) -> str:
    if is_float(node.decay):
        return onnx.node("Mul", [v, broadcast(onnx, f"{name}.decay", node.decay, ndim)], f"v_kept.{name}{at}")
    share = np.exp2(-node.decay.astype(np.float32)).reshape(-1, *(1,) * (ndim - 1))
    lost = onnx.node("Mul", [v, onnx.constant(f"{name}.share", share)], f"v_share.{name}{at}")
    return onnx.node("Sub", [v, onnx.node("Floor", [lost], f"v_lost.{name}{at}")], f"v_kept.{name}{at}")


def _is_power(node: SumPool2d) -> bool:
    area = node.kernel[0] * node.kernel[1]
    return area & (area - 1) == 0


def _value(graph: Graph, name: str) -> str:
    if name in graph.spiking:
        return f"s.{name}"
    return "logits" if name == graph.output_name else f"x.{name}"


def weight(onnx: OnnxGraph, name: str, value: Array) -> str:
    """A parameter in its stored type, cast to float32 in the graph; ONNX Runtime folds the cast when it loads."""
    constant = onnx.constant(name, value)
    if is_float(value):
        return constant
    cast = f"{name}.f32"
    return cast if cast in onnx.made else onnx.node("Cast", [constant], cast, to=1)


def broadcast(onnx: OnnxGraph, name: str, value: Array, ndim: int) -> str:
    """(C,) as a float32 constant (C, 1, …) of `ndim` axes."""
    return onnx.constant(f"{name}.f32", value.astype(np.float32).reshape(-1, *(1,) * (ndim - 1)))
