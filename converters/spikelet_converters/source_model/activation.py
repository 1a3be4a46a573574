"""The source activation: a clip-floor quantiser that an integrate-and-fire (IF) neuron approximates.

    q(z) = lambda/L floor(L clip(z/lambda, 0, 1) + 1/2)          in {0, lambda/L, …, lambda}

(QCFS: Bu et al., ICLR 2022, eq. 15). With theta = lambda and v_init = theta/2, the expected spike rate
of an IF neuron with reset by subtraction is q (OPI: Bu et al., AAAI 2022). During training a residual
strategy can add a model of the residual error to q.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace
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
        mode: Quantiser or spikes.
        steps: Number of time-steps T in spike mode.
        rows: Number of images per time-step. A layer that receives exactly this many rows has a constant input.
        record: Keep the activation, or the spike rate after T time-steps, of every layer.
        noisy: Apply the residual.
        copies: Number k of neurons per channel, which start at different potentials (`conversion.copies`).
        average: Weights of the time-steps in the recorded rate of each image, (T, N). None is the mean.
    """

    mode: Mode = Mode.RATE
    steps: int = 1
    rows: int = 0
    record: bool = False
    noisy: bool = False
    copies: int = 1
    average: Tensor | None = None


NOT_SIMULATED = Simulation()


@dataclass(frozen=True)
class Form:
    """Shape of the activation and of its gradient.

    Attributes:
        levels: Number of levels L of the quantiser.
        slope: Share of the clipped identity.
        steps: T of the spike rate for the gradient of `shift`, a number or one value per row, (N,); 0 is `levels`.
        surrogate: Name in `SURROGATES` of the replacement of the derivative of the floor.
    """

    levels: int
    slope: float = 0.0
    steps: int | Tensor = 0
    surrogate: str = "straight"


class _Context(Protocol):
    """State that the forward pass of `ClipFloor` saves for its backward pass."""

    form: Form
    needs_input_grad: tuple[bool, ...]
    rate: Tensor | None

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class ClipFloor(torch.autograd.Function):
    """a(z) = slope clip(z, 0, lambda) + (1 - slope) q(z), with the straight-through gradient of the floor.

    The gradients are da/dz = 1 and da/dlambda = (a - z)/lambda for 0 < z < lambda, 0 and 1 above, 0 and 0 below; with
    another surrogate g' for the derivative, da/dz = g' and da/dlambda = (a - g' z)/lambda. lambda is a scalar or one
    value per channel, (C,). `rate` replaces a in the gradient of lambda.
    `shift` is the offset inside the floor, v_init/theta, of shape (C,). If it is trained,
    da/dshift = lambda/steps where da/dz = 1, for a spike rate over `steps` time-steps.
    """

    @staticmethod
    def forward(
        ctx: _Context,
        z: Tensor,
        lam: Tensor,
        form: Form,
        shift: Tensor | None = None,
        rate: Tensor | None = None,
    ) -> Tensor:
        ctx.save_for_backward(z, lam, *(() if shift is None else (shift,)))
        ctx.form, ctx.rate = form, rate
        return _activation(z, lam, form, shift)

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        z, lam, *rest = ctx.saved_tensors
        form, shift = ctx.form, rest[0] if rest else None
        grad_z = SURROGATES[form.surrogate](grad, z, lam)
        a = _activation(z, lam, form, shift) if ctx.rate is None else ctx.rate
        inner = _inner if lam.ndim == 0 else _channel_inner
        grad_lam = (inner(grad, a) - inner(grad_z, z)) / lam
        grad_shift = None
        if shift is not None and ctx.needs_input_grad[3]:
            steps = form.steps if isinstance(form.steps, Tensor) else form.steps or form.levels
            part = grad_z / along_rows(steps, z.ndim) if isinstance(steps, Tensor) else grad_z
            scale = (1 - form.slope) * lam / (1 if isinstance(steps, Tensor) else steps)
            grad_shift = part.sum([i for i in range(z.ndim) if i != 1]) * scale
        return grad_z, grad_lam, None, grad_shift, None


def _inside(grad: Tensor, z: Tensor, lam: Tensor) -> Tensor:
    """Return the gradient where 0 < z < lambda, and 0 elsewhere."""
    if lam.ndim:
        lam = along_channels(lam, z.ndim)
    elif z.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.ops.aten.hardtanh_backward(grad, z, 0.0, lam.item())  # one pass over the memory
    # does not read the value of lambda, which would make a GPU wait
    return torch.where((z > 0) & (z < lam), grad, 0.0)


