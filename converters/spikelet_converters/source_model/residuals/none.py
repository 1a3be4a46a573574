"""No residual: the quantiser of QCFS (Bu et al., ICLR 2022)."""

from __future__ import annotations

from torch import Tensor

from spikelet_converters.source_model.residual import Residual
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy


class NoResidual(Residual):
    """a = q(z)."""

    name = "none"

    def perturb(self, activation: Tensor) -> Tensor:
        return activation


class NoResidualStrategy(ResidualStrategy):
    """Trains with the quantiser and no residual."""

    layer = NoResidual
