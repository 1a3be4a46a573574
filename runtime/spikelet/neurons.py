"""Neuron dynamics as pure functions: (state, input) -> (state, spikes).

    IF:   v[t] = v[t-1] + i[t]
    LIF:  v[t] = decay(v[t-1]) + i[t],  decay(v) = v - floor(v / 2^k) in exact networks, beta v in float32 ones
    both: s[t] = 1 if v[t] >= theta (tie ">=") or v[t] > theta (tie ">"), else 0
          v[t] <- v[t] - theta s[t] (reset "subtract"), or 0 where s[t] = 1 (reset "zero"),
          or v[t] - theta/beta s[t] (LIF, reset "subtract-late": theta comes off after the next leak)
    LI:   v[t] = beta v[t-1] + i[t], and no spikes

All arrays are float32. In an exact network they hold integers below 2^24, so nothing rounds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.nodes import IF, LI, LIF, Array, Shape, is_float

Float = npt.NDArray[np.float32]
Spikes = npt.NDArray[np.bool_]


def step(node: IF, v: Float, current: Float, theta: Float | None = None) -> tuple[Float, Spikes]:
    """One time-step of a layer.

    v, current: (N, C, …), potential after the last reset and input current. theta: (1, C, …), where the neurons of a
        channel differ.
    Returns the potential after reset, (N, C, …), and the spikes, (N, C, …) bool.
    """
    theta = per_channel(node.theta, v.ndim - 1) if theta is None else theta
    v = (decayed(node, v) if isinstance(node, LIF) else v) + current
    fired = v >= theta if node.tie == ">=" else v > theta
    if node.reset == "zero":
        v[fired] = 0
    else:
        v -= per_channel(node.drop, v.ndim - 1) * fired
    return v, fired


def integrate(node: LI, v: Float, current: Float) -> Float:
    """One time-step of a leaky integrator: the new potential, (N, C, …)."""
    return v * per_channel(node.decay, v.ndim - 1) + current


def decayed(node: LIF, v: Float) -> Float:
    """What the leak leaves of a potential, (N, C, …)."""
    decay = per_channel(node.decay, v.ndim - 1)
    if is_float(node.decay):
        return v * decay
    # dividing by a power of two is exact, and floor goes towards minus infinity, as an arithmetic shift does
    return v - np.floor(v * np.exp2(-decay))


def initial_potential(node: IF, batch: int, shape: Shape) -> Float:
    """v[0] = v_init for a batch, (N, *shape)."""
    v = np.empty((batch, *shape), np.float32)
    v[:] = per_channel(node.v_init, len(shape))
    return v


def per_channel(values: Array, ndim: int) -> Float:
    """(C,) as float32 of shape (C, 1, …, 1), `ndim` axes, to broadcast against (N, C, …)."""
    return values.astype(np.float32).reshape(-1, *(1,) * (ndim - 1))
