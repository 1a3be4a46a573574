"""The source activation: a clip-floor quantiser that an integrate-and-fire (IF) neuron approximates.

    q(z) = lambda/L floor(L clip(z/lambda, 0, 1) + 1/2)          in {0, lambda/L, …, lambda}

(QCFS: Bu et al., ICLR 2022, eq. 15). With theta = lambda and v_init = theta/2, the expected spike rate
of an IF neuron with reset by subtraction is q (OPI: Bu et al., AAAI 2022). During training a residual
strategy can add a model of the residual error to q.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet.errors import UsageError
from spikelet_converters.source_model.residual import Residual

_BLOCK = 1 << 18  # potentials per block: 1 MB of float32


class Mode(enum.Enum):
    """Evaluation mode of a SpikingActivation."""

    RATE = "rate"  # the quantiser, plus the residual in training mode
    SPIKES = "spikes"  # theta-scaled spikes of an IF neuron; time-steps are folded into the batch axis


@dataclass(frozen=True)
class Simulation:
    """Settings for evaluating the activations of a network outside of training.

    Attributes:
        mode: quantiser or spikes.
        steps: number of time-steps T in spike mode.
        rows: number of images per time-step. A layer that receives exactly this many rows has a constant input.
        record: keep the activation, or the spike rate after T time-steps, of every layer.
        noisy: apply the residual.
    """

    mode: Mode = Mode.RATE
    steps: int = 1
    rows: int = 0
    record: bool = False
    noisy: bool = False


NOT_SIMULATED = Simulation()


class _Context(Protocol):
    """What the forward pass of `ClipFloor` keeps for its backward pass."""

    levels: int
    slope: float
    steps: int
    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class ClipFloor(torch.autograd.Function):
    """a(z) = slope clip(z, 0, lambda) + (1 - slope) q(z), with the straight-through gradient of the floor.

    The gradients are da/dz = 1 and da/dlambda = (a - z)/lambda for 0 < z < lambda, 0 and 1 above, 0 and 0 below.
    `shift` is the offset inside the floor, v_init/theta, of shape (C,). If it is trained,
    da/dshift = lambda/steps for 0 < z < lambda, for a spike rate over `steps` time-steps.
    """

    @staticmethod
    def forward(
        ctx: _Context,
        z: Tensor,
        lam: Tensor,
        levels: int,
        slope: float = 0.0,
        shift: Tensor | None = None,
        steps: int = 0,
    ) -> Tensor:
        ctx.save_for_backward(z, lam, *(() if shift is None else (shift,)))
        ctx.levels, ctx.slope, ctx.steps = levels, slope, steps or levels
        return _activation(z, lam, levels, slope, shift)

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        z, lam, *rest = ctx.saved_tensors
        shift = rest[0] if rest else None
        grad_z = _inside(grad, z, lam)
        a = _activation(z, lam, ctx.levels, ctx.slope, shift)
        grad_lam = (_inner(grad, a) - _inner(grad_z, z)) / lam
        grad_shift = None
        if shift is not None and ctx.needs_input_grad[4]:
            grad_shift = grad_z.sum([i for i in range(z.ndim) if i != 1]) * (1 - ctx.slope) * lam / ctx.steps
        return grad_z, grad_lam, None, None, grad_shift, None


def _inside(grad: Tensor, z: Tensor, lam: Tensor) -> Tensor:
    """Return the gradient where 0 < z < lambda, and 0 elsewhere."""
    if z.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.ops.aten.hardtanh_backward(grad, z, 0.0, lam.item())  # one pass over the memory
    return torch.where(
        (z > 0) & (z < lam), grad, 0.0
    )  # without the value of lambda, for which a GPU would have to wait


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of a·b. Channels-last tensors are read in memory order, which avoids copies."""
    if a.ndim == 4 and b.is_contiguous(memory_format=torch.channels_last):
        a, b = a.movedim(1, -1), b.movedim(1, -1)
    return torch.dot(a.reshape(-1), b.reshape(-1))


def _activation(z: Tensor, lam: Tensor, levels: int, slope: float, shift: Tensor | None) -> Tensor:
    if slope == 0:
        return quantise(z, lam, levels, shift)
    clipped = z.clamp(min=0).minimum(lam)
    return clipped if slope == 1 else slope * clipped + (1 - slope) * quantise(z, lam, levels, shift)


