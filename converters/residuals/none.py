"""No residual: the plain quantiser of QCFS (Bu et al., ICLR 2022)."""

from __future__ import annotations

from torch import Tensor

from spikelet.converters.residuals.base import Residual


class NoResidual(Residual):
    """a = q(z)."""

    name = "none"

    def perturb(self, activation: Tensor) -> Tensor:
        return activation
