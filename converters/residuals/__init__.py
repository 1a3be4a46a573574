"""Residual strategies by name: models of the spiking error, applied while the source network trains."""

from spikelet.converters.residuals.base import Residual
from spikelet.converters.residuals.gaussian import GaussianResidual
from spikelet.converters.residuals.none import NoResidual

RESIDUALS: dict[str, type[Residual]] = {r.name: r for r in (NoResidual, GaussianResidual)}

__all__ = ["RESIDUALS", "GaussianResidual", "NoResidual", "Residual"]
