"""Exact residual with T drawn for each image instead of each batch.

One simulation of the largest drawn T contains the spike rates of all smaller T: the rate of an image is the mean over
its first T time-steps, in every layer. Each batch then trains the network for all values of T, at the cost of the
largest. Images with the draw `limit` get the clipped identity, those with `quantised` the quantiser.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.quantiser import along_rows
from spikelet_converters.source_model.residuals.exact import ExactResidual, ExactStrategy, ReplaceForward
from spikelet_converters.source_model.residuals.strategy import LIMIT, Draws, neurons_and_steps
from spikelet_converters.source_model.simulation import layer_rates


class SampledResidual(ExactResidual):
    """a = phi of the T of each image in the forward pass, q(z) in the backward pass."""

    name = "exact-sample"

    def __init__(self) -> None:
        super().__init__()
        self.simulated: Tensor | None = None  # images with a spike rate, (N,)

    def perturb(self, activation: Tensor) -> Tensor:
        rate, rows = self.rate, self.simulated
        if rate is None or rows is None or rate.shape != activation.shape:
            return activation
        mixed = torch.where(along_rows(rows, rate.ndim), rate, activation.detach())
        return ReplaceForward.apply(activation, mixed)


class SampledStrategy(ExactStrategy):
    """Simulates the network once on every batch, for the largest T of its images."""

    layer = SampledResidual
    by_image = True

    @torch.no_grad()
    def prepare(self, network: nn.Module, pixels: Tensor, steps: Draws) -> None:
        assert isinstance(steps, tuple)
        kinds = [neurons_and_steps(draw) for draw in steps]
        if any(copies > 1 for copies, _ in kinds):
            raise UsageError("exact-sample: draws T for one neuron per channel; use exact for kxT")
        times = torch.tensor([time for _, time in kinds], device=pixels.device)
        largest = int(times.max())
        rates: dict[str, Tensor] = {}
        if largest:
            t = torch.arange(largest, device=pixels.device)[:, None]
            average = (t < times).float() / times.clamp(min=1)
            rates = layer_rates(network, pixels, Mode.SPIKES, largest, average=average)
        limit = torch.tensor([draw == LIMIT for draw in steps], device=pixels.device)
        for name, layer in spiking_layers(network).items():
            assert isinstance(layer.residual, SampledResidual)
            layer.limit_rows = limit
            layer.residual.rate, layer.residual.simulated = rates.get(name), times > 0
            layer.residual.steps = torch.where(times > 0, times, layer.levels)
