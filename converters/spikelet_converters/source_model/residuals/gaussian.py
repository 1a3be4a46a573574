"""Gaussian residuals: noise with a measured standard deviation.

    a = q(z) - sigma eps,   eps ~ N(0, 1) for each element

`gaussian` follows Huang et al. (2024, arXiv:2404.17456). The noise is added after clip and floor, in units of the
activation, and the sum is not clipped. sigma is one number per layer, measured once per epoch on the validation split:
the square root of the mean over batches of var(q_l - phi_l), where phi_l is the spike rate of the layer after `steps`
time-steps of the spiking network, errors of earlier layers included.

`local` measures the error with the same input to quantiser and neurons, so that errors of earlier layers are not
counted again. `channel` does the same with one sigma per channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.quantiser import along_channels
from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy
from spikelet_converters.source_model.simulation import local_errors, residual_errors


class GaussianResidual(Residual):
    """a = q(z) - sigma eps, with sigma = 0 until it is measured, () or (C,)."""

    name = "gaussian"
    measured = "sigma"
    sigma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.zeros(()))

    def perturb(self, activation: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() and not self.sigma.any():  # a compiled pass cannot branch on values
            return activation
        sigma = along_channels(self.sigma, activation.ndim)
        return activation - sigma * normal_like(activation)


def normal_like(values: Tensor) -> Tensor:
    """Return standard normal numbers in the memory format of values (N, C) or (N, C, H, W).

    On a processor, torch takes six times as long for numbers that it draws in another order than that of the memory.
    """
    if values.is_contiguous():
        return torch.randn_like(values)
    return torch.randn_like(values.movedim(1, -1)).movedim(-1, 1)


class LocalResidual(GaussianResidual):
    """One sigma per layer, of the local error."""

    name = "local"


class ChannelResidual(GaussianResidual):
    """One sigma per channel, of the local error."""

    name = "channel"


class GaussianStrategy(ResidualStrategy):
    """Measures sigma of each layer, errors of earlier layers included."""

    layer: ClassVar[type[Residual]] = GaussianResidual
    per_channel: ClassVar[bool] = False

    def errors(self, network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
        """Return activation minus spike rate of each layer, (N, C, …)."""
        return residual_errors(network, images, steps)

    def measured_passes(self, steps: int) -> int:
        return steps + 1

    @torch.no_grad()
    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        total: dict[str, Tensor] = {}
        count = 0
        for images in batches:
            for name, error in self.errors(network, images, steps).items():
                axes = tuple(i for i in range(error.ndim) if i != 1) if self.per_channel else None
                variance = error.var(axes, correction=0)
                total[name] = total[name] + variance if name in total else variance
            count += 1
        sigmas = {name: (value / count).sqrt() for name, value in total.items()}
        for name, sigma in sigmas.items():
            residual = network.get_submodule(f"{name}.residual")
            assert isinstance(residual, GaussianResidual)
            residual.sigma = sigma
        return {name: float(sigma.square().mean().sqrt()) for name, sigma in sigmas.items()}


class LocalStrategy(GaussianStrategy):
    """Measures sigma of each layer for the same input to quantiser and neurons."""

    layer: ClassVar[type[Residual]] = LocalResidual

    def errors(self, network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
        return local_errors(network, images, steps)


class ChannelStrategy(LocalStrategy):
    """Measures sigma of each channel for the same input to quantiser and neurons."""

    layer = ChannelResidual
    per_channel = True
