"""Simulation of integrate-and-fire neurons and of their copies, over all time-steps of a layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spikelet_converters.source_model.quantiser import along_channels

_BLOCK = 1 << 18  # potentials per block: 1 MB of float32


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
    theta = along_channels(theta, current.ndim)
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
