"""Neurons that a network writes out in its `forward`, see `spikelet_converters.frontends.torch.written`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.nodes.neuron import Reset, Tie
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron
from spikelet_converters.frontends.values import Value


class Written(nn.Module):
    """A layer of neurons, v <- decay v + gain i, which stores its potential.

    Attributes:
        theta: Threshold.
        decay: Factor on the potential at every time-step.
        gain: Factor on the input current.
        reset: Reset after a spike.
        tie: Whether the neuron fires at v >= theta or at v > theta.
    """

    init_hidden = True

    def __init__(self, theta: float, decay: float, gain: float, reset: Reset, tie: Tie) -> None:
        super().__init__()
        self.theta, self.decay, self.gain, self.tie = theta, decay, gain, tie
        self.reset_by = reset
        self.v: Tensor | None = None
        self.spikes: Tensor | None = None

    def reset(self) -> None:
        """Set the potential to 0."""
        self.v = self.spikes = None

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of one time-step, 0 or 1."""
        v = torch.zeros_like(current) if self.v is None else self.v
        v = self.decay * v + self.gain * current
        if self.reset_by == "subtract-late" and self.spikes is not None:
            v = v - self.theta * self.spikes
        spikes = (v >= self.theta if self.tie == ">=" else v > self.theta).to(current.dtype)
        if self.reset_by == "subtract":
            v = v - self.theta * spikes
        elif self.reset_by == "zero":
            v = v * (1 - spikes)
        self.v, self.spikes = v, spikes
        return spikes


def written(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a neuron that a network writes out."""
    decay, gain = np.asarray(module.decay, np.float64), np.asarray(module.gain, np.float64)
    return neuron(
        builder, name, where, x, decay=decay, theta=module.theta, reset=module.reset_by, tie=module.tie, gain=gain
    )


NEURONS: dict[str, Importer] = {"Written": written}
