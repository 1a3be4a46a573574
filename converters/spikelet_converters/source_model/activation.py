"""The source activation: a clip-floor quantiser that an integrate-and-fire neuron can imitate.

    q(z) = lambda/L floor(L clip(z/lambda, 0, 1) + 1/2)          in {0, lambda/L, …, lambda}

(QCFS: Bu et al., ICLR 2022, eq. 15). With theta = lambda and v(0) = theta/2 the spiking rate of an
IF neuron with reset by subtraction has the expectation q (OPI: Bu et al., AAAI 2022). A residual
strategy may add to q, while training, what the spiking layer will get wrong.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet.errors import UsageError
from spikelet_converters.source_model.residual import Residual

_BLOCK = 1 << 18  # potentials, a megabyte of them


class Mode(enum.Enum):
    """What a SpikingActivation computes."""

    RATE = "rate"  # the quantiser, plus the residual while training
    SPIKES = "spikes"  # theta-scaled spikes of an IF neuron; time is folded into the batch


@dataclass(frozen=True)
class Simulation:
    """How the activations of a network are evaluated outside of training.

    Attributes:
        mode: the quantiser, or spikes.
        steps: T, of spikes.
        rows: images of one time-step. A layer that gets just so many rows has a constant input.
        record: keep the activation, or the spike rate after T time-steps, of every layer.
        noisy: apply the residual.
    """

    mode: Mode = Mode.RATE
    steps: int = 1
    rows: int = 0
    record: bool = False
    noisy: bool = False


NOT_SIMULATED = Simulation()


class ClipFloor(torch.autograd.Function):
    """a(z) = slope clip(z, 0, lambda) + (1 - slope) q(z), with the straight-through gradient of the floor.

    For 0 < z < lambda: da/dz = 1 and da/dlambda = (a - z)/lambda, the quantisation residual; above: 0 and 1;
    below: both 0. shift: what stands before the floor, v(0)/theta, one number or one a channel; where it is
    trained, da/dshift = lambda/steps inside, for a rate of `steps` time-steps.
    """

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, lam: Tensor, levels: int, slope: float = 0.0, shift: Tensor | None = None, steps: int = 0
    ) -> Tensor:
        ctx.save_for_backward(z, lam, *(() if shift is None else (shift,)))
        ctx.levels, ctx.slope, ctx.steps = levels, slope, steps or levels
        return _activation(z, lam, levels, slope, shift)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        z, lam, *rest = ctx.saved_tensors
        shift = rest[0] if rest else None
        grad_z = torch.ops.aten.hardtanh_backward(grad, z, 0.0, lam.item())  # grad where 0 < z < lambda, in one pass
        a = _activation(z, lam, ctx.levels, ctx.slope, shift)
        grad_lam = (_inner(grad, a) - _inner(grad_z, z)) / lam
        grad_shift = None
        if shift is not None and ctx.needs_input_grad[4]:
            grad_shift = grad_z.sum([i for i in range(z.ndim) if i != 1]) * (1 - ctx.slope) * lam / ctx.steps
        return grad_z, grad_lam, None, None, grad_shift, None


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """The sum of a b; of channels-last tensors in the order of memory, since another order would copy both."""
    if a.ndim == 4 and b.is_contiguous(memory_format=torch.channels_last):
        a, b = a.movedim(1, -1), b.movedim(1, -1)
    return torch.dot(a.reshape(-1), b.reshape(-1))


def _activation(z: Tensor, lam: Tensor, levels: int, slope: float, shift: Tensor | None) -> Tensor:
    if slope == 0:
        return quantise(z, lam, levels, shift)
    clipped = z.clamp(min=0).minimum(lam)
    return clipped if slope == 1 else slope * clipped + (1 - slope) * quantise(z, lam, levels, shift)


def quantise(z: Tensor, lam: Tensor, levels: int, shift: Tensor | None = None) -> Tensor:
    """lambda/L clip(floor(L z/lambda + shift), 0, L), shift 1/2 unless given by channel; a tensor of z's shape."""
    before = 0.5 if shift is None else by_channel(shift, z.ndim)
    return (z * (levels / lam)).add_(before).floor_().clamp_(0, levels).mul_(lam / levels)