def quantise(z: Tensor, lam: Tensor, levels: int, shift: Tensor | None = None) -> Tensor:
    """Return lambda/L clip(floor(L z/lambda + shift), 0, L).

    Args:
        z: pre-activation, (N, C, …).
        lam: threshold lambda, a scalar.
        levels: L.
        shift: offset inside the floor, (C,); 1/2 by default.
    """
    offset = 0.5 if shift is None else along_channels(shift, z.ndim)
    return (z * (levels / lam)).add_(offset).floor_().clamp_(0, levels).mul_(lam / levels)


def along_channels(values: Tensor, ndim: int) -> Tensor:
    """Reshape values per channel, (C,), to (1, C, 1, …) with `ndim` axes."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def integrate_and_fire(
    current: Tensor, theta: Tensor, steps: int, *, shift: Tensor | None = None, constant: bool = False
) -> Tensor:
    """Simulate IF neurons with reset by subtraction, v_init = shift·theta and ties firing.

    Args:
        current: input current, (T·N, C, …), time-step by time-step; (N, C, …) if it is constant over time.
        theta: threshold, a scalar.
        steps: number of time-steps T.
        shift: v_init/theta per channel, (C,); 1/2 by default.
        constant: whether the current is the same at every time-step.

    Returns:
        Spikes scaled by theta, (T·N, C, …), each 0 or theta.
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
    # On a CPU a few images at a time, so that their potentials stay in the cache over all time-steps.
    image_size = math.prod(current.shape[1:])
    block = max(1, _BLOCK // max(image_size, 1) if current.device.type == "cpu" else rows)
    offset = 0.5 if shift is None else along_channels(shift, current.ndim)
    for start in range(0, rows, block):
        part = slice(start, start + block)
        v = torch.zeros_like(inputs[0, part]).add_(offset).mul_(theta)
        for t in range(steps):
            v.add_(inputs[0 if constant else t, part])
            fired = torch.ge(v, theta, out=spikes[t, part]).mul_(theta)
            v.sub_(fired)
    return out


class SpikingActivation(nn.Module):
    """Quantiser with a trainable threshold lambda in training, IF neuron in simulation.

    The trained parameter is rho, with lambda = softplus(rho), so that lambda stays positive.

    Args:
        levels: number of levels L of the quantiser.
        residual: model of the residual error, applied in training.
        lambda_init: initial lambda, in units of the activation.
        channels: number of channels if the initial potential is trained, one value per channel. With None it is
            fixed at theta/2.
        slope: share of the clipped identity in the activation (SlipReLU). 0 is QCFS.
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
        self.limit = False  # train on the spike rate for T → ∞, the clipped identity
        self.recorded: Tensor | None = None
        self.substitute: Tensor | None = None  # returned instead of the activation, to measure one layer in isolation

    @property
    def lam(self) -> Tensor:
        """Threshold: lambda of the quantiser and theta of the neuron, a scalar above 0."""
        return F.softplus(self.rho)

    def forward(self, z: Tensor) -> Tensor:
        z, lam = z.float(), self.lam  # thresholds are never rounded, also under mixed precision
        simulation = self.simulation
        if simulation.mode is Mode.SPIKES:
            steps = simulation.steps
            constant = steps > 1 and len(z) == simulation.rows
            spikes = integrate_and_fire(z, lam, steps, shift=self.shift, constant=constant)
            if simulation.record:
                # The mean keeps the memory format of the spikes; otherwise every later layer would copy it.
                rate = torch.empty_like(spikes[: len(spikes) // steps])
                self.recorded = torch.mean(spikes.unflatten(0, (steps, -1)), 0, out=rate)
            return spikes
        slope = 1.0 if self.training and self.limit else self.slope
        a = ClipFloor.apply(z, lam, self.levels, slope, self.shift, self.residual.steps)
        if simulation.record:
            self.recorded = a.detach()
        if self.substitute is not None:
            return self.substitute
        return self.residual.perturb(a) if self.training or simulation.noisy else a

    def extra_repr(self) -> str:
        return f"levels={self.levels}, lambda={self.lam.item():.4g}, residual={self.residual.name}"


def spiking_layers(network: nn.Module) -> dict[str, SpikingActivation]:
    """Return the spiking activations of a network by module name, in the order of definition."""
    return {name: m for name, m in network.named_modules() if isinstance(m, SpikingActivation)}


def _inverse_softplus(value: float) -> float:
    return value + math.log(-math.expm1(-value))
