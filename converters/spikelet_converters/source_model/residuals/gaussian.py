"""Gaussian residuals: noise with a measured deviation.

    a = q(z) - sigma eps,   eps ~ N(0, 1) for each element

`gaussian` is the paper's (Huang et al., 2024, arXiv:2404.17456): the noise lies outside clip and floor, in the
units of the activation, and the sum is not clipped again. sigma is one number a layer, measured once an epoch on
held-out training images: the root of the mean over batches of var(q_l - phi_l), where phi_l is the spiking rate of
the layer after `steps` time-steps of the whole spiking network, errors of earlier layers included.

`local` measures the gap with the same input on both sides, so that what earlier layers got wrong, and inject
themselves, is not counted again in every layer after them. `channel` does so channel by channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy
from spikelet_converters.source_model.simulation import local_gaps, residual_gaps


class GaussianResidual(Residual):
    """a = q(z) - sigma eps, with sigma = 0 until it is first measured."""

    name = "gaussian"
    sigma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.zeros(()))

    def perturb(self, activation: Tensor) -> Tensor:
        if not self.sigma.any():
            return activation
        sigma = self.sigma.reshape(-1, *(1,) * (activation.ndim - 2)) if self.sigma.ndim else self.sigma
        return activation - sigma * torch.randn_like(activation)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        # one sigma a channel has the shape of the layer, which is known only once it is measured
        if prefix + "sigma" in state_dict:
            self.sigma = torch.empty_like(state_dict[prefix + "sigma"], device=self.sigma.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class LocalResidual(GaussianResidual):
    """One sigma a layer, of the error that the layer itself makes."""

    name = "local"


class ChannelResidual(GaussianResidual):
    """One sigma a channel, of the error that the layer itself makes."""

    name = "channel"


class GaussianStrategy(ResidualStrategy):
    """Measures sigma of each layer with the errors of earlier layers included."""

    layer: ClassVar[type[Residual]] = GaussianResidual
    per_channel: ClassVar[bool] = False

    def gaps(self, network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
        """Activation minus spike rate by layer, (N, C, …)."""
        return residual_gaps(network, images, steps)

    @torch.no_grad()
    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        total: dict[str, Tensor] = {}
        count = 0
        for images in batches:
            for name, gap in self.gaps(network, images, steps).items():
                axes = tuple(i for i in range(gap.ndim) if i != 1) if self.per_channel else None
                variance = gap.var(axes, correction=0)
                total[name] = total[name] + variance if name in total else variance
            count += 1
        sigmas = {name: (value / count).sqrt() for name, value in total.items()}
        for name, sigma in sigmas.items():
            residual = network.get_submodule(f"{name}.residual")
            assert isinstance(residual, GaussianResidual)
            residual.sigma = sigma
        return {name: float(sigma.square().mean().sqrt()) for name, sigma in sigmas.items()}


class LocalStrategy(GaussianStrategy):
    """Measures sigma of each layer with the same input on both sides."""

    layer: ClassVar[type[Residual]] = LocalResidual

    def gaps(self, network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
        return local_gaps(network, images, steps)


class ChannelStrategy(LocalStrategy):
    """Measures sigma of each channel with the same input on both sides."""

    layer = ChannelResidual
    per_channel = True
