"""Neurons of SpikingJelly: they fire at v >= v_threshold; v_reset is a potential, or None to subtract v_threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, to_array
from spikelet_converters.frontends.values import Factor, Value


def integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import an IF, or a LIF with decay 1 - 1/tau: fires at v >= v_threshold, then subtracts it or sets v_reset."""
    rest = 0.0 if module.v_reset is None else float(module.v_reset)
    decay: Factor = np.ones(1)
    gain: Factor = np.ones(1)
    if "LIF" in type(module).__name__:
        leak = 1 / np.asarray(float(module.tau)) if hasattr(module, "tau") else to_array(module.w.sigmoid())
        decay, gain = 1 - leak, leak if module.decay_input else gain
    # In terms of v - v_reset, the potential starts at 0, leaks to 0 and is reset to 0.
    theta = float(module.v_threshold) - rest
    reset: Reset = "subtract" if module.v_reset is None else "zero"
    return neuron(builder, name, where, x, decay=decay, theta=theta, reset=reset, tie=">=", gain=gain)


def voltage_scaler(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Fold a constant factor into the next weights or threshold."""
    scale = float(module.scale)
    return replace(x, factor=x.factor * scale, offset=x.offset * scale)


NEURONS: dict[str, Importer] = {
    "IFNode": integrate_and_fire,
    "SimpleIFNode": integrate_and_fire,
    "LIFNode": integrate_and_fire,
    "SimpleLIFNode": integrate_and_fire,
    "ParametricLIFNode": integrate_and_fire,
    "VoltageScaler": voltage_scaler,
}
