"""Residual strategies by name: models of the spiking error, applied while the source network trains."""

from spikelet.converters.residuals.base import Residual
from spikelet.converters.residuals.empirical import EmpiricalResidual
from spikelet.converters.residuals.exact import ExactResidual
from spikelet.converters.residuals.gaussian import ChannelResidual, GaussianResidual, LocalResidual
from spikelet.converters.residuals.none import NoResidual

RESIDUALS: dict[str, type[Residual]] = {
    strategy.name: strategy
    for strategy in (NoResidual, GaussianResidual, LocalResidual, ChannelResidual, EmpiricalResidual, ExactResidual)
}

__all__ = [
    "RESIDUALS",
    "ChannelResidual",
    "EmpiricalResidual",
    "ExactResidual",
    "GaussianResidual",
    "LocalResidual",
    "NoResidual",
    "Residual",
]
