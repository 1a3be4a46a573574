"""Exact residual: the simulated residual error of the training batch itself.

Before each training pass the spiking network is simulated on the batch for T time-steps. In the pass, every layer
returns its simulated spike rate phi, with the gradient of the quantiser:

    a = q(z) + stop_gradient(phi - q(z))

Because z is computed from the spike rates of the layer before, it equals the mean current of the spiking layer, and
phi - q(z) is the local error of the layer for this input. The weights are trained to reduce this error rather than to
tolerate noise of the same size. T is drawn for each batch, so that one network is trained for several T. The cost is T
forward passes without gradient in addition to the usual forward and backward pass.

Batch norm should be frozen (running statistics), so that both passes compute the same network.

The gradient of lambda is that of the quantiser with L levels, also where T differs from L. `exact-rate` computes it
from the simulated spike rate instead: (phi - z)/lambda for 0 < z < lambda.

A draw "kxT" simulates k neurons per channel for T time-steps, for networks that are converted with copies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import LIMIT, Draw, Draws, ResidualStrategy, neurons_and_steps
from spikelet_converters.source_model.simulation import layer_rates


class ReplaceForward(torch.autograd.Function):
    """Return the spike rate in the forward pass; pass the gradient on to the activation."""

    @staticmethod
    def forward(ctx: object, activation: Tensor, rate: Tensor) -> Tensor:
        return rate.view_as(rate)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class ExactResidual(Residual):
    """a = phi in the forward pass, q(z) in the backward pass."""

    name = "exact"

    def __init__(self) -> None:
        super().__init__()
        self.rate: Tensor | None = None

    def set_rate(self, rate: Tensor | None, levels: Tensor) -> None:
        """Set the spike rate of the batch, (N, C, …), or None, and the number of its levels, ()."""
        self.rate, self.steps = rate, None if rate is None else levels

    def perturb(self, activation: Tensor) -> Tensor:
        if self.rate is None or self.rate.shape != activation.shape:
            return activation
        return ReplaceForward.apply(activation, self.rate)


class ExactStrategy(ResidualStrategy):
    """Simulates the network on every batch and sets the spike rate of each layer."""

    layer = ExactResidual

    @torch.no_grad()
    def prepare(self, network: nn.Module, pixels: Tensor, steps: Draws) -> None:
        assert not isinstance(steps, tuple)
        copies, time_steps = neurons_and_steps(steps)
        rates = layer_rates(network, pixels, Mode.SPIKES, time_steps, copies) if time_steps else {}
        levels = torch.tensor(copies * time_steps, device=pixels.device)
        for name, layer in spiking_layers(network).items():
            assert isinstance(layer.residual, ExactResidual)
            layer.limit = steps == LIMIT
            layer.residual.set_rate(rates.get(name), levels)

    def passes(self, steps: Draw) -> int:
        return neurons_and_steps(steps)[1]


class RateGradientResidual(ExactResidual):
    """The exact residual, with the gradient of lambda from the spike rate."""

    name = "exact-rate"

    def set_rate(self, rate: Tensor | None, levels: Tensor) -> None:
        super().set_rate(rate, levels)
        self.lambda_rate = rate


class RateGradientStrategy(ExactStrategy):
    """`exact`, with the gradient of lambda from the spike rate."""

    layer = RateGradientResidual
