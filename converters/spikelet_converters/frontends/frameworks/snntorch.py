"""Neurons of snnTorch: they fire at v > theta; reset_delay (the default) subtracts theta after the next leak."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, parameter
from spikelet_converters.frontends.values import Factor, Value


def leaky(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a Leaky neuron, a LIF: mem = beta mem + i; it fires at mem > theta.

    The reset subtracts theta, with reset_delay after the next leak, or sets the potential to 0.
    """
    _check(where, module)
    return _neuron(builder, name, where, module, x, _reset(builder, where, module))


def synaptic(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a Synaptic neuron as an LI, syn = alpha syn + i, and a LIF, mem = beta mem + syn; fires at mem > theta."""
    _check(where, module)
    reset = _reset(builder, where, module)
    if reset == "zero" and module.reset_delay:
        raise ConversionError(
            f"{where}: with reset_mechanism='zero' and reset_delay=True the current of the step after a spike is lost; "
            "use reset_delay=False, or reset_mechanism='subtract'"
        )
    current = builder.integrator(f"{name}.syn", where, np.clip(parameter(where, "alpha", module.alpha, x), 0, 1), x)
    return _neuron(builder, name, where, module, current, reset)


def _neuron(builder: Builder, name: str, where: str, module: Module, current: Value, reset: Reset) -> Value:
    decay: Factor = np.clip(parameter(where, "beta", module.beta, current), 0, 1)
    theta, spike = (
        parameter(where, name, getattr(module, name), current) for name in ("threshold", "graded_spikes_factor")
    )
    return neuron(builder, name, where, current, decay=decay, theta=theta, reset=reset, tie=">", spike=spike)


def _check(where: str, module: Module) -> None:
    if module.inhibition:
        raise ConversionError(f"{where}: inhibition lets one neuron of a layer fire; train with inhibition=False")
    if module.state_quant:
        raise ConversionError(f"{where}: state_quant rounds the potential at each step; train with state_quant=False")
    if module.reset_mechanism == "none":
        raise ConversionError(
            f"{where}: reset_mechanism='none' fires at every step above threshold; use 'subtract' or 'zero', or remove "
            "the layer if its potential is the readout: logits are summed over time"
        )


def _reset(builder: Builder, where: str, module: Module) -> Reset:
    if module.reset_mechanism == "zero":
        return "zero"
    if module.reset_delay:
        return "subtract-late"
    builder.note(
        f"{where}: with reset_delay=False snnTorch takes a second threshold off a potential that stays above it "
        "after its reset; here it fires again instead. The same as long as no step brings more than two thresholds; "
        "otherwise use reset_delay=True, the default, or reset_mechanism='zero'"
    )
    return "subtract"


NEURONS: dict[str, Importer] = {"Leaky": leaky, "Synaptic": synaptic}
