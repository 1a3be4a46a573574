"""A neuron of a framework as a layer of the graph, and the types of the modules of frameworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset, Tie
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import per_channel, sizes
from spikelet_converters.frontends.values import Dynamics, Factor, Value

Module: TypeAlias = Any
"""A module of a framework. The framework may not be installed, so attributes have no types here."""

Importer = Callable[[Builder, str, str, Module, Value], Value]
"""Adds a module to a builder; takes (builder, name, where, module, x) and returns the module's output.

`where` names the module in error messages, `x` is its input. Raises ConversionError for unsupported options.
"""


def neuron(
    builder: Builder,
    name: str,
    where: str,
    x: Value,
    *,
    decay: Factor,
    theta: npt.ArrayLike,
    reset: Reset,
    tie: Tie,
    spike: npt.ArrayLike = 1.0,
    gain: npt.ArrayLike = 1.0,
    start: npt.ArrayLike = 0.0,
) -> Value:
    """Add a layer of neurons: an IF if decay is 1 in every channel, otherwise a LIF.

    Args:
        builder: The builder to add to.
        name: Name of the source module.
        where: The source module in error messages.
        x: The input current.
        decay: Factor on the potential at every time-step, () or (C,).
        theta: Threshold, () or (C,).
        reset: Reset after a spike.
        tie: Whether the neuron fires at v >= theta or at v > theta.
        spike: Size of a spike, () or (C,).
        gain: Factor on the input current, () or (C,).
        start: Initial potential, () or (C,).
    """
    leaks = bool((np.asarray(decay) != 1).any())
    if not leaks and reset == "subtract-late":
        reset = "subtract"  # equal without a leak
    dynamics = Dynamics(theta, start, reset, tie, decay if leaks else None, gain, np.squeeze(spike))
    return builder.neuron(name, where, dynamics, x)


def parameter(where: str, name: str, value: Module, x: Value) -> Factor:
    """Convert a tensor or number that a framework broadcasts with the potentials of a layer to float64, (1,) or (C,).

    Args:
        where: The layer in error messages.
        name: Name of the parameter.
        value: One number, or one per channel in the axis of the channels: (F,) for features, (C, 1, 1) for images.
        x: The input of the layer, which has the shape of its potentials.

    Raises:
        ConversionError: It contains NaN or infinity, or differs within a channel.
    """
    array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value, np.float64)
    if not np.isfinite(array).all():
        raise ConversionError(f"{where}: {name} contains NaN or infinity; expected finite numbers")
    try:
        return np.atleast_1d(per_channel(where, array, x))
    except ConversionError:
        raise ConversionError(
            f"{where}: {name} has shape {array.shape} for potentials of shape {sizes(x)}; expected one number, or one "
            "per channel, which is of shape (C, 1, 1) for images"
        ) from None
