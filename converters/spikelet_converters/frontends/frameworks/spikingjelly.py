"""Neurons of SpikingJelly: they fire at v >= v_threshold; v_reset is a potential, or None to subtract v_threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, parameter
from spikelet_converters.frontends.neurons import check_reset
from spikelet_converters.frontends.values import Factor, Value


def integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import an IF, or a LIF with decay 1 - 1/tau: fires at v >= v_threshold, then subtracts it or sets v_reset."""
    rest = 0.0 if module.v_reset is None else float(module.v_reset)
    decay: Factor = np.ones(1)
    gain: Factor = np.ones(1)
    if "LIF" in type(module).__name__:
        share = 1 / float(module.tau) if hasattr(module, "tau") else module.w.sigmoid()
        leak = parameter(where, "tau", share, x)
        decay, gain = 1 - leak, leak if module.decay_input else gain
    # In terms of v - v_reset, the potential starts at 0, leaks to 0 and is reset to 0.
    theta = float(module.v_threshold) - rest
    check_reset(where, module.v_threshold, rest)
    reset: Reset = "subtract" if module.v_reset is None else "zero"
    return neuron(builder, name, where, x, decay=decay, theta=theta, reset=reset, tie=">=", gain=gain)


def voltage_scaler(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Fold a constant factor into the next weights or threshold."""
    scale = float(module.scale)
    return replace(x, factor=x.factor * scale, offset=x.offset * scale)


def passed_on(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Leave out a dropout, which returns its input in evaluation mode."""
    return x


def votes(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a VotingLayer, the mean of the features that vote for a class, as a linear layer."""
    voters = int(module.voting_size)
    if len(x.shape) != 1 or x.shape[0] < voters:
        raise ConversionError(
            f"{where}: takes means of {voters} features, found (N, {', '.join(map(str, x.shape))}); expected at least "
            "as many features; put it after a linear layer"
        )
    weight = np.zeros((x.shape[0] // voters, x.shape[0]))
    for index, row in enumerate(weight):
        row[index * voters : (index + 1) * voters] = 1 / voters
    return builder.linear(name, where, weight, None, x)


NEURONS: dict[str, Importer] = {
    "IFNode": integrate_and_fire,
    "SimpleIFNode": integrate_and_fire,
    "LIFNode": integrate_and_fire,
    "SimpleLIFNode": integrate_and_fire,
    "ParametricLIFNode": integrate_and_fire,
    "SLTTLIFNode": integrate_and_fire,
    "Dropout": passed_on,
    "Dropout2d": passed_on,
    "VotingLayer": votes,
    "VoltageScaler": voltage_scaler,
}
