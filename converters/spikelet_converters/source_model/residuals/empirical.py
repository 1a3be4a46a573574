"""The residual as it is: drawn from the errors that were measured, level by level.

Real errors are no Gaussian. At T = L they are whole numbers of spikes, most of them none at all, and their law
depends on the activation: a silent neuron can only fire too often, a saturated one only too seldom. So each level of
the quantiser keeps a sample of the same-input errors seen at that level, and training draws from it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy
from spikelet_converters.source_model.simulation import local_pairs

SAMPLES = 1024  # of each level
POOL = 2**16  # errors of a batch that are looked at, by layer: enough for rare levels, small enough to sort


class EmpiricalResidual(Residual):
    """a = q(z) - gap, gap drawn from the `SAMPLES` errors kept for the level of q(z); none until measured."""

    name = "empirical"
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

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        if prefix + "table" in state_dict:
            self.table = torch.empty_like(state_dict[prefix + "table"], device=self.table.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class EmpiricalStrategy(ResidualStrategy):
    """Measures the same-input errors of each layer, level by level."""

    layer = EmpiricalResidual

    @torch.no_grad()
    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        seen: dict[str, list[Tensor]] = {}
        for images in batches:
            for name, (a, phi) in local_pairs(network, images, steps).items():
                pairs = torch.stack([a.flatten(), phi.flatten()])
                seen.setdefault(name, []).append(pairs[:, torch.randint(pairs.shape[1], (POOL,))])
        figures, layers = {}, spiking_layers(network)
        for name, parts in seen.items():
            layer = layers[name]
            assert isinstance(layer.residual, EmpiricalResidual)
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
            figures[name] = float((a - phi).std(correction=0))
        return figures
