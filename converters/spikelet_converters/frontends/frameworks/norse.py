"""Neurons of Norse: they fire at v > v_th and reset to v_reset. LIF has a synaptic current, LIFBox has none."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, to_array
from spikelet_converters.frontends.values import Factor, Value


def integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import an IF neuron: v += i; it fires at v > v_th."""
    theta = to_array(module.p.v_th) - to_array(module.p.v_reset)
    return neuron(builder, name, where, x, decay=np.ones(1), theta=theta, reset="zero", tie=">")


def leaky_integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a LIF neuron: v += dt/tau_mem (v_leak - v + i); it fires at v > v_th.

    The current i is a synaptic current (LIF) or the input (LIFBox).
    """
    parameters = module.p
    theta, v_reset = to_array(parameters.v_th), to_array(parameters.v_reset)
    current, decay, gain, v_leak = _membrane(builder, name, where, module, x)
    subtracts = getattr(getattr(parameters, "reset_method", None), "__name__", "") == "reset_subtract"
    if not subtracts and (v_reset != v_leak).any():
        raise ConversionError(f"{where}: resets to {v_reset} and leaks to {v_leak}; expected both equal")
    if subtracts and (v_leak != 0).any():
        raise ConversionError(f"{where}: subtracts its threshold while it leaks to {v_leak}; expected v_leak = 0")
    reset: Reset = "subtract" if subtracts else "zero"
    return neuron(builder, name, where, current, decay=decay, theta=theta - v_leak, reset=reset, tie=">", gain=gain)


def leaky_readout(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a leaky readout as an LI; a synaptic current is another LI before it."""
    current, decay, gain, v_leak = _membrane(builder, name, where, module, x)
    if (v_leak != 0).any():
        raise ConversionError(f"{where}: leaks to {v_leak}; expected a readout with v_leak = 0")
    return builder.integrator(name, where, decay, current, gain)


def _membrane(
    builder: Builder, name: str, where: str, module: Module, x: Value
) -> tuple[Value, Factor, Factor, Factor]:
    """Return the input current, the decay of the potential, the factor on the current, and v_leak."""
    parameters = module.p
    leak = module.dt * to_array(parameters.tau_mem_inv)
    if hasattr(parameters, "tau_syn_inv"):
        x = builder.integrator(f"{name}.syn", where, 1 - module.dt * to_array(parameters.tau_syn_inv), x)
    return x, 1 - leak, leak, to_array(parameters.v_leak)


NEURONS: dict[str, Importer] = {
    "IAF": integrate_and_fire,
    "IAFCell": integrate_and_fire,
    "LIF": leaky_integrate_and_fire,
    "LIFCell": leaky_integrate_and_fire,
    "LIFBoxCell": leaky_integrate_and_fire,
    "LI": leaky_readout,
    "LICell": leaky_readout,
    "LIBoxCell": leaky_readout,
}
