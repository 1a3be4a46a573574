"""The residual itself, not a model of it.

Before each training pass the network is simulated for T time-steps on the very batch. In the pass every layer then
sends on the spiking rate it really had, phi, while the gradient is the quantiser's:

    a = q(z) + stop_gradient(phi - q(z))

Since z is computed from the rates of the layer before, it is the mean current that the spiking layer received; the
gap phi - q(z) is the error that arises in this layer for this input. Weights see what spiking gets wrong and learn to
make less of it, instead of learning to bear noise of the same size. With T drawn anew for each batch one network
serves several T. It costs T forward passes without gradient on top of the usual forward and backward.

Batch norm should be frozen (its running statistics used), so that both passes compute the same network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import LIMIT, ResidualStrategy
from spikelet_converters.source_model.simulation import layer_rates


class _Instead(torch.autograd.Function):
    """phi forward, the gradient of q backward."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, rate: Tensor) -> Tensor:
        return rate.view_as(rate)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class ExactResidual(Residual):
    """a = phi in the forward pass, q(z) in the backward pass."""

    name = "exact"

    def __init__(self) -> None:
        super().__init__()
        self.rate: Tensor | None = None

    def perturb(self, activation: Tensor) -> Tensor:
        if self.rate is None or self.rate.shape != activation.shape:
            return activation
        return _Instead.apply(activation, self.rate)


class ExactStrategy(ResidualStrategy):
    """Simulates the network on every batch and hands each layer its spike rate."""

    layer = ExactResidual

    @torch.no_grad()
    def prepare(self, network: nn.Module, pixels: Tensor, steps: int | str) -> None:
        rates = layer_rates(network, pixels, Mode.SPIKES, steps) if isinstance(steps, int) else {}
        for name, layer in spiking_layers(network).items():
            assert isinstance(layer.residual, ExactResidual)
            layer.limit = steps == LIMIT
            layer.residual.rate = rates.get(name)
            layer.residual.steps = steps if isinstance(steps, int) else 0
