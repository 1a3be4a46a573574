"""Neurons of sinabs: they fire at v >= spike_threshold.

The default spike_fn, MultiSpike, fires several spikes in a time-step. It is refused, because a neuron of
a bundle fires at most once in a time-step.
"""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks.neuron import Importer, Module, neuron, parameter
from spikelet_converters.frontends.neurons import range_text
from spikelet_converters.frontends.refusals import RECURRENT
from spikelet_converters.frontends.values import Factor, Value


def integrate_and_fire(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a neuron: v = alpha v + (1 - alpha) i, or + i; it fires at v >= spike_threshold. spike_fn: SingleSpike."""
    spikes = module.spike_fn if isinstance(module.spike_fn, type) else type(module.spike_fn)
    if spikes.__name__ != "SingleSpike":
        raise ConversionError(
            f"{where}: spike_fn={spikes.__name__} fires several spikes in a step, a neuron here fires one; "
            "build the layer with spike_fn=sinabs.activation.SingleSpike"
        )
    reset_fn, theta = module.reset_fn, parameter(where, "spike_threshold", module.spike_threshold, x)
    subtracts = type(reset_fn).__name__ == "MembraneSubtract"
    if subtracts and reset_fn.subtract_value is not None and (theta != float(reset_fn.subtract_value)).any():
        raise ConversionError(
            f"{where}: subtracts {reset_fn.subtract_value}, not its threshold; use MembraneSubtract()"
        )
    if not subtracts and (type(reset_fn).__name__ != "MembraneReset" or reset_fn.reset_value != 0):
        raise ConversionError(f"{where}: resets by {reset_fn}; use MembraneSubtract() or MembraneReset(0.0)")
    current, decay, gain = _membrane(builder, name, where, module, x)
    reset: Reset = "subtract" if subtracts else "zero"
    return neuron(builder, name, where, current, decay=decay, theta=theta, reset=reset, tie=">=", gain=gain)


def leaky_readout(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a leaky readout as an LI."""
    current, decay, gain = _membrane(builder, name, where, module, x)
    return builder.integrator(name, where, decay, current, gain)


def sum_pool(builder: Builder, name: str, where: str, module: Module, x: Value) -> Value:
    """Import a sum pool."""
    if module.ceil_mode:
        raise ConversionError(f"{where}: ceil_mode is not supported; pad the image instead")
    kernel, stride = module.kernel_size, module.stride or module.kernel_size
    return builder.sum_pool(name, where, _pair(kernel), _pair(stride), x)


def _membrane(builder: Builder, name: str, where: str, module: Module, x: Value) -> tuple[Value, Factor, Factor]:
    """Return the input current, the decay of the potential and the factor on the current."""
    if module.min_v_mem is not None:
        least = range_text(parameter(where, "min_v_mem", module.min_v_mem, x))
        raise ConversionError(f"{where}: min_v_mem={least} bounds the potential below; use min_v_mem=None")
    if getattr(module, "rec_connect", None) is not None:
        raise ConversionError(f"{where}: {RECURRENT}")
    decay = parameter(where, "tau_mem", module.alpha_mem_calculated, x)
    gain = 1 - decay if module.norm_input else np.ones(1)
    if getattr(module, "tau_syn", None) is not None:
        # i = alpha (i + x): alpha times an integrator of x
        syn_decay = parameter(where, "tau_syn", module.alpha_syn_calculated, x)
        x = builder.integrator(f"{name}.syn", where, syn_decay, x, syn_decay)
    return x, decay, gain


def _pair(value: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))


NEURONS: dict[str, Importer] = {
    "IAF": integrate_and_fire,
    "IAFSqueeze": integrate_and_fire,
    "LIF": integrate_and_fire,
    "LIFSqueeze": integrate_and_fire,
    "ExpLeak": leaky_readout,
    "ExpLeakSqueeze": leaky_readout,
    "SumPool2d": sum_pool,
}
