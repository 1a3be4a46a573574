"""An exact graph in torch, all time-steps of a layer at once, with a neuron of one's own.

The rivals that change the neuron run here, on the very integers that a bundle ships; with the plain neuron the spikes
are those of every engine. Whole numbers below 2^24 do not round in float32, whatever the order of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Node
from spikelet_converters.calibration.analog import Analog, integrate

Neuron = Callable[[str, IF, Tensor], Tensor]
"""(layer, node, current of shape (T, N, …)) -> spikes, 0 or 1, of the same shape."""


def along_channels(values: npt.NDArray[Any] | Tensor, ndim: int) -> Tensor:
    """(C,) as (1, C, 1, …), to meet (N, C, …) of `ndim` axes."""
    return torch.as_tensor(np.asarray(values), dtype=torch.float32).reshape(1, -1, *(1,) * (ndim - 2))


def plain(name: str, node: IF, current: Tensor) -> Tensor:
    """The neuron of the bundle: reset by subtraction, ties firing."""
    theta, v = along_channels(node.theta, current.ndim - 1), along_channels(node.v_init, current.ndim - 1)
    return integrate(current, v.expand(current.shape[1:]), theta)[0]


class Folded:
    """A graph of plain IF neurons.

    graph: float32 or exact.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.analog = Analog(graph)

    @torch.no_grad()
    def run(
        self,
        images: npt.NDArray[np.uint8],
        steps: int,
        neuron: Neuron = plain,
        keep: Collection[str] = (),
        until: str | None = None,
    ) -> dict[str, Tensor]:
        """What nodes send on, (T, N, …), or (1, N, …) if it is constant; of those in `keep`, and of the output.

        until: the last node that is wanted.
        """
        pixels = torch.tensor(np.ascontiguousarray(images)).float()
        values: dict[str, Tensor] = {}
        kept: dict[str, Tensor] = {}
        uses = {name: len(self.graph.successors[name]) for name in self.graph.order}
        for name in self.graph.order:
            sources = self.graph.predecessors[name]
            node = self.graph.nodes[name]
            inputs = [values[source] for source in sources]
            if isinstance(node, IF):
                current = inputs[0].expand(steps, *inputs[0].shape[1:])
                values[name] = neuron(name, node, current)
            else:
                values[name] = self._evaluate(name, inputs, pixels)
            if name in keep or name == self.graph.output_name:
                kept[name] = values[name]
            if name == until:
                break
            for source in sources:
                uses[source] -= 1
                if not uses[source]:
                    del values[source]  # T times the memory of a network: what is done with goes
        return kept

    def logits(self, images: npt.NDArray[np.uint8], steps: int, neuron: Neuron = plain) -> Tensor:
        """Summed over time so far, (T, N, K) float64, in the units of the source network."""
        by_step = self.run(images, steps, neuron)[self.graph.output_name]
        return by_step.double().cumsum(0) * self.graph.output.scale

    def _evaluate(self, name: str, inputs: list[Tensor], pixels: Tensor) -> Tensor:
        if not inputs:
            return self.analog.evaluate(name, [], pixels)[None]
        steps = max(len(each) for each in inputs)
        rows = [each.expand(steps, *each.shape[1:]).flatten(0, 1) for each in inputs]
        return self.analog.evaluate(name, rows, pixels).unflatten(0, (steps, -1))


def apply_synapse(node: Node, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The node's operation with other weights. x: (N, …)."""
    if isinstance(node, Conv2d):
        return F.conv2d(x, weight, bias, node.stride, node.padding, groups=node.groups)
    return F.linear(x, weight, bias)
