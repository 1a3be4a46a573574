"""SNNC: calibration layer by layer after training (Li et al., ICML 2021), as far as a bundle can represent it.

Layers are calibrated in order. The activation a of the source network, in units of lambda, is compared with the spike
rate phi after T time-steps on training images:

    bias:       b += theta E_c[a - phi]                         mean error of each channel
    potential:  v(0) += T theta E_c[a - phi]                    applied once (in the publication per neuron)
    weights:    W = argmin |a - phi_T(W x)|^2, x: mean input, phi_T: spike rate under constant input, with
                gradient 1 through the floor

`light` calibrates biases; `potential` potentials, as the code of its authors does on CIFAR; `advanced` weights, then
potentials. Neurons start at v_init = theta/2, where the publication adds theta/2T to biases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import Conv2d
from spikelet_converters.baselines.base import Images, Recalibration
from spikelet_converters.baselines.multi_step import MultiStep, apply_synapse
from spikelet_converters.calibration.analog import along_channels
from spikelet_converters.calibration.layers import channel_means, synapse_of, with_bias, with_potential
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import layer_rates

PUBLISHED_ITERATIONS, PUBLISHED_IMAGES = 5_000, 1_024
TYPICAL = 20.0  # inverse of a typical weight in units of theta
PARTS = {"light": ("bias",), "potential": ("potential",), "advanced": ("weights", "potential")}


def activations(network: nn.Module, images: Images) -> dict[str, Tensor]:
    """Return the activation of each layer of the source network, in units of its lambda, by node name."""
    layers = spiking_layers(network)
    values = layer_rates(network, as_pixels(images), Mode.RATE, 1)
    return {node_name(name): layers[name].in_thresholds(value.contiguous()) for name, value in values.items()}


@dataclass(frozen=True)
class SNNC(Recalibration):
    """Calibration layer by layer.

    Attributes:
        kind: "light", "potential" or "advanced" (see above).
        iterations: Iterations of Adam for the calibration of weights; 5,000 in the publication.
        rate: Learning rate of Adam, in units of theta.
        relative: Multiply the rate by the root mean square of the weights of the layer, times `TYPICAL`. The weights of
            layers differ by a factor of 20, so that one rate moves some of them too far or not at all.
    """

    name = "snnc"
    calibrates = True
    about = "biases, potentials or weights calibrated layer by layer (Li et al., ICML 2021)"
    kind: str = "advanced"
    iterations: int = PUBLISHED_ITERATIONS
    rate: float = 4e-5
    relative: bool = False

    def __post_init__(self) -> None:
        if self.kind not in PARTS:
            raise UsageError(f"snnc: kind: expected {' or '.join(PARTS)}, found {self.kind!r}")

    def shortened(self, images: int) -> str:
        pairs = [(images, PUBLISHED_IMAGES, "images")]
        if "weights" in PARTS[self.kind]:
            pairs.append((self.iterations, PUBLISHED_ITERATIONS, "iterations"))
        reduced = [pair for pair in pairs if pair[0] < pair[1]]
        return ", ".join(f"{used:,} {unit} instead of {published:,}" for used, published, unit in reduced)

    def recalibrate(self, source: Graph, network: nn.Module, images: Images, steps: int) -> Graph:
        targets = activations(network, images)
        graph = source
        for layer in source.spiking:
            for part in PARTS[self.kind]:
                if part == "weights":
                    graph = self._weights(graph, layer, targets[layer], images, steps)
                    continue
                spike_rates = MultiStep(graph).means(images, steps, keep=(layer,), until=layer)[layer]
                error = channel_means(targets[layer] - spike_rates)
                node = graph.neuron(layer)
                if part == "bias":
                    graph = with_bias(graph, layer, error * node.theta)
                else:
                    graph = with_potential(graph, layer, node.v_init + steps * error * node.theta)
        return graph

    def _weights(self, graph: Graph, layer: str, target: Tensor, images: Images, steps: int) -> Graph:
        name, before = synapse_of(graph, layer), graph.predecessors[layer][0]
        if name is None:
            return graph
        synapse, neuron = graph.synapse(name), graph.neuron(layer)
        source = graph.predecessors[name][0]
        outputs = MultiStep(graph).means(images, steps, keep=(source, before, name), until=before)
        x = outputs[source]
        shortcut = outputs[before] - outputs[name]  # current of the other inputs of the Add
        # In units of theta, the learning rate is comparable between layers.
        theta = torch.tensor(neuron.theta).reshape(-1, *(1,) * (synapse.weight.ndim - 1))
        scale = along_channels(neuron.theta, x.ndim if isinstance(synapse, Conv2d) else 2)
        weight = (torch.tensor(synapse.weight) / theta).requires_grad_()
        bias = torch.tensor(synapse.bias / neuron.theta)
        v_init = along_channels(neuron.v_init / neuron.theta, scale.ndim)
        rate_scale = float(weight.detach().square().mean().sqrt()) * TYPICAL if self.relative else 1.0
        optimiser = torch.optim.Adam([weight], lr=self.rate * rate_scale)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.iterations)
        generator = torch.Generator().manual_seed(0)
        for _ in range(self.iterations):
            rows = torch.randperm(len(x), generator=generator)[:32]
            z = steps * (apply_synapse(synapse, x[rows], weight, bias) + shortcut[rows] / scale) + v_init
            spikes = (z + (z.floor() - z).detach()).clamp(0, steps)
            loss = (spikes / steps - target[rows]).square().sum() / len(rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        changed = replace(synapse, weight=(weight.detach() * theta).numpy())
        return Graph({**graph.nodes, name: changed}, graph.edges)
