"""Empirical residual: errors drawn from samples measured for each level of the quantiser.

Residual errors are not Gaussian. At T = L they are whole numbers of spikes, mostly zero, and their distribution
depends on the activation: a dead neuron can only fire too often, a saturated neuron only too rarely. Each level of the
quantiser therefore keeps a sample of the local errors measured at that level, from which training draws.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy
from spikelet_converters.source_model.simulation import local_pairs

SAMPLES = 1024  # errors kept per level
POOL = 2**16  # errors sampled per batch and layer


class EmpiricalResidual(Residual):
    """a = q(z) - error, with the error drawn from the sample of the level of q(z). Zero until it is measured."""

    name = "empirical"
    measured = "table"
    table: Tensor
    quantum: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(0, SAMPLES))
        self.register_buffer("quantum", torch.ones(()))

    def perturb(self, activation: Tensor) -> Tensor:
        if not len(self.table):
            return activation
        level = (activation.detach() / self.quantum).round_().long().clamp_(0, len(self.table) - 1)
        draw = torch.randint(SAMPLES, activation.shape, device=activation.device)
        return activation - self.table.flatten()[level * SAMPLES + draw]


class EmpiricalStrategy(ResidualStrategy):
    """Measures the local errors of each layer by level."""

    layer = EmpiricalResidual

    def measured_passes(self, steps: int) -> int:
        return steps + 1

    @torch.no_grad()
    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        samples: dict[str, list[Tensor]] = {}
        for images in batches:
            for name, (a, phi) in local_pairs(network, images, steps).items():
                pairs = torch.stack([a.flatten(), phi.flatten()])
                samples.setdefault(name, []).append(pairs[:, torch.randint(pairs.shape[1], (POOL,))])
        deviations, layers = {}, spiking_layers(network)
        for name, parts in samples.items():
            layer = layers[name]
            assert isinstance(layer.residual, EmpiricalResidual)
            if layer.lam.ndim:
                raise UsageError("the empirical residual expects one threshold for each layer, found one per channel")
            a, phi = torch.cat(parts, 1)
            layer.residual.quantum = (layer.lam / layer.levels).detach()
            level = (a / layer.residual.quantum).round().long()
            rows = []
            for k in range(layer.levels + 1):
                errors = (a - phi)[level == k]
                rows.append(
                    errors[torch.randint(len(errors), (SAMPLES,))]
                    if len(errors)
                    else torch.zeros(SAMPLES, device=a.device)
                )
            layer.residual.table = torch.stack(rows)
            deviations[name] = float((a - phi).std(correction=0))
        return deviations
