"""A float32 graph in torch, with any function in the place of its neurons.

With a ReLU there it is the network it was read from; with integrate-and-fire neurons, time folded into the batch,
it is the spiking one; with recorded rates for some layers it shows what those layers cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d
from spikelet.nodes.neuron import Tie

Neuron = Callable[[str, Tensor], Tensor]  # (layer, current (N, C, …)) -> what the layer sends on


class Analog:
    """The weights of a graph as tensors, ready to be evaluated."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = {
            (name, field): torch.from_numpy(np.array(getattr(node, field), np.float32))
            for name, node in graph.nodes.items()
            for field in node.tensors
        }

    @torch.no_grad()
    def __call__(self, pixels: Tensor, neuron: Neuron, given: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits (N, K) in the units of the source network. pixels: (N, *shape). given: by layer, what it sends on."""
        return self.values(pixels, neuron, given)[self.graph.output_name] * self.graph.output.scale

    @torch.no_grad()
    def values(self, pixels: Tensor, neuron: Neuron, given: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """What every node sends on that is still needed by none but the caller: the output, and nothing before it."""
        values: dict[str, Tensor] = {}
        waiting = {name: len(targets) for name, targets in self.graph.successors.items()}
        for name in self.graph.order:
            sources = self.graph.predecessors[name]
            inputs = [values[source] for source in sources]
            if given is not None and name in given:
                values[name] = given[name]
            elif isinstance(self.graph.nodes[name], IF):
                values[name] = neuron(name, inputs[0])
            else:
                values[name] = self.evaluate(name, inputs, pixels)
            for source in sources:
                waiting[source] -= 1
                if waiting[source] == 0:
                    del values[source]  # large networks: keep no more than is needed
        return values

    def evaluate(self, name: str, inputs: list[Tensor], pixels: Tensor) -> Tensor:
        """What a node without spikes sends on. inputs, pixels: (N, …)."""
        node: Any = self.graph.nodes[name]
        match node:
            case Input():
                return pixels - self.channels(name, "mean", pixels.ndim)
            case Conv2d():
                return F.conv2d(
                    inputs[0], self.tensors[name, "weight"], self.tensors[name, "bias"], node.stride, node.padding, 1,
                    node.groups,
                )  # fmt: skip
            case Linear():
                return F.linear(inputs[0], self.tensors[name, "weight"], self.tensors[name, "bias"])
            case SumPool2d():
                return F.avg_pool2d(inputs[0], node.kernel, node.stride, divisor_override=1)
            case Scale():
                return inputs[0] * self.channels(name, "scale", inputs[0].ndim)
            case Add():
                return torch.stack(inputs).sum(0)
            case Flatten():
                return inputs[0].flatten(1)
            case Output():
                return inputs[0]
        raise ConversionError(f"node {name}: {node.kind} has a state; a network with it is spiking already")

    def channels(self, name: str, field: str, ndim: int) -> Tensor:
        """A (C,) parameter, to broadcast against (N, C, …) of `ndim` axes."""
        return self.tensors[name, field].reshape(-1, *(1,) * (ndim - 2))

    def rectifier(self, caps: Mapping[str, Any]) -> Neuron:
        """The source's activations in units of a spike: relu(current) / theta, up to cap / theta where there is one."""

        def neuron(name: str, current: Tensor) -> Tensor:
            theta = self.channels(name, "theta", current.ndim)
            rate = torch.relu(current) / theta
            cap = caps.get(name)
            return rate if cap is None else torch.minimum(rate, _like(cap, current.ndim))

        return neuron

    def spiking(self, steps: int, kept: dict[str, Tensor] | None = None) -> Neuron:
        """Integrate-and-fire neurons for currents (T·N, C, …), step-major; kept: by layer, their means (N, …)."""

        def neuron(name: str, current: Tensor) -> Tensor:
            spikes = self.fire(name, current.reshape(steps, -1, *current.shape[1:]))
            if kept is not None:
                kept[name] = spikes.mean(0)
            return spikes.reshape(current.shape)

        return neuron

    def fire(self, name: str, current: Tensor) -> Tensor:
        """Spikes 0/1 of an IF layer, (T, N, C, …), for its current of each step."""
        node = self.graph.nodes[name]
        assert isinstance(node, IF)
        theta = self.channels(name, "theta", current.ndim - 1)
        v = self.channels(name, "v_init", current.ndim - 1).expand(current.shape[1:])
        return integrate(current, v, theta, node.tie)[0]


def integrate(current: Tensor, v: Tensor, theta: Tensor, tie: Tie = ">=") -> tuple[Tensor, Tensor]:
    """(spikes, last potential) of IF neurons. current: (T, N, …). v: (N, …), at the start. theta: (1, C, …)."""
    v = v.clone()
    spikes = torch.empty(current.shape)
    for t in range(len(current)):
        v += current[t]
        torch.ge(v, theta, out=spikes[t]) if tie == ">=" else torch.gt(v, theta, out=spikes[t])
        v -= theta * spikes[t]
    return spikes, v


def _like(values: Array, ndim: int) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).reshape(-1, *(1,) * (ndim - 2))
