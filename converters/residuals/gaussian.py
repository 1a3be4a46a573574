"""The residual of the paper: Gaussian noise with one measured deviation a layer.

    a = q(z) - sigma_l eps,   eps ~ N(0, 1) for each element

(Huang et al., 2024, arXiv:2404.17456.) The noise lies outside clip and floor, in the units of the
activation, and the sum is not clipped again. sigma_l is measured once an epoch on held-out training
images: the root of the mean over batches of var(q_l - phi_l), where phi_l is the spiking rate of the
layer after `steps` time-steps of the whole spiking network, errors of earlier layers included.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from spikelet.converters.residuals.base import Residual


class GaussianResidual(Residual):
    """a = q(z) - sigma eps, with sigma = 0 until it is first measured."""

    name = "gaussian"
    sigma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.zeros(()))

    def perturb(self, activation: Tensor) -> Tensor:
        if self.sigma == 0:
            return activation
        return activation - self.sigma * torch.randn_like(activation)

    @classmethod
    @torch.no_grad()
    def refresh_network(cls, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        from spikelet.converters.simulate import residual_gaps  # simulate imports the activation

        total: dict[str, float] = {}
        count = 0
        for images in batches:
            for name, gap in residual_gaps(network, images, steps).items():
                total[name] = total.get(name, 0.0) + gap.var(correction=0).item()
            count += 1
        sigmas = {name: (value / count) ** 0.5 for name, value in total.items()}
        for name, sigma in sigmas.items():
            residual = network.get_submodule(name).residual
            assert isinstance(residual, cls)
            residual.sigma.fill_(sigma)
        return sigmas