def _triangle(grad: Tensor, z: Tensor, lam: Tensor) -> Tensor:
    """Return the gradient times a triangle over 0 < z < lambda, with peak 2 at lambda/2 and the area of the window."""
    bound = along_channels(lam, z.ndim) if lam.ndim else lam
    return grad * (2 * (1 - (2 * z / bound - 1).abs()).clamp(min=0))


SURROGATES = {"straight": _inside, "triangle": _triangle}
"""Gradients of the activation in place of the derivative of the floor.

`straight` passes the gradient where 0 < z < lambda (straight-through). `triangle` weights it by the distance to
the threshold of a network of one level, as direct training with surrogate gradients does (Esser et al., 2016;
Bellec et al., 2018): with L = 1 the activation is the spike at T = 1.
"""


def _channel_inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of a·b for each channel, (C,)."""
    return (a * b).sum([i for i in range(a.ndim) if i != 1])


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of a·b. Channels-last tensors are read in memory order, which avoids copies."""
    if a.ndim == 4 and b.is_contiguous(memory_format=torch.channels_last):
        a, b = a.movedim(1, -1), b.movedim(1, -1)
    return torch.dot(a.reshape(-1), b.reshape(-1))


def _activation(z: Tensor, lam: Tensor, form: Form, shift: Tensor | None) -> Tensor:
    slope = form.slope
    if slope == 0:
        return quantise(z, lam, form.levels, shift)
    clipped = z.clamp(min=0).minimum(along_channels(lam, z.ndim) if lam.ndim else lam)
    return clipped if slope == 1 else slope * clipped + (1 - slope) * quantise(z, lam, form.levels, shift)


def quantise(z: Tensor, lam: Tensor, levels: int, shift: Tensor | None = None) -> Tensor:
    """Return lambda/L clip(floor(L z/lambda + shift), 0, L).

    Args:
        z: Pre-activation, (N, C, …).
        lam: Threshold lambda, a scalar or (C,).
        levels: L.
        shift: Offset inside the floor, (C,); 1/2 by default.
    """
    offset = 0.5 if shift is None else along_channels(shift, z.ndim)
    lam = along_channels(lam, z.ndim) if lam.ndim else lam
    return (z * (levels / lam)).add_(offset).floor_().clamp_(0, levels).mul_(lam / levels)


