"""Evaluation of an exact graph in torch, all time-steps of a layer at once, with any neuron.

Baselines that change the neuron run here on the integers of a bundle. With the plain neuron the spikes are identical to
those of every engine, because integers below 2^24 are exact in float32 for any order of summation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Node
from spikelet_converters.calibration.analog import Analog, along_channels, integrate
from spikelet_converters.torch_threads import PART, divided, in_threads

Neuron = Callable[[str, IF, Tensor], Tensor]
"""(layer, node, current of shape (T, N, …)) -> spikes, 0 or 1, of the same shape."""


def plain(name: str, node: IF, current: Tensor) -> Tensor:
    """Simulate the plain IF neuron of a bundle: reset by subtraction, and a spike at a tie."""
    theta, start = parameters(node, current)
    return integrate(current, start, theta)[0]


def parameters(node: IF, current: Tensor) -> tuple[Tensor, Tensor]:
    """Return the thresholds (1, C, …) and initial potentials (N, C, …) of a layer, for its current (T, N, C, …)."""
    ndim = current.ndim - 1
    return along_channels(node.theta, ndim), along_channels(node.v_init, ndim).expand(current.shape[1:])


class MultiStep:
    """A graph of IF neurons, simulated with all time-steps in the batch axis.

    Args:
        graph: float32 or exact graph.
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
        """Evaluate the graph.

        Args:
            images: (N, C, H, W).
            steps: Number of time-steps T.
            neuron: Model of the neurons.
            keep: Nodes whose outputs are returned, in addition to the output of the graph.
            until: Last node to evaluate; by default the output.

        Returns:
            Outputs by node, (T, N, …), or (1, N, …) if constant over time.
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
                    del values[source]  # limits the memory, which grows with T
        return kept

    def means(self, images: npt.NDArray[np.uint8], steps: int, keep: Collection[str], until: str) -> dict[str, Tensor]:
        """Return the means over time of outputs with the plain neuron, (N, …) by node.

        Args:
            images: (N, C, H, W).
            steps: Number of time-steps T.
            keep: Nodes whose outputs are returned.
            until: Last node to evaluate.
        """
        size = batch_of(steps)

        def means_from(start: int) -> dict[str, Tensor]:
            outputs = self.run(images[start : start + size], steps, keep=keep, until=until)
            return {name: values.mean(0) for name, values in outputs.items()}

        with divided():
            batches = list(in_threads(means_from, range(0, len(images), size)))
        return {name: torch.cat([batch[name] for batch in batches]) for name in keep}

    def logits(self, images: npt.NDArray[np.uint8], steps: int, neuron: Neuron = plain) -> Tensor:
        """Return the logits summed up to each time-step, (T, N, K) float64, in the units of the source network.

        Args:
            images: Pixels, (N, *shape).
            steps: Number of time-steps T.
            neuron: Computes the spikes of a layer from its current.
        """
        by_step = self.run(images, steps, neuron)[self.graph.output_name]
        return by_step.double().cumsum(0) * self.graph.output.scale

    def _evaluate(self, name: str, inputs: list[Tensor], pixels: Tensor) -> Tensor:
        if not inputs:
            return self.analog.evaluate(name, [], pixels)[None]
        steps = max(len(values) for values in inputs)
        rows = [values.expand(steps, *values.shape[1:]).flatten(0, 1) for values in inputs]
        return self.analog.evaluate(name, rows, pixels).unflatten(0, (steps, -1))


def batch_of(steps: int) -> int:
    """Return the number of images per batch for T time-steps: small tensors stay in the caches of a processor."""
    return max(1, PART // steps)


def apply_synapse(node: Node, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply the operation of a node with other weights to x, (N, …)."""
    if isinstance(node, Conv2d):
        return F.conv2d(x, weight, bias, node.stride, node.padding, groups=node.groups)
    return F.linear(x, weight, bias)
