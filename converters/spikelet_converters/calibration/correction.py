"""Bias and potential correction: what a spiking layer sends on average is brought to what the source sends.

Layer after layer, in the order of the network, each with the spikes that the corrected layers before it really
send (Li et al., "A Free Lunch From ANN", ICML 2021, light pipeline):

    bias:       b_c += mean(a - r)_c           a: activation of the source, r: spike rate after T steps, both in
    potential:  v_init_c += T mean(a - r)_c    units of a spike, means over images and pixels of channel c

and the mean logits likewise. A step is kept where it lowers the mean square of a - r.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from spikelet.graph import Graph
from spikelet.nodes import IF
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.calibration.layers import by_channel, synapse_of, with_bias, with_potential

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
    changed = graph
    values: dict[str, Tensor] = {}
    waiting = {name: len(targets) for name, targets in graph.successors.items()}
    for done, name in enumerate(graph.order, 1):
        sources = graph.predecessors[name]
        inputs = [values[source] for source in sources]
        if isinstance(graph.nodes[name], IF):
            changed, values[name] = _corrected_layer(analog, changed, name, inputs[0], wanted.pop(name), steps)
        elif name == graph.output_name:
            found = inputs[0].reshape(steps, -1, inputs[0].shape[1]).mean(0) * graph.output.scale
            changed = with_bias(changed, name, by_channel(logits - found) / graph.output.scale)
        else:
            values[name] = analog.evaluate(name, inputs, pixels.repeat(steps, *(1,) * (pixels.ndim - 1)))
        for source in sources:
            waiting[source] -= 1
            if waiting[source] == 0:
                del values[source]
        on_progress(done, len(graph.order))
    return changed


def _corrected_layer(
    analog: Analog, graph: Graph, name: str, current: Tensor, wanted: Tensor, steps: int
) -> tuple[Graph, Tensor]:
    """The graph with one layer corrected, and its spikes, (T·N, C, …)."""
    by_step = current.reshape(steps, -1, *current.shape[1:])
    theta = analog.channels(name, "theta", current.ndim)
    goal = wanted.clamp_max(1)  # a neuron fires once a step at most
    spikes = analog.fire(name, by_step)
    error = _error(goal, spikes)
    shift = torch.zeros(by_step.shape[2])
    if synapse_of(graph, name) is not None:
        for _ in range(ROUNDS):
            trial = shift + torch.from_numpy(by_channel(goal - spikes.mean(0))) * theta.ravel()
            tried = analog.fire(name, by_step + trial.reshape(theta.shape))
            if (now := _error(goal, tried)) >= error:
                break
            shift, spikes, error = trial, tried, now
        graph = with_bias(graph, name, shift.numpy())
    by_step = by_step + shift.reshape(theta.shape)
    start = analog.tensors[name, "v_init"].clone()
    gap = torch.from_numpy(by_channel(goal - spikes.mean(0))) * theta.ravel() * steps
    analog.tensors[name, "v_init"] = start + gap.clamp(-theta.ravel(), theta.ravel())
    tried = analog.fire(name, by_step)
    if _error(goal, tried) < error:
        spikes = tried
        graph = with_potential(graph, name, analog.tensors[name, "v_init"].numpy())
    else:
        analog.tensors[name, "v_init"] = start
    return graph, spikes.reshape(current.shape)


def _error(goal: Tensor, spikes: Tensor) -> float:
    return float((goal - spikes.mean(0)).square().mean())
