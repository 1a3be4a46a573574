"""Penalty on the residual error, from the final membrane potential.

With N spikes in T time-steps and the mean current z, a neuron ends at

    v(T) = v_init + T z - theta N

and its spike count is that of the quantiser with T levels exactly if 0 <= v(T) < theta. A potential below 0 shows
spikes that were fired too early and cannot be reversed, if any were fired; one of theta and more shows spikes that are
missing, if fewer than T were fired. The penalty is the mean over the neurons of a layer of

    relu(-v/theta)^2 [N > 0] + relu(v/theta - 1)^2 [N < T]

N is constant in the gradient. It needs a residual strategy that simulates the batch (`exact`).
"""

from __future__ import annotations

from torch import Tensor

from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.quantiser import along_channels
from spikelet_converters.source_model.residuals import ExactResidual
from spikelet_converters.training.penalties.base import Penalty


class ResidualPenalty(Penalty):
    """Squared distance of the final potential from the range in which there is no residual error."""

    def term(self, name: str, layer: SpikingActivation, z: Tensor, a: Tensor) -> Tensor | None:
        residual = layer.residual
        if not isinstance(residual, ExactResidual) or residual.rate is None:
            return None
        steps, lam = residual.steps, layer.lam
        if steps is None or steps.ndim:
            return None
        theta = along_channels(lam, z.ndim)
        start = 0.5 if layer.shift is None else along_channels(layer.shift, z.ndim)
        spikes = (steps * residual.rate / theta).detach().round()
        v = start + steps * z / theta - spikes
        early = (-v).clamp(min=0).square() * (spikes > 0)
        missing = (v - 1).clamp(min=0).square() * (spikes < steps)
        return (early + missing).mean()
