"""Bias and potential correction: what a spiking layer sends on average is brought to what the source sends.

Layer after layer, in the order of the network, each with the spikes that the corrected layers before it really
send (Li et al., "A Free Lunch From ANN", ICML 2021, light pipeline):

    bias:       b_c += mean(a - r)_c           a: activation of the source, r: spike rate after T steps, both in
    potential:  v_init_c += T mean(a - r)_c    units of a spike, means over images and pixels of channel c

and the mean logits likewise. A step is kept where it lowers the mean square of a - r.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from spikelet.converters.calibration.analog import Analog
from spikelet.converters.values import f32
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Linear, Node

ROUNDS = 2


@torch.no_grad()
def corrected(
    graph: Graph,
    caps: Mapping[str, Any],
    pixels: Tensor,
    steps: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Graph:
    """The graph with corrected biases and initial potentials.

    caps: by layer, the cap of its activation in units of a spike, (C,), or None. pixels: (N, *shape), kept in
    memory with the spikes of a few layers at all `steps`.
    """
    analog = Analog(graph)
    wanted: dict[str, Tensor] = {}
    rectify = analog.rectifier(caps)

    def remember(name: str, current: Tensor) -> Tensor:
        wanted[name] = rectify(name, current)
        return wanted[name]

    logits = analog(pixels, remember)
    nodes: dict[str, Node] = dict(graph.nodes)
    values: dict[str, Tensor] = {}
    waiting = {name: len(targets) for name, targets in graph.successors.items()}
    for done, name in enumerate(graph.order, 1):
        sources = graph.predecessors[name]
        inputs = [values[source] for source in sources]
        if isinstance(graph.nodes[name], IF):
            values[name] = _corrected_layer(analog, nodes, name, inputs[0], wanted.pop(name), steps)
        elif name == graph.output_name:
            found = inputs[0].reshape(steps, -1, inputs[0].shape[1]).mean(0) * graph.output.scale
            _shift_bias(graph, nodes, sources[0], (logits - found).mean(0) / graph.output.scale)
        else:
            values[name] = analog.evaluate(name, inputs, pixels.repeat(steps, *(1,) * (pixels.ndim - 1)))
        for source in sources:
            waiting[source] -= 1
            if waiting[source] == 0:
                del values[source]
        on_progress(done, len(graph.order))
    return Graph(nodes, graph.edges)


def _corrected_layer(
    analog: Analog, nodes: dict[str, Node], name: str, current: Tensor, wanted: Tensor, steps: int
) -> Tensor:
    """Correct one layer; returns its spikes, (T·N, C, …)."""
    node = nodes[name]
    assert isinstance(node, IF)
    by_step = current.reshape(steps, -1, *current.shape[1:])
    theta = analog.channels(name, "theta", current.ndim)
    goal = wanted.clamp_max(1)  # a neuron fires once a step at most
    spikes = analog.fire(name, by_step)
    error = _error(goal, spikes)
    shift = torch.zeros(by_step.shape[2])
    (source,) = analog.graph.predecessors[name]
    if _has_bias(analog.graph, source):
        for _ in range(ROUNDS):
            trial = shift + _by_channel(goal - spikes.mean(0)) * theta.ravel()
            tried = analog.fire(name, by_step + trial.reshape(theta.shape))
            if (now := _error(goal, tried)) >= error:
                break
            shift, spikes, error = trial, tried, now
        _shift_bias(analog.graph, nodes, source, shift)
    by_step = by_step + shift.reshape(theta.shape)
    start = analog.tensors[name, "v_init"].clone()
    gap = _by_channel(goal - spikes.mean(0)) * theta.ravel() * steps
    analog.tensors[name, "v_init"] = start + gap.clamp(-theta.ravel(), theta.ravel())
    tried = analog.fire(name, by_step)
    if _error(goal, tried) < error:
        spikes = tried
        nodes[name] = replace(node, v_init=f32(analog.tensors[name, "v_init"].numpy()))
    else:
        analog.tensors[name, "v_init"] = start
    return spikes.reshape(current.shape)


def _error(goal: Tensor, spikes: Tensor) -> float:
    return float((goal - spikes.mean(0)).square().mean())


def _by_channel(value: Tensor) -> Tensor:
    """(N, C, …) averaged to (C,)."""
    return value.transpose(0, 1).reshape(value.shape[1], -1).mean(1)


def _has_bias(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    if isinstance(node, Add):
        return any(_has_bias(graph, source) for source in graph.predecessors[name])
    return isinstance(node, Conv2d | Linear) and len(graph.successors[name]) == 1


def _shift_bias(graph: Graph, nodes: dict[str, Node], name: str, shift: Tensor) -> None:
    """Add to the bias of the weights that make a current; a current without bias keeps what it has."""
    node = nodes[name]
    if isinstance(node, Add):
        name = next((source for source in graph.predecessors[name] if _has_bias(graph, source)), "")
        if name:
            _shift_bias(graph, nodes, name, shift)
    elif isinstance(node, Conv2d | Linear) and len(graph.successors[name]) == 1:
        nodes[name] = replace(node, bias=f32(node.bias + shift.numpy()))
