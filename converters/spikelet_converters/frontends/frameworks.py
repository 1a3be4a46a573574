"""Neurons of other frameworks: snnTorch, SpikingJelly, sinabs and Norse, with what each of them really computes.

Read from the classes by name, so none of the frameworks has to be installed. What sets them apart:

    snnTorch      fires at v > theta; reset_delay (its default) takes theta off after the leak of the next step
    SpikingJelly  fires at v >= theta; v_reset = None subtracts, a number resets to it
    sinabs        fires at v >= theta; by default several spikes a step (MultiSpike), which no binary neuron can
    Norse         fires at v > theta, resets to v_reset; LIF has a synaptic current of its own, LIFBox has none

Each layer becomes an LI for its synaptic current, if it has one, and an IF or LIF.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.refusals import NEURONS as REFUSED
from spikelet_converters.frontends.refusals import RECURRENT
from spikelet_converters.frontends.values import Dynamics, Factor, Value

FRAMEWORKS = ("snntorch", "spikingjelly", "sinabs", "norse")
SEQUENCES = ("SequentialState", "SeqToANNContainer", "MultiStepContainer", "StepModeContainer", "Lift")
_PLAIN = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
_PLAIN_PEERS = ("spikingjelly.activation_based.layer", "brevitas.nn", "torch.ao.nn")


def framework(module: nn.Module) -> str | None:
    """The framework that a module comes from, if it is one of those read here."""
    name = type(module).__module__.partition(".")[0]
    return name if name in FRAMEWORKS else None


def is_layer(module: nn.Module) -> bool:
    """Whether a module of another framework is read as a whole."""
    if framework(module) is None:
        return torch_type(module) is not type(module)
    return not isinstance(module, nn.Sequential) or type(module).__name__ in SEQUENCES


def is_neuron(module: nn.Module) -> bool:
    """Whether a module is a neuron of another framework, which may return its states too."""
    return framework(module) is not None and type(module).__name__ in NEURONS


def torch_type(module: nn.Module) -> type[nn.Module]:
    """The torch layer that a module is: its own type, or that which a known framework derives it from."""
    if type(module).__module__.startswith(_PLAIN_PEERS):
        return next((kind for kind in _PLAIN if isinstance(module, kind)), type(module))
    return type(module)


def children(module: nn.Module) -> list[tuple[str, nn.Module]] | None:
    """The layers of a framework's own container, in order; None where the module is none."""
    if framework(module) is None or type(module).__name__ not in SEQUENCES:
        return None
    return list(module.named_children())


def read(builder: Builder, name: str, module: nn.Module, x: Value) -> Value | None:
    """Read a layer of another framework; None where it is a plain torch layer after all.

    Raises:
        ConversionError: its dynamics have no node; names what to use in its place.
    """
    kind = type(module).__name__
    place = f"module {name} ({framework(module)} {kind})"
    if kind in NEURONS:
        return NEURONS[kind](builder, name, place, module, x)
    if kind in REFUSED:
        raise ConversionError(f"{place}: {REFUSED[kind]}")
    if torch_type(module) is not type(module):
        return None
    raise ConversionError(f"{place}: has no node in IR version 1; expected one of {', '.join(sorted(NEURONS))}")