def by_channel(values: Tensor, ndim: int) -> Tensor:
    """(C,) as (1, C, 1, …) of `ndim` axes."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def integrate_and_fire(
    current: Tensor, theta: Tensor, steps: int, *, shift: Tensor | None = None, constant: bool = False
) -> Tensor:
    """Spikes of IF neurons, theta-scaled, with reset by subtraction, v(0) = shift theta (1/2), ties firing.

    current: (T·N, …), step-major: the first N rows are time-step 1; or (N, …), if it is `constant` over time.
    Returns (T·N, …), in {0, theta}.
    """
    rows = len(current) if constant else len(current) // steps
    channels_last = current.ndim == 4 and current.is_contiguous(memory_format=torch.channels_last)
    out = torch.empty(
        (steps * rows, *current.shape[1:]),
        dtype=current.dtype,
        device=current.device,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
    )
    inputs = current.expand(1, *current.shape) if constant else current.unflatten(0, (steps, rows))
    spikes = out.unflatten(0, (steps, rows))
    # some images at a time on a CPU, so that potentials stay in its cache from one time-step to the next
    image = math.prod(current.shape[1:])
    block = max(1, _BLOCK // max(image, 1) if current.device.type == "cpu" else rows)
    before = 0.5 if shift is None else by_channel(shift, current.ndim)
    for start in range(0, rows, block):
        part = slice(start, start + block)
        v = torch.zeros_like(inputs[0, part]).add_(before).mul_(theta)
        for t in range(steps):
            v.add_(inputs[0 if constant else t, part])
            fired = torch.ge(v, theta, out=spikes[t, part]).mul_(theta)
            v.sub_(fired)
    return out


class SpikingActivation(nn.Module):
    """Quantiser with trainable threshold lambda while it trains, IF neuron when it is simulated.

    lambda = softplus(rho) is positive whatever the optimiser does to rho; that it may turn negative
    is a known failure of a bare parameter.

    levels: L, the steps of the quantiser.
    residual: the strategy that models the spiking error while training.
    channels: where given, v(0) is trained, one value a channel; else it is theta/2.
    slope: the share of the clipped identity in the activation (SlipReLU); 0 is QCFS.
    """

    def __init__(
        self,
        levels: int,
        residual: Residual,
        lambda_init: float = 8.0,
        channels: int | None = None,
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        if levels < 1 or lambda_init <= 0:
            raise UsageError(f"levels must be 1 or more and lambda_init above 0, got {levels}, {lambda_init}")
        self.levels = levels
        self.residual = residual
        self.slope = slope
        self.rho = nn.Parameter(torch.tensor(_inverse_softplus(lambda_init)))
        self.shift = None if channels is None else nn.Parameter(torch.full((channels,), 0.5))
        self.simulation = NOT_SIMULATED
        self.limit = False  # train on the rate of T → ∞, the clipped identity
        self.recorded: Tensor | None = None
        self.given: Tensor | None = None  # sent on instead of the activation, to measure one layer by itself

    @property
    def lam(self) -> Tensor:
        """The threshold: lambda of the quantiser, theta of the neuron; a scalar above 0."""
        return F.softplus(self.rho)

    def forward(self, z: Tensor) -> Tensor:
        z, lam = z.float(), self.lam  # under mixed precision a threshold is not to be rounded
        simulation = self.simulation
        if simulation.mode is Mode.SPIKES:
            steps = simulation.steps
            constant = steps > 1 and len(z) == simulation.rows
            spikes = integrate_and_fire(z, lam, steps, shift=self.shift, constant=constant)
            if simulation.record:
                # into memory of the spikes' own order: a sum would choose another, and every layer after it copy
                rate = torch.empty_like(spikes[: len(spikes) // steps])
                self.recorded = torch.mean(spikes.unflatten(0, (steps, -1)), 0, out=rate)
            return spikes
        slope = 1.0 if self.training and self.limit else self.slope
        a = ClipFloor.apply(z, lam, self.levels, slope, self.shift, self.residual.steps)
        if simulation.record:
            self.recorded = a.detach()
        if self.given is not None:
            return self.given
        return self.residual.perturb(a) if self.training or simulation.noisy else a

    def extra_repr(self) -> str:
        return f"levels={self.levels}, lambda={self.lam.item():.4g}, residual={self.residual.name}"


def spiking_layers(network: nn.Module) -> dict[str, SpikingActivation]:
    """The spiking activations of a network by module name, in the order of definition."""
    return {name: m for name, m in network.named_modules() if isinstance(m, SpikingActivation)}


def _inverse_softplus(value: float) -> float:
    return value + math.log(-math.expm1(-value))
