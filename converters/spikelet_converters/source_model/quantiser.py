"""The quantiser of a source activation, and its gradients.

    q(z) = lambda/L floor(L clip(z/lambda, 0, 1) + 1/2)          in {0, lambda/L, …, lambda}

(QCFS: Bu et al., ICLR 2022, eq. 15). The clip is inside the floor, so that the gradient passes for 0 < z < lambda; the
publication states a window that is lambda/2L lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Form:
    """Shape of the activation and of its gradient.

    Attributes:
        levels: Number of levels L of the quantiser.
        slope: Share of the clipped identity.
        steps: T of the spike rate for the gradient of `shift`, () or one value per row, (N,); None is `levels`. It is a
            tensor, because a number would be a constant of a compiled pass, which would be compiled again for each T.
        surrogate: Name in `SURROGATES` of the replacement of the derivative of the floor.
    """

    levels: int
    slope: float = 0.0
    steps: Tensor | None = None
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
            axes, scale = [i for i in range(z.ndim) if i != 1], (1 - form.slope) * lam
            if form.steps is not None and form.steps.ndim:
                grad_shift = (grad_z / along_rows(form.steps, z.ndim)).sum(axes) * scale
            else:
                grad_shift = grad_z.sum(axes) * (scale / (form.levels if form.steps is None else form.steps))
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
    return grad * (2 * (1 - (2 * z / along_channels(lam, z.ndim) - 1).abs()).clamp(min=0))


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
    clipped = z.clamp(min=0).minimum(along_channels(lam, z.ndim))
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
    lam = along_channels(lam, z.ndim)
    return (z * (levels / lam)).add_(offset).floor_().clamp_(0, levels).mul_(lam / levels)


def along_channels(values: Tensor, ndim: int) -> Tensor:
    """Reshape values per channel, (C,), to (1, C, 1, …) with `ndim` axes. One value for all channels, (), is kept."""
    return values.reshape(1, -1, *(1,) * (ndim - 2)) if values.ndim else values


def along_rows(values: Tensor, ndim: int) -> Tensor:
    """Reshape values per row, (N,), to (N, 1, …) with `ndim` axes."""
    return values.reshape(-1, *(1,) * (ndim - 1))
