"""The source activation: a clip-floor quantiser that an integrate-and-fire neuron can imitate.

    q(z) = lambda/L floor(L clip(z/lambda, 0, 1) + 1/2)          in {0, lambda/L, …, lambda}

(QCFS: Bu et al., ICLR 2022, eq. 15). With theta = lambda and v(0) = theta/2 the spiking rate of an
IF neuron with reset by subtraction has the expectation q (OPI: Bu et al., AAAI 2022). A residual
strategy may add to q, while training, what the spiking layer will get wrong.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet.converters.residuals.base import Residual
from spikelet.errors import UsageError


class Mode(enum.Enum):
    """What a SpikingActivation computes."""

    RATE = "rate"  # the quantiser, plus the residual while training
    SPIKES = "spikes"  # theta-scaled spikes of an IF neuron; time is folded into the batch


class ClipFloor(torch.autograd.Function):
    """q(z) with the straight-through gradient of the floor.

    For 0 < z < lambda: dq/dz = 1 and dq/dlambda = (q - z)/lambda, the quantisation residual;
    above: 0 and 1; below: both 0.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, lam: Tensor, levels: int) -> Tensor:
        ctx.save_for_backward(z, lam)
        ctx.levels = levels
        return quantise(z, lam, levels)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        (grad,) = grads
        z, lam = ctx.saved_tensors
        inside = (z > 0) & (z < lam)
        grad_z = grad * inside
        q = quantise(z, lam, ctx.levels)
        grad_lam = (torch.vdot(grad.flatten(), q.flatten()) - torch.vdot(grad_z.flatten(), z.flatten())) / lam
        return grad_z, grad_lam, None


def quantise(z: Tensor, lam: Tensor, levels: int) -> Tensor:
    """lambda/L floor(L clip(z/lambda, 0, 1) + 1/2); a tensor of z's shape."""
    return (z * (levels / lam)).add_(0.5).floor_().clamp_(0, levels).mul_(lam / levels)


def integrate_and_fire(current: Tensor, theta: Tensor, steps: int) -> Tensor:
    """Spikes of IF neurons, theta-scaled, with reset by subtraction, v(0) = theta/2, ties firing.

    current: (T·N, …), step-major: the first N rows are time-step 1. Returns the same shape, in {0, theta}.
    """
    by_step = current.reshape(steps, -1, *current.shape[1:])
    v = torch.full_like(by_step[0], 0.5) * theta
    out = torch.empty_like(by_step)
    for t in range(steps):
        v = v + by_step[t]
        torch.mul(v >= theta, theta, out=out[t])
        v = v - out[t]
    return out.reshape(current.shape)


class SpikingActivation(nn.Module):
    """Quantiser with trainable threshold lambda while it trains, IF neuron when it is simulated.

    lambda = softplus(rho) is positive whatever the optimiser does to rho; that it may turn negative
    is a known failure of a bare parameter.

    levels: L, the steps of the quantiser.
    residual: the strategy that models the spiking error while training.
    """

    def __init__(self, levels: int, residual: Residual, lambda_init: float = 8.0) -> None:
        super().__init__()
        if levels < 1 or lambda_init <= 0:
            raise UsageError(f"levels must be 1 or more and lambda_init above 0, got {levels}, {lambda_init}")
        self.levels = levels
        self.residual = residual
        self.rho = nn.Parameter(torch.tensor(_inverse_softplus(lambda_init)))
        self.mode = Mode.RATE
        self.steps = levels
        self.record = False
        self.recorded: Tensor | None = None
        self.given: Tensor | None = None  # sent on instead of the activation, to measure one layer by itself

    @property
    def lam(self) -> Tensor:
        """The threshold: lambda of the quantiser, theta of the neuron; a scalar above 0."""
        return F.softplus(self.rho)

    def forward(self, z: Tensor) -> Tensor:
        lam = self.lam
        if self.mode is Mode.SPIKES:
            spikes = integrate_and_fire(z, lam, self.steps)
            if self.record:
                self.recorded = spikes.reshape(self.steps, -1, *z.shape[1:]).mean(0)
            return spikes
        a = ClipFloor.apply(z, lam, self.levels)
        if self.record:
            self.recorded = a.detach()
        if self.given is not None:
            return self.given
        return self.residual.perturb(a) if self.training else a

    def extra_repr(self) -> str:
        return f"levels={self.levels}, lambda={self.lam.item():.4g}, residual={self.residual.name}"


def spiking_layers(network: nn.Module) -> dict[str, SpikingActivation]:
    """The spiking activations of a network by module name, in the order of definition."""
    return {name: m for name, m in network.named_modules() if isinstance(m, SpikingActivation)}


def _inverse_softplus(value: float) -> float:
    return value + math.log(-math.expm1(-value))
