"""Neuron dynamics as pure functions: (state, input) -> (state, spikes).

    IF:   v[t] = v[t-1] + i[t]
    LIF:  v[t] = decay(v[t-1]) + i[t],  decay(v) = v - floor(v / 2^k) in exact networks, beta v in float32 ones
    both: s[t] = 1 if v[t] >= theta (tie ">=") or v[t] > theta (tie ">"), else 0
          v[t] <- v[t] - theta s[t] (reset "subtract"), or 0 where s[t] = 1 (reset "zero"),
          or v[t] - theta/beta s[t] (LIF, reset "subtract-late": theta is subtracted after the next leak)
    LI:   v[t] = beta v[t-1] + i[t], and no spikes

The k copies of a neuron receive the same current. Potentials and spikes have one entry per copy, (N, C·k, …); copy i of
channel c is at c·k + i.

All arrays are float32. In an exact network they hold integers below 2^24, so nothing rounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spikelet.nodes import IF, LI, LIF, Array, Shape, is_float

Float = npt.NDArray[np.float32]
Spikes = npt.NDArray[np.bool_]


def step(node: IF, v: Float, current: Float, theta: Float | None = None) -> tuple[Float, Spikes]:
    """Run one time-step of a layer of IF or LIF neurons.

    Args:
        node: Parameters of the layer.
        v: (N, C·copies, …) potential after the last reset. It may be modified.
        current: (N, C, …) input current of this time-step.
        theta: (1, C·copies, …) thresholds per neuron; None uses those of the node, per channel.

    Returns:
        The potential after the reset, (N, C·copies, …) float32, and the spikes, (N, C·copies, …) bool.

    Examples:
        >>> node = IF(theta=np.array([4], np.int32), v_init=np.array([2], np.int32))
        >>> v, current = initial_potential(node, 1, (1,)), np.full((1, 1), 3, np.float32)
        >>> for _ in range(3):
        ...     v, spikes = step(node, v, current)
        ...     print(v.item(), spikes.item())
        1.0 True
        0.0 True
        3.0 False
    """
    theta = per_channel(node.by_copy(node.theta), v.ndim - 1) if theta is None else theta
    if node.copies > 1:
        current = np.repeat(current, node.copies, axis=1)
    v = (decayed(node, v) if isinstance(node, LIF) else v) + current
    fired = v >= theta if node.tie == ">=" else v > theta
    if node.reset == "zero":
        v[fired] = 0
    else:
        v -= per_channel(node.by_copy(node.drop), v.ndim - 1) * fired
    return v, fired


def layer_output(node: IF, spikes: Spikes) -> Float:
    """Return the output of a layer: the number of copies that fired.

    Args:
        node: Parameters of the layer.
        spikes: (N, C·copies, …) bool.

    Returns:
        (N, C, …) float32, 0…copies.
    """
    if node.copies == 1:
        return spikes.astype(np.float32)
    n, channels, *rest = spikes.shape
    counts: Float = spikes.reshape(n, channels // node.copies, node.copies, *rest).sum(2, dtype=np.float32)
    return counts


def select_copy(node: IF, values: Float, index: int) -> Float:
    """Return a view of the spikes or potentials of one copy, (N, C, …), from those of all, (N, C·copies, …)."""
    return values[:, index :: node.copies]


def join_copies(parts: Sequence[Float]) -> Float:
    """Join the spikes or potentials of all copies, (N, C, …) each, to (N, C·copies, …)."""
    if len(parts) == 1:
        return parts[0]
    n, channels, *rest = parts[0].shape
    return np.stack(parts, axis=2).reshape(n, channels * len(parts), *rest)


def integrate(node: LI, v: Float, current: Float) -> Float:
    """Run one time-step of a leaky integrator. Returns the new potential, (N, C, …)."""
    return v * per_channel(node.decay, v.ndim - 1) + current


def decayed(node: LIF, v: Float) -> Float:
    """Apply the leak of one time-step to a potential, (N, C·copies, …)."""
    decay = per_channel(node.by_copy(node.decay), v.ndim - 1)
    if is_float(node.decay):
        return v * decay
    # division by a power of two is exact; floor rounds towards minus infinity, like an arithmetic shift
    return v - np.floor(v * np.exp2(-decay))


def initial_potential(node: IF, batch: int, shape: Shape) -> Float:
    """Return v[0] = v_init for a batch of samples, (N, C·copies, …) float32, from the output shape (C, …)."""
    v = np.empty((batch, *node.population(shape)), np.float32)
    v[:] = per_channel(node.v_init, len(shape))
    return v


def per_channel(values: Array, ndim: int) -> Float:
    """Convert (C,) to float32 of shape (C, 1, …, 1) with `ndim` axes, which broadcasts against (N, C, …)."""
    return values.astype(np.float32).reshape(-1, *(1,) * (ndim - 1))