def along_channels(values: Tensor, ndim: int) -> Tensor:
    """Reshape values per channel, (C,), to (1, C, 1, …) with `ndim` axes."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def along_rows(values: Tensor, ndim: int) -> Tensor:
    """Reshape values per row, (N,), to (N, 1, …) with `ndim` axes."""
    return values.reshape(-1, *(1,) * (ndim - 1))


def integrate_and_fire(
    current: Tensor, theta: Tensor, steps: int, *, shift: Tensor | None = None, constant: bool = False
) -> Tensor:
    """Simulate IF neurons with reset by subtraction, v_init = shift·theta and a spike at a tie.

    Args:
        current: Input current, (T·N, C, …), time-step by time-step; (N, C, …) if it is constant over time.
        theta: Threshold, a scalar or (C,).
        steps: Number of time-steps T.
        shift: v_init/theta per channel, (C,); 1/2 by default.
        constant: Whether the current is the same at every time-step.

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
    # A CPU simulates a few images at a time, so that their potentials stay in the cache over all time-steps.
    image_size = math.prod(current.shape[1:])
    block = max(1, _BLOCK // max(image_size, 1) if current.device.type == "cpu" else rows)
    offset = 0.5 if shift is None else along_channels(shift, current.ndim)
    theta = along_channels(theta, current.ndim) if theta.ndim else theta
    for start in range(0, rows, block):
        part = slice(start, start + block)
        v = torch.zeros_like(inputs[0, part]).add_(offset).mul_(theta)
        for t in range(steps):
            v.add_(inputs[0 if constant else t, part])
            fired = torch.ge(v, theta, out=spikes[t, part]).mul_(theta)
            v.sub_(fired)
    return out


def copies_fire(
    current: Tensor, theta: Tensor, steps: int, copies: int, *, shift: Tensor | None = None, constant: bool = False
) -> Tensor:
    """Simulate k IF neurons per channel that share its current, and return the mean of their spikes.

    Copy i = 0…k-1 starts at (i theta + v_init)/k, so that under a constant current the copies together have k T levels.
    Arguments and result are those of `integrate_and_fire`.
    """
    if copies == 1:
        return integrate_and_fire(current, theta, steps, shift=shift, constant=constant)
    start = shift if shift is not None else torch.full((current.shape[1],), 0.5, device=current.device)
    total = integrate_and_fire(current, theta, steps, shift=start / copies, constant=constant)
    for i in range(1, copies):
        total += integrate_and_fire(current, theta, steps, shift=(start + i) / copies, constant=constant)
    return total.div_(copies)


class SpikingActivation(nn.Module):
    """Quantiser with a trainable threshold lambda in training, IF neuron in simulation.

    The trained parameter is rho, with lambda = softplus(rho), so that lambda stays positive.

    Args:
        levels: Number of levels L of the quantiser.
        residual: Model of the residual error, applied in training.
        lambda_init: Initial lambda, in units of the activation.
        channels: Number of channels if the initial potential is trained, one value per channel. With None it is
            fixed at theta/2.
        slope: Share of the clipped identity in the activation (SlipReLU). 0 is QCFS.
        thresholds: Number of channels if there is one threshold per channel. With None there is one for the layer.
        surrogate: Name in `SURROGATES` of the gradient.
    """

    def __init__(
        self,
        levels: int,
        residual: Residual,
        lambda_init: float = 8.0,
        channels: int | None = None,
        slope: float = 0.0,
        thresholds: int | None = None,
        surrogate: str = "straight",
    ) -> None:
        super().__init__()
        if levels < 1 or lambda_init <= 0:
            raise UsageError(f"levels must be 1 or more and lambda_init above 0, found {levels}, {lambda_init}")
        self.levels = levels
        self.residual = residual
        self.slope = slope
        self.surrogate = surrogate
        rho = torch.tensor(_inverse_softplus(lambda_init))
        self.rho = nn.Parameter(rho if thresholds is None else rho.repeat(thresholds))
        self.shift = None if channels is None else nn.Parameter(torch.full((channels,), 0.5))
        self.simulation = NOT_SIMULATED
        self.limit = False  # train on the spike rate for T → ∞, the clipped identity
        self.limit_rows: Tensor | None = None  # the same for some images of a batch, (N,)
        self.recorded: Tensor | None = None
        self.substitute: Tensor | None = None  # returned instead of the activation, to measure one layer in isolation

    @property
    def lam(self) -> Tensor:
        """Threshold: lambda of the quantiser and theta of the neuron, above 0: a scalar, or (C,)."""
        return F.softplus(self.rho)

    @torch.no_grad()
    def in_thresholds(self, values: Tensor) -> Tensor:
        """Return activations (N, C, …) in units of lambda."""
        lam = self.lam
        return values / (along_channels(lam, values.ndim) if lam.ndim else lam)

    def forward(self, z: Tensor) -> Tensor:
        z, lam = z.float(), self.lam  # thresholds are never rounded, also under mixed precision
        simulation = self.simulation
        if simulation.mode is Mode.SPIKES:
            return self._spikes(z, lam)
        form = Form(self.levels, self.slope, self.residual.steps, self.surrogate)
        limit = replace(form, slope=1.0)
        if self.training and self.limit_rows is not None:
            rows = along_rows(self.limit_rows, z.ndim)
            a = torch.where(rows, ClipFloor.apply(z, lam, limit, self.shift), ClipFloor.apply(z, lam, form, self.shift))
        else:
            rate = self.residual.lambda_rate if self.training else None
            a = ClipFloor.apply(z, lam, limit if self.training and self.limit else form, self.shift, rate)
        if simulation.record:
            self.recorded = a.detach()
        if self.substitute is not None:
            return self.substitute
        return self.residual.perturb(a) if self.training or simulation.noisy else a

    def _spikes(self, current: Tensor, theta: Tensor) -> Tensor:
        """Return the spikes, averaged over the copies of a neuron, and record their rate."""
        simulation, steps = self.simulation, self.simulation.steps
        constant = steps > 1 and len(current) == simulation.rows
        spikes = copies_fire(current, theta, steps, simulation.copies, shift=self.shift, constant=constant)
        if simulation.record:
            by_step = spikes.unflatten(0, (steps, -1))
            # The mean keeps the memory format of the spikes; otherwise every later layer would copy it.
            rate = torch.empty_like(by_step[0])
            if simulation.average is None:
                self.recorded = torch.mean(by_step, 0, out=rate)
            else:
                self.recorded = rate.zero_()
                for weights, fired in zip(simulation.average, by_step, strict=True):
                    rate.addcmul_(fired, along_rows(weights, fired.ndim))
        return spikes

    def extra_repr(self) -> str:
        return f"levels={self.levels}, lambda={self.lam.mean().item():.4g}, residual={self.residual.name}"


def spiking_layers(network: nn.Module) -> dict[str, SpikingActivation]:
    """Return the spiking activations of a network by module name, in the order of definition."""
    return {name: m for name, m in network.named_modules() if isinstance(m, SpikingActivation)}


def _inverse_softplus(value: float) -> float:
    return value + math.log(-math.expm1(-value))
