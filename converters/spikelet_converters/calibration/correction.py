"""Correction of biases and initial potentials, so that mean spike rates match the activations of the source.

Layers are corrected in order, each with the spikes of the corrected layers before it as input (Li et al., "A Free
Lunch From ANN", ICML 2021, light pipeline):

    bias:       b_c += mean(a - r)_c           a: activation of the source, r: spike rate after T time-steps, both
    potential:  v_init_c += T mean(a - r)_c    in units of a spike; means over images and pixels of channel c

The mean logits are corrected in the same way. A correction is kept if it lowers the mean square of a - r.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from spikelet.graph import Graph
from spikelet.nodes import IF
from spikelet_converters.calibration.analog import Analog, Caps
from spikelet_converters.calibration.layers import channel_means, synapse_of, with_bias, with_potential
from spikelet_converters.maxima import maxima

ROUNDS = 2


@torch.no_grad()
def corrected(
    graph: Graph,
    caps: Caps,
    pixels: Tensor,
    steps: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    copies: bool = False,
) -> Graph:
    """Return the graph with corrected biases and initial potentials.

    Args:
        graph: float32 graph with thresholds.
        caps: By layer, upper limit of its activation in units of a spike, (C,), or None.
        pixels: Calibration images, (N, *shape).
        steps: Number of time-steps T. The spikes of a few layers at all time-steps are kept in memory.
        on_progress: Called with the number of nodes done and the total.
        copies: Correct for copies of neurons instead of time-steps, with which max pools are exact.
    """
    analog = Analog(graph)
    activations: dict[str, Tensor] = {}
    rectify = analog.rectifier(caps)

    def record(name: str, current: Tensor) -> Tensor:
        activations[name] = rectify(name, current)
        return activations[name]

    logits = analog(pixels, record)
    changed, pools = graph, maxima(graph)
    values: dict[str, Tensor] = {}
    remaining_uses = {name: len(targets) for name, targets in graph.successors.items()}
    for done, name in enumerate(graph.order, 1):
        sources = graph.predecessors[name]
        inputs = [values[source] for source in sources]
        if name in pools and copies:
            del activations[name]
            values[name] = inputs[0] / analog.channels(name, "theta", inputs[0].ndim)
        elif name in pools:
            del activations[name]
            values[name] = analog.fire(name, inputs[0].reshape(steps, -1, *inputs[0].shape[1:])).flatten(0, 1)
        elif isinstance(graph.nodes[name], IF):
            changed, values[name] = _corrected_layer(analog, changed, name, inputs[0], activations.pop(name), steps)
        elif name == graph.output_name:
            mean = inputs[0].reshape(steps, -1, inputs[0].shape[1]).mean(0) * graph.output.scale
            changed = with_bias(changed, name, channel_means(logits - mean) / graph.output.scale)
        else:
            if copies and name in pools.values():
                mean = inputs[0].reshape(steps, -1, *inputs[0].shape[1:]).mean(0)
                inputs = [mean.repeat(steps, *(1,) * (mean.ndim - 1))]
            values[name] = analog.evaluate(name, inputs, pixels.repeat(steps, *(1,) * (pixels.ndim - 1)))
        for source in sources:
            remaining_uses[source] -= 1
            if remaining_uses[source] == 0:
                del values[source]
        on_progress(done, len(graph.order))
    return changed


def _corrected_layer(
    analog: Analog, graph: Graph, name: str, current: Tensor, activation: Tensor, steps: int
) -> tuple[Graph, Tensor]:
    """Return the graph with one layer corrected, and the spikes of the layer, (T·N, C, …)."""
    by_step = current.reshape(steps, -1, *current.shape[1:])
    theta = analog.channels(name, "theta", current.ndim)
    target = activation.clamp_max(1)  # at most one spike per time-step
    spikes = analog.fire(name, by_step)
    error = _error(target, spikes)
    shift = torch.zeros(by_step.shape[2])
    if synapse_of(graph, name) is not None:
        for _ in range(ROUNDS):
            trial = shift + torch.from_numpy(channel_means(target - spikes.mean(0))) * theta.ravel()
            trial_spikes = analog.fire(name, by_step + trial.reshape(theta.shape))
            if (trial_error := _error(target, trial_spikes)) >= error:
                break
            shift, spikes, error = trial, trial_spikes, trial_error
        graph = with_bias(graph, name, shift.numpy())
    by_step = by_step + shift.reshape(theta.shape)
    before = analog.tensors[name, "v_init"].clone()
    change = torch.from_numpy(channel_means(target - spikes.mean(0))) * theta.ravel() * steps
    analog.tensors[name, "v_init"] = before + change.clamp(-theta.ravel(), theta.ravel())
    trial_spikes = analog.fire(name, by_step)
    if _error(target, trial_spikes) < error:
        spikes = trial_spikes
        graph = with_potential(graph, name, analog.tensors[name, "v_init"].numpy())
    else:
        analog.tensors[name, "v_init"] = before
    return graph, spikes.reshape(current.shape)


def _error(target: Tensor, spikes: Tensor) -> float:
    return float((target - spikes.mean(0)).square().mean())
