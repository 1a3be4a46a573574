"""Translate a network to ONNX models of one time-step, or of parts of it that the engine runs separately.

The models use opset 13 and plain operators, without Loop and without unrolling. Every state is an input and an output:

    step:   input, v:LAYER…  ->  logits, s:LAYER…, v_next:LAYER…

`input` contains pixels (N, …) before the mean is subtracted, `v:LAYER` potentials (N, …), initially v_init, and
`s:LAYER` spikes 0/1. A layer with copies has `v:LAYER:I`, `s:LAYER:I` and `v_next:LAYER:I` for each copy I, from 0. All
values are float32, in which the integers of an exact network are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, LOGITS, name_of, version_1
from spikelet.lowering.onnx.operators import add, broadcast, neuron, sum_pool, sums_power_of_two, synapse
from spikelet.lowering.onnx.protobuf import External, OnnxGraph
from spikelet.nodes import IF, LI, Input, SumPool2d

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
        if isinstance(node, SumPool2d) and not sums_power_of_two(node):
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


def _value(graph: Graph, name: str) -> str:
    if name in graph.spiking and graph.neuron(name).copies == 1:
        return name_of("s", name)
    return LOGITS if name == graph.output_name else name_of("x", name)
