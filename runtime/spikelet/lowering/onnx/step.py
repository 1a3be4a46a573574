"""Translate a network to ONNX models of one time-step, or of parts of it that the engine runs separately.

The models use opset 13 and plain operators, without Loop and without unrolling. Every state is an input and an output:

    step:   input, v:LAYER…  ->  logits, s:LAYER…, v_next:LAYER…

`input` contains pixels (N, …) before the mean is subtracted, `v:LAYER` potentials (N, …), initially v_init, and
`s:LAYER` spikes 0/1. A layer with copies has `v:LAYER:I`, `s:LAYER:I` and `v_next:LAYER:I` for each copy I, from 0. All
values are float32, in which the integers of an exact network are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, LOGITS, in_float32, name_of, version_1
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

LOWERING_VERSION = 3  # increases when the bytes of `step_model` change for an unchanged network; 2 was never released
_NAMING: dict[int, Callable[[str], str]] = {1: version_1, 3: str}  # versions that `step_model` writes, and their names


def writes_version(version: int) -> bool:
    """Return whether `step_model` can write this lowering version."""
    return version in _NAMING


def step_model(graph: Graph, external: Mapping[str, External] | None = None, version: int = LOWERING_VERSION) -> bytes:
    """Return the encoded model of one time-step, as stored in bundles.

    Args:
        graph: The network.
        external: Locations of constants that are stored in another file.
        version: Lowering version, 1 or 3. They differ in names only.

    Raises:
        NameCollision: Version 1 gives two values one name.
    """
    onnx = OnnxGraph("step", dict(external or {}), _NAMING[version])
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
    """Return the encoded model of the static nodes: input -> x:NODE for each node of `frontier`."""
    onnx = OnnxGraph("static")
    lower_static(onnx, graph)
    for name in frontier(graph):
        onnx.output(name_of("x", name), ("N", *graph.shapes[name]))
    return onnx.encode()


def lower_static(onnx: OnnxGraph, graph: Graph) -> None:
    """Append the static nodes, which include the input."""
    _lower(onnx, graph, [name for name in graph.order if name in graph.static])


def dynamic_model(graph: Graph) -> bytes:
    """Return the encoded model of the rest of a time-step.

    Its inputs are x:NODE for each node of `frontier` and the states; its outputs are the logits, the spikes and the
    next states. States are potentials plus `state_shift`.
    """
    onnx = OnnxGraph("dynamic")
    for name in frontier(graph):
        onnx.input(name_of("x", name), ("N", *graph.shapes[name]))
    _states(onnx, graph)
    _lower(onnx, graph, [name for name in graph.order if name not in graph.static], shift=True)
    _outputs(onnx, graph)
    return onnx.encode()


def copies(graph: Graph, name: str) -> list[tuple[int, ...]]:
    """Return the indices in the names of a layer's spikes and potentials: one per copy, or an empty one."""
    node = graph.nodes[name]
    return [(index,) for index in range(node.copies)] if isinstance(node, IF) and node.copies > 1 else [()]


def state_shift(node: IF) -> Array:
    """Return the shift that `dynamic_model` adds to the potentials of a layer, (C,).

    An integer x = v - theta + 1 fires where x >= 1, so its spike is clip(x, 0, 1): one pass over memory
    instead of a comparison and a cast. Layers of another kind keep v itself.
    """
    shiftable = node.kind == "IF" and not is_float(node.theta) and node.reset == "subtract" and node.tie == ">="
    return 1 - node.theta if shiftable else np.zeros_like(node.theta)


def frontier(graph: Graph) -> tuple[str, ...]:
    """Return the names of the static nodes whose value the dynamic part reads."""
    return tuple(
        name
        for name in graph.order
        if name in graph.static and any(target not in graph.static for target in graph.successors[name])
    )


def _states(onnx: OnnxGraph, graph: Graph) -> None:
    for name in graph.spiking + graph.integrators:
        for index in copies(graph, name):
            onnx.input(name_of("v", name, *index), ("N", *graph.shapes[name]))


def _outputs(onnx: OnnxGraph, graph: Graph) -> None:
    onnx.output(LOGITS, ("N", graph.classes))
    for name in graph.spiking:
        for index in copies(graph, name):
            onnx.output(name_of("s", name, *index), ("N", *graph.shapes[name]))
            onnx.output(name_of("v_next", name, *index), ("N", *graph.shapes[name]))
    for name in graph.integrators:
        onnx.output(name_of("v_next", name), ("N", *graph.shapes[name]))


def _lower(onnx: OnnxGraph, graph: Graph, names: Sequence[str], *, shift: bool = False) -> None:
    for name in names:
        inputs = [_value(graph, source) for source in graph.predecessors[name]]
        node = graph.nodes[name]
        out = _value(graph, name)
        match node:
            case Input():
                onnx.input(INPUT, ("N", *node.shape))
                mean = broadcast(onnx, f"{name}.mean", node.mean, len(node.shape))
                onnx.node("Sub", [INPUT, mean], out)
            case LI():
                decay = broadcast(onnx, f"{name}.decay", node.decay, len(graph.shapes[name]))
                kept = onnx.node("Mul", [name_of("v", name), decay], name_of("v_kept", name))
                onnx.node("Add", [kept, *inputs], out)
                onnx.node("Identity", [out], name_of("v_next", name))
            case IF():
                _neurons(onnx, graph, name, inputs[0], shift)
            case SumPool2d() if shift:
                sum_pool(onnx, graph, name, inputs, out)
            case _:
                synapse(onnx, graph, name, inputs, out)


def _neurons(onnx: OnnxGraph, graph: Graph, name: str, current: str, shift: bool) -> None:
    """Append one time-step of a layer and, if it has copies, the sum of their spikes."""
    spikes = []
    for index in copies(graph, name):
        v, ndim = name_of("v", name, *index), len(graph.shapes[name])
        spikes.append(neuron(onnx, name, graph.neuron(name), current, v, ndim, *index, shift=shift)[0])
    if len(spikes) > 1:
        add(onnx, name, spikes, _value(graph, name))


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
            if _is_power(node):
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
    share = np.exp2(-node.decay.astype(np.float32)).reshape(-1, *(1,) * (ndim - 1))
    product = onnx.node("Mul", [v, onnx.constant(name_of("share", name), share)], name_of("v_share", name, *at))
    leaked = onnx.node("Floor", [product], name_of("v_lost", name, *at))
    return onnx.node("Sub", [v, leaked], decayed)


def _is_power(node: SumPool2d) -> bool:
    area = node.kernel[0] * node.kernel[1]
    return area & (area - 1) == 0


def _value(graph: Graph, name: str) -> str:
    if name in graph.spiking and graph.neuron(name).copies == 1:
        return name_of("s", name)
    return LOGITS if name == graph.output_name else name_of("x", name)


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
    return onnx.constant(in_float32(tensor), value.astype(np.float32).reshape(-1, *(1,) * (ndim - 1)))
