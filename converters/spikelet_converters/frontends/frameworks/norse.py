"""Neurons of Norse: they fire at v > v_th and reset to v_reset. LIF has a synaptic current, LIFBox has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, parameter
from spikelet_converters.frontends.neurons import check_reset, range_text
from spikelet_converters.frontends.values import Factor, Value, one_number


def integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import an IF neuron: v += i; it fires at v > v_th."""
    theta, reset = (parameter(where, field, getattr(module.p, field), x) for field in ("v_th", "v_reset"))
    check_reset(where, theta, reset)
    return neuron(builder, name, where, x, decay=np.ones(1), theta=theta - reset, reset="zero", tie=">")


def leaky_integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a LIF neuron: v += dt/tau_mem (v_leak - v + i); it fires at v > v_th.

    The current i is a synaptic current (LIF) or the input (LIFBox).
    """
    theta, v_reset = (parameter(where, field, getattr(module.p, field), x) for field in ("v_th", "v_reset"))
    current, decay, gain, v_leak = _membrane(builder, name, where, module, x)
    if getattr(getattr(module.p, "reset_method", None), "__name__", "") == "reset_subtract":
        if (v_leak != 0).any():
            raise ConversionError(
                f"{where}: subtracts its threshold while it leaks to {range_text(v_leak)}; expected v_leak = 0"
            )
        return neuron(builder, name, where, current, decay=decay, theta=theta, reset="subtract", tie=">", gain=gain)
    check_reset(where, theta, v_reset)
    # in terms of v - v_reset, which starts at v_leak - v_reset and leaks to it
    start = v_leak - v_reset
    if start.any():
        current = builder.shifted(f"{name}.current", where, start, current)
    return neuron(
        builder, name, where, current, decay=decay, theta=theta - v_reset, reset="zero", tie=">", gain=gain, start=start
    )


def leaky_readout(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a leaky readout as an LI; a synaptic current is another LI before it."""
    current, decay, gain, v_leak = _membrane(builder, name, where, module, x)
    potential = builder.integrator(name, where, decay, current, gain)
    return replace(potential, offset=one_number(v_leak))  # its potential starts at v_leak


def _membrane(
    builder: Builder, name: str, where: str, module: Module, x: Value
) -> tuple[Value, Factor, Factor, Factor]:
    """Return the input current, the decay of the potential, the factor on the current, and v_leak."""
    leak = _leak(where, module, "tau_mem_inv", x)
    v_leak = parameter(where, "v_leak", module.p.v_leak, x)
    if hasattr(module.p, "tau_syn_inv"):
        x = builder.integrator(f"{name}.syn", where, 1 - _leak(where, module, "tau_syn_inv", x), x)
    return x, 1 - leak, leak, v_leak


def _leak(where: str, module: Module, field: str, x: Value) -> Factor:
    """Return the share of a potential or current that leaks in a time-step."""
    leak = float(module.dt) * parameter(where, field, getattr(module.p, field), x)
    if not ((leak >= 0) & (leak < 1)).all():
        raise ConversionError(
            f"{where}: dt times {field} is {range_text(leak)}; expected 0 or more, and less than 1; use a shorter dt"
        )
    return leak


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
