"""Residual strategies by name: models of the residual error, applied while the source network is trained."""

from spikelet_converters.source_model.residuals.empirical import EmpiricalResidual, EmpiricalStrategy
from spikelet_converters.source_model.residuals.exact import (
    ExactResidual,
    ExactStrategy,
    RateGradientResidual,
    RateGradientStrategy,
)
from spikelet_converters.source_model.residuals.gaussian import (
    ChannelResidual,
    ChannelStrategy,
    GaussianResidual,
    GaussianStrategy,
    LocalResidual,
    LocalStrategy,
)
from spikelet_converters.source_model.residuals.none import NoResidual, NoResidualStrategy
from spikelet_converters.source_model.residuals.sampled import SampledResidual, SampledStrategy
from spikelet_converters.source_model.residuals.strategy import ResidualStrategy

RESIDUALS: dict[str, ResidualStrategy] = {
    strategy.name: strategy
    for strategy in (
        NoResidualStrategy(),
        GaussianStrategy(),
        LocalStrategy(),
        ChannelStrategy(),
        EmpiricalStrategy(),
        ExactStrategy(),
        RateGradientStrategy(),
        SampledStrategy(),
    )
}

__all__ = [
    "RESIDUALS",
    "ChannelResidual",
    "EmpiricalResidual",
    "ExactResidual",
    "GaussianResidual",
    "LocalResidual",
    "NoResidual",
    "RateGradientResidual",
    "ResidualStrategy",
    "SampledResidual",
]