def _leaky(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """snnTorch: mem = beta mem + i, minus theta after the next leak (reset_delay), or to zero; fires at >."""
    _plain_snntorch(place, module)
    reset = _snntorch_reset(builder, place, module)
    beta = np.clip(_numbers(module.beta), 0, 1)
    return _neuron(builder, name, place, x, beta, _numbers(module.threshold), reset, ">", _spike(module))


def _synaptic(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """snnTorch: an LI, syn = alpha syn + i, and a LIF of it, mem = beta mem + syn; fires at >."""
    _plain_snntorch(place, module)
    reset = _snntorch_reset(builder, place, module)
    if reset == "zero" and module.reset_delay:
        raise ConversionError(
            f"{place}: with reset_mechanism='zero' and reset_delay=True the current of the step after a spike is lost; "
            "use reset_delay=False, or reset_mechanism='subtract'"
        )
    current = builder.integrator(f"{name}.syn", place, np.clip(_numbers(module.alpha), 0, 1), x)
    beta = np.clip(_numbers(module.beta), 0, 1)
    return _neuron(builder, name, place, current, beta, _numbers(module.threshold), reset, ">", _spike(module))


def _plain_snntorch(place: str, module: Any) -> None:
    if module.inhibition:
        raise ConversionError(f"{place}: inhibition lets one neuron of a layer fire; train with inhibition=False")
    if module.state_quant:
        raise ConversionError(f"{place}: state_quant rounds the potential at each step; train with state_quant=False")
    if module.reset_mechanism == "none":
        raise ConversionError(
            f"{place}: reset_mechanism='none' fires at every step above threshold; use 'subtract' or 'zero', or leave "
            "the layer out where its potential is the readout: logits are summed over time"
        )


def _snntorch_reset(builder: Builder, place: str, module: Any) -> Reset:
    if module.reset_mechanism == "zero":
        return "zero"
    if module.reset_delay:
        return "subtract-late"
    builder.note(
        f"{place}: with reset_delay=False snnTorch takes a second threshold off a potential that stays above it "
        "after its reset; here it fires again instead. The same as long as no step brings more than two thresholds"
    )
    return "subtract"


def _spike(module: Any) -> Factor:
    return _numbers(module.graded_spikes_factor)


def _spikingjelly(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """SpikingJelly: charge, fire at v >= v_threshold, then subtract it or go to v_reset."""
    kind, rest = type(module).__name__, 0.0 if module.v_reset is None else float(module.v_reset)
    decay, gain = np.ones(1), np.ones(1)
    if "LIF" in kind:
        share = 1 / np.asarray(float(module.tau)) if hasattr(module, "tau") else _numbers(module.w.sigmoid())
        decay, gain = 1 - share, share if module.decay_input else gain
    # around the rest potential: v - v_reset leaks to 0, starts at 0 and is reset to 0
    theta = float(module.v_threshold) - rest
    return _neuron(
        builder, name, place, x, decay, theta, "subtract" if module.v_reset is None else "zero", ">=", gain=gain
    )


def _sinabs(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """sinabs, with spike_fn=SingleSpike: v = alpha v + (1 - alpha) i (or + i); fires at >=."""
    spikes = module.spike_fn if isinstance(module.spike_fn, type) else type(module.spike_fn)
    if spikes.__name__ != "SingleSpike":
        raise ConversionError(
            f"{place}: spike_fn={spikes.__name__} fires several spikes in a step, a neuron here fires one; "
            "build the layer with spike_fn=sinabs.activation.SingleSpike"
        )
    reset, theta = module.reset_fn, _numbers(module.spike_threshold)
    subtracts = type(reset).__name__ == "MembraneSubtract"
    if subtracts and reset.subtract_value is not None and (theta != float(reset.subtract_value)).any():
        raise ConversionError(f"{place}: subtracts {reset.subtract_value}, not its threshold; use MembraneSubtract()")
    if not subtracts and (type(reset).__name__ != "MembraneReset" or reset.reset_value != 0):
        raise ConversionError(f"{place}: resets by {reset}; use MembraneSubtract() or MembraneReset(0.0)")
    x, decay, gain = _sinabs_charge(builder, name, place, module, x)
    return _neuron(builder, name, place, x, decay, theta, "subtract" if subtracts else "zero", ">=", gain=gain)


def _sinabs_leak(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """Sinabs ExpLeak: a leaky readout, an LI."""
    x, decay, gain = _sinabs_charge(builder, name, place, module, x)
    return builder.integrator(name, place, decay, x, gain)


def _sinabs_charge(builder: Builder, name: str, place: str, module: Any, x: Value) -> tuple[Value, Factor, Factor]:
    if module.min_v_mem is not None:
        raise ConversionError(f"{place}: min_v_mem={module.min_v_mem} bounds the potential below; use min_v_mem=None")
    if getattr(module, "rec_connect", None) is not None:
        raise ConversionError(f"{place}: {RECURRENT}")
    decay = _numbers(module.alpha_mem_calculated)
    gain = 1 - decay if module.norm_input else np.ones(1)
    if getattr(module, "tau_syn", None) is not None:
        fade = _numbers(module.alpha_syn_calculated)  # i = alpha (i + x): alpha times an integrator of x
        x = builder.integrator(f"{name}.syn", place, fade, x, fade)
    return x, decay, gain


def _sinabs_pool(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """Sinabs SumPool2d: a SumPool2d."""

    def pair(value: Any) -> tuple[int, int]:
        return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))

    if module.ceil_mode:
        raise ConversionError(f"{place}: ceil_mode has no node; pad the image instead")
    return builder.sum_pool(name, place, pair(module.kernel_size), pair(module.stride or module.kernel_size), x)


def _norse(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """Norse: v += dt/tau_mem (v_leak - v + i), of a fading current (LIF), of the input (LIFBox), or no leak (IAF)."""
    p, kind = module.p, type(module).__name__
    theta, reset = _numbers(p.v_th), _numbers(p.v_reset)
    if kind.startswith("IAF"):
        return _neuron(builder, name, place, x, np.ones(1), theta - reset, "zero", ">")
    x, decay, gain, leak = _norse_charge(builder, name, place, module, x)
    subtracts = getattr(getattr(p, "reset_method", None), "__name__", "") == "reset_subtract"
    if not subtracts and (reset != leak).any():
        raise ConversionError(f"{place}: resets to {reset} and leaks to {leak}; expected both equal")
    if subtracts and (leak != 0).any():
        raise ConversionError(f"{place}: subtracts its threshold while it leaks to {leak}; expected v_leak = 0")
    kind_of_reset: Reset = "subtract" if subtracts else "zero"
    return _neuron(builder, name, place, x, decay, theta - leak, kind_of_reset, ">", gain=gain)


def _norse_leak(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """Norse leaky readout: an LI, behind another for its synaptic current where it has one."""
    x, decay, gain, leak = _norse_charge(builder, name, place, module, x)
    if (leak != 0).any():
        raise ConversionError(f"{place}: leaks to {leak}; a readout here leaks to 0")
    return builder.integrator(name, place, decay, x, gain)


def _norse_charge(
    builder: Builder, name: str, place: str, module: Any, x: Value
) -> tuple[Value, Factor, Factor, Factor]:
    p = module.p
    share = module.dt * _numbers(p.tau_mem_inv)
    if hasattr(p, "tau_syn_inv"):
        x = builder.integrator(f"{name}.syn", place, 1 - module.dt * _numbers(p.tau_syn_inv), x)
    return x, 1 - share, share, _numbers(p.v_leak)


def _of_two(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """Of sinabs (spike_fn=SingleSpike, fires at >=) or Norse (at >), each by its own equations."""
    return (_norse if framework(module) == "norse" else _sinabs)(builder, name, place, module, x)


def _scaler(builder: Builder, name: str, place: str, module: Any, x: Value) -> Value:
    """SpikingJelly VoltageScaler: a factor, taken in by the next weights or threshold."""
    return Value(x.node, x.factor * float(module.scale), x.shape)


def _neuron(
    builder: Builder,
    name: str,
    place: str,
    x: Value,
    decay: Factor,
    theta: Any,
    reset: Reset,
    tie: Any,
    spike: Any = 1.0,
    gain: Any = 1.0,
) -> Value:
    leaks = bool((np.asarray(decay) != 1).any())
    if not leaks and reset == "subtract-late":
        reset = "subtract"  # without a leak it is the same
    return builder.neuron(
        name, place, Dynamics(theta, 0.0, reset, tie, decay if leaks else None, gain, np.squeeze(spike)), x
    )


def _numbers(value: Any) -> Factor:
    """A tensor or number as (C,) float64, or (1,)."""
    array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(array, np.float64).ravel()


_Reader = Callable[[Builder, str, str, Any, Value], Value]
NEURONS: dict[str, _Reader] = {
    "Leaky": _leaky,
    "Synaptic": _synaptic,
    "IFNode": _spikingjelly,
    "SimpleIFNode": _spikingjelly,
    "LIFNode": _spikingjelly,
    "SimpleLIFNode": _spikingjelly,
    "ParametricLIFNode": _spikingjelly,
    "VoltageScaler": _scaler,
    "IAF": _of_two,
    "IAFSqueeze": _sinabs,
    "LIF": _of_two,
    "LIFSqueeze": _sinabs,
    "ExpLeak": _sinabs_leak,
    "ExpLeakSqueeze": _sinabs_leak,
    "SumPool2d": _sinabs_pool,
    "IAFCell": _norse,
    "LIFCell": _norse,
    "LIFBoxCell": _norse,
    "LICell": _norse_leak,
    "LI": _norse_leak,
    "LIBoxCell": _norse_leak,
}
