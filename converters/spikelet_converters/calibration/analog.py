"""Evaluation of a float32 graph in torch, with any function as its neurons.

With rectifiers the result is that of the source network; with IF neurons, and time-steps in the batch axis,
that of the spiking network. Recorded spike rates in some layers measure the loss of these layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d
from spikelet.nodes.neuron import Tie
from spikelet_converters.maxima import maxima
from spikelet_converters.torch_threads import by_samples

Neuron = Callable[[str, Tensor], Tensor]  # (layer, current (N, C, …)) -> output of the layer
Caps = Mapping[str, npt.ArrayLike | None]  # by layer, upper limit of its activation in units of a spike


class Analog:
    """A graph with its parameters as tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maxima = frozenset(maxima(graph).values())
        self.tensors = {
            (name, field): torch.from_numpy(np.array(getattr(node, field), np.float32))
            for name, node in graph.nodes.items()
            for field in node.tensors
        }

    @torch.no_grad()
    def __call__(self, pixels: Tensor, neuron: Neuron, rates: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (N, K) in the units of the source network.

        Args:
            pixels: (N, *shape).
            neuron: Function evaluated in place of the neurons.
            rates: Fixed outputs of some layers, (N, C, …), instead of `neuron`.
        """
        rates = {} if rates is None else rates
        values: dict[str, Tensor] = {}
        remaining_uses = self._uses(rates)
        for name in self.graph.order:
            if name not in remaining_uses:
                continue
            sources = () if name in rates else self.graph.predecessors[name]
            inputs = [values[source] for source in sources]
            if name in rates:
                values[name] = rates[name]
            elif isinstance(self.graph.nodes[name], IF):
                values[name] = neuron(name, inputs[0])
            else:
                values[name] = self.evaluate(name, inputs, pixels)
            for source in sources:
                remaining_uses[source] -= 1
                if remaining_uses[source] == 0:
                    del values[source]  # limits the memory for large networks
        return values[self.graph.output_name] * self.graph.output.scale

    def _uses(self, rates: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the number of uses of each node that the output needs if the outputs of some layers are given."""
        uses = {self.graph.output_name: 0}
        for name in reversed(self.graph.order):
            if name in uses and name not in rates:
                for source in self.graph.predecessors[name]:
                    uses[source] = uses.get(source, 0) + 1
        return uses

    def evaluate(self, name: str, inputs: list[Tensor], pixels: Tensor) -> Tensor:
        """Evaluate a node that is not a neuron. `inputs` and `pixels` have shape (N, …).

        A node that counts the spikes of a max pool's windows returns the maximum times the threshold of the neurons
        after it, whose output is then the maximum.
        """
        node = self.graph.nodes[name]
        if name in self.maxima:
            assert isinstance(node, SumPool2d | Conv2d)
            unit = 1.0 if isinstance(node, SumPool2d) else float(node.weight.max())
            return _maximum(node, inputs[0]) * unit
        match node:
            case Input():
                return pixels - self.channels(name, "mean", pixels.ndim)
            case Conv2d():
                weight, bias = self.tensors[name, "weight"], self.tensors[name, "bias"]
                return by_samples(
                    lambda x: F.conv2d(x, weight, bias, node.stride, node.padding, 1, node.groups), inputs[0]
                )
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
        raise ConversionError(f"node {name}: {node.kind} has a state; such a network needs no calibration")

    def channels(self, name: str, field: str, ndim: int) -> Tensor:
        """Return a parameter of shape (C,) reshaped to broadcast with (N, C, …) of `ndim` axes."""
        return self.tensors[name, field].reshape(-1, *(1,) * (ndim - 2))

    def rectifier(self, caps: Caps) -> Neuron:
        """Return the activations of the source in units of a spike: relu(current)/theta, limited to `caps` if given."""

        def neuron(name: str, current: Tensor) -> Tensor:
            theta = self.channels(name, "theta", current.ndim)
            rate = torch.relu(current) / theta
            cap = caps.get(name)
            return rate if cap is None else torch.minimum(rate, along_channels(cap, current.ndim))

        return neuron

    def spiking(self, steps: int, kept: dict[str, Tensor] | None = None) -> Neuron:
        """Return IF neurons for currents (T·N, C, …), time-step by time-step. `kept` collects spike rates (N, C, …)."""

        def neuron(name: str, current: Tensor) -> Tensor:
            spikes = self.fire(name, current.reshape(steps, -1, *current.shape[1:]))
            if kept is not None:
                kept[name] = spikes.mean(0)
            return spikes.reshape(current.shape)

        return neuron

    def spiking_copies(self, copies: int) -> Neuron:
        """Return copies of IF neurons at T = 1, which start around half of the threshold: the share that fires."""

        def neuron(name: str, current: Tensor) -> Tensor:
            theta = self.channels(name, "theta", current.ndim)
            return (current * (copies / theta) + 0.5).floor_().clamp_(0, copies) / copies

        return neuron

    def fire(self, name: str, current: Tensor) -> Tensor:
        """Return the spikes of an IF layer, 0 or 1, (T, N, C, …), for its current at each time-step."""
        node = self.graph.neuron(name)
        theta = self.channels(name, "theta", current.ndim - 1)
        v = self.channels(name, "v_init", current.ndim - 1).expand(current.shape[1:])
        return integrate(current, v, theta, node.tie)[0]


def integrate(current: Tensor, v: Tensor, theta: Tensor, tie: Tie = ">=") -> tuple[Tensor, Tensor]:
    """Simulate IF neurons with reset by subtraction.

    Args:
        current: (T, N, C, …).
        v: Initial potential, (N, C, …).
        theta: Threshold, (1, C, …).
        tie: Whether a potential equal to the threshold fires.

    Returns:
        (spikes, potential): spikes 0 or 1, (T, N, C, …), and the potential after the last time-step, (N, C, …).
    """
    v = v.clone()
    spikes = torch.empty(current.shape)
    for t in range(len(current)):
        v += current[t]
        torch.ge(v, theta, out=spikes[t]) if tie == ">=" else torch.gt(v, theta, out=spikes[t])
        v -= theta * spikes[t]
    return spikes, v


def along_channels(values: npt.ArrayLike, ndim: int) -> Tensor:
    """Reshape values per channel, (C,), to a float32 tensor (1, C, 1, …) with `ndim` axes."""
    return torch.from_numpy(np.asarray(values, np.float32)).reshape(1, -1, *(1,) * (ndim - 2))


def _maximum(node: SumPool2d | Conv2d, x: Tensor) -> Tensor:
    """Return the largest value of each window of a node that counts spikes, for values of 0 or more, (N, C, H, W)."""
    if isinstance(node, SumPool2d):
        return F.max_pool2d(x, node.kernel, node.stride)
    height, width = node.padding
    padded = F.pad(x, (width, width, height, height))
    rows, columns = ((padded.shape[axis + 2] - node.weight.shape[axis + 2]) // node.stride[axis] + 1 for axis in (0, 1))
    largest = torch.zeros(*x.shape[:2], rows, columns)
    for row, column in zip(*np.nonzero(node.weight[0, 0]), strict=True):
        shifted = padded[:, :, int(row) :: node.stride[0], int(column) :: node.stride[1]]
        torch.maximum(largest, shifted[:, :, :rows, :columns], out=largest)
    return largest
