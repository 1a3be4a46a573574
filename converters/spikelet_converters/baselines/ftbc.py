"""FTBC: forward temporal bias correction (Wu et al., ECCV 2024).

There is a bias for each time-step and channel. On batches of training images, layer by layer and time-step by
time-step, a share alpha of the mean difference between the spikes at time-step t and the activation of the source
network (both in units of theta) is subtracted from the bias of that time-step. Later time-steps and layers are
calibrated with the corrected spikes. This needs an engine with a bias per time-step; bundles have one bias for all
time-steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.nodes import IF
from spikelet_converters.baselines.base import Images, NeuronRule
from spikelet_converters.baselines.multi_step import MultiStep, Neuron, parameters
from spikelet_converters.baselines.snnc import activations
from spikelet_converters.calibration.analog import along_channels, integrate
from spikelet_converters.calibration.layers import channel_means


@dataclass(frozen=True)
class FTBC(NeuronRule):
    """Forward temporal bias correction.

    Attributes:
        alpha: Share of the error that is corrected per batch.
        batches: Number of batches of images.
    """

    name = "ftbc"
    calibrates = True
    about = "a bias for each time-step and channel (Wu et al., ECCV 2024)"
    alpha: float = 0.4
    batches: int = 3

    def rule(self, simulation: MultiStep, network: nn.Module, images: Images, steps: int) -> Neuron:
        biases: dict[str, Tensor] = {}
        for batch in np.array_split(images, self.batches):
            simulation.run(batch, steps, self._calibrating(biases, activations(network, batch)))

        def neuron(name: str, node: IF, current: Tensor) -> Tensor:
            theta, start = parameters(node, current)
            bias = (biases[name] * torch.as_tensor(node.theta)).round()  # keeps the network exact
            by_step = bias.reshape(len(bias), 1, -1, *(1,) * (current.ndim - 3))
            return integrate(current - by_step, start, theta)[0]

        return neuron

    def _calibrating(self, biases: dict[str, Tensor], targets: dict[str, Tensor]) -> Neuron:
        """Return a neuron that corrects its biases while it runs, so that later layers receive corrected spikes."""

        def neuron(name: str, node: IF, current: Tensor) -> Tensor:
            ndim = current.ndim - 1
            theta, start = parameters(node, current)
            v = start / theta
            bias = biases.setdefault(name, torch.zeros(len(current), len(node.theta)))
            spikes = torch.empty(current.shape)
            for t in range(len(current)):
                v = v + current[t] / theta - along_channels(bias[t], ndim)
                error = (v >= 1).float() - targets[name]
                change = self.alpha * torch.from_numpy(channel_means(error))
                bias[t] += change
                v = v - along_channels(change, ndim)
                spikes[t] = v >= 1
                v = v - spikes[t]
            return spikes

        return neuron
