"""A network with thresholds of 1 for readers of NIR that accept only one threshold in a layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Array, Conv2d, Input, Linear, Node, is_float

Factors = npt.NDArray[np.float64] | float


def normalised(graph: Graph) -> Graph:
    """Return the network in float32 with thresholds of 1, and with an output scale of 1 after a weighted layer.

    Weights and biases are divided by the thresholds of the neurons that they reach, and the last ones multiplied by the
    scale. Potentials are then v / theta. In exact networks, half a unit is added to the initial potentials of neurons
    without a leak and with reset by subtraction (subtracted, if ties do not fire), so that float32's rounding, below
    half a unit, changes no spike. A leak by a shift of d becomes the factor 1 - 2^-d, which does not round the
    potential.

    Args:
        graph: A network without copies, see `spikelet.copies.expand`.

    Raises:
        ConversionError: Neurons whose current does not come from one Conv2d or Linear of their own.

    Examples:
        >>> from spikelet.nodes import Input, Output
        >>> nodes = {"input": Input((1,), np.zeros(1, np.int16)),
        ...          "fc": Linear(np.array([[2]], np.int8), np.array([1], np.int32)),
        ...          "if": IF(np.array([4], np.int32), np.array([2], np.int32)), "output": Output()}
        >>> unit = normalised(Graph(nodes, (("input", "fc"), ("fc", "if"), ("if", "output"))))
        >>> unit.nodes["fc"].weight, unit.nodes["if"].theta, unit.nodes["if"].v_init
        (array([[0.5]], dtype=float32), array([1.], dtype=float32), array([0.625], dtype=float32))
    """
    nodes: dict[str, Node] = {name: _in_float32(node) for name, node in graph.nodes.items()}
    for name in graph.spiking:
        theta = graph.neuron(name).theta.astype(np.float64)
        if (theta == 1).all():
            continue
        layer = _own_layer(graph, name)
        if layer is None:
            (source,) = graph.predecessors[name]
            raise ConversionError(
                f"neuron {name}: its thresholds cannot become 1, since its current comes from {source} "
                f"({graph.nodes[source].kind}) and not from a Conv2d or Linear of its own; use --form annotated"
            )
        nodes[layer] = _multiplied(nodes[layer], 1 / theta)
        nodes[name] = _with_threshold_1(graph.neuron(name), theta)
    layer = _own_layer(graph, graph.output_name)
    if layer is not None:
        nodes[layer] = _multiplied(nodes[layer], graph.output.scale)
        nodes[graph.output_name] = replace(graph.output, scale=1.0)
    return Graph(nodes, graph.edges)


def _own_layer(graph: Graph, name: str) -> str | None:
    """Return the weighted layer that is the only source of a node and has no other successor, or None."""
    (source,) = graph.predecessors[name]
    own = isinstance(graph.nodes[source], Conv2d | Linear) and graph.successors[source] == (name,)
    return source if own else None


def _in_float32(node: Node) -> Node:
    """Return a node with float32 parameters; pixels and their mean stay integers."""
    if isinstance(node, Input):
        return node
    parameters = {field: _f32(getattr(node, field)) for field in node.tensors}
    if isinstance(node, LIF) and not is_float(node.decay):
        parameters["decay"] = _f32(1 - np.exp2(-node.decay.astype(np.float64)))
    return replace(node, **parameters)


def _multiplied(node: Node, factors: Factors) -> Node:
    """Return a weighted layer whose output channels are multiplied by factors (C,) or by one factor."""
    assert isinstance(node, Conv2d | Linear)
    column = np.reshape(factors, (-1, *(1,) * (node.weight.ndim - 1)))
    return replace(node, weight=_f32(node.weight * column), bias=_f32(node.bias * factors))


def _with_threshold_1(node: IF, theta: npt.NDArray[np.float64]) -> Node:
    """Return a neuron with potentials that are divided by theta, in float32."""
    v_init = node.v_init.astype(np.float64)
    if not is_float(node.theta) and not isinstance(node, LIF) and node.reset == "subtract":
        v_init += 0.5 if node.tie == ">=" else -0.5
    neuron = _in_float32(node)
    assert isinstance(neuron, IF)
    return replace(neuron, theta=np.ones_like(theta, np.float32), v_init=_f32(v_init / theta))


def _f32(values: Array | npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)
