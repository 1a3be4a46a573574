"""Read NIR's nodes; neurons are integrated by Euler's method.

IF        v += r i                                    fires at v > v_threshold, then v = v_reset
LIF       v += dt/tau (v_leak - v + r i)              the same
CubaLIF   I += dt/tau_syn (w_in i - I), then LIF with I
LI, CubaLI, I                                         the same without spikes; the output is v
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.graph import NAME
from spikelet.nodes import Shape
from spikelet_converters.exports.nir import NirNode
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.neurons import check_reset
from spikelet_converters.frontends.nir import convolutions
from spikelet_converters.frontends.nir.nesting import Pass
from spikelet_converters.frontends.nir.parameters import by_channel
from spikelet_converters.frontends.refusals import NIR as ADVICE
from spikelet_converters.frontends.values import Dynamics, Factor, Value, free_name

SPIKING = ("CubaLIF", "IF", "LIF")


class Reader:
    """Adds nodes to a builder in topological order.

    Attributes:
        inputs: Shapes of the inputs of the nodes that fire, by name.
    """

    def __init__(self, builder: Builder, dt: float) -> None:
        self.builder = builder
        self.dt = dt
        self.inputs: dict[str, Shape] = {}

    def run(self, nodes: dict[str, NirNode], edges: list[tuple[str, str]], start: Value) -> None:
        names = self._names(nodes)
        sources: dict[str, list[str]] = {name: [] for name in nodes}
        for a, b in edges:
            sources[b].append(a)
        values: dict[str, Value] = {}
        pending = list(nodes)
        while pending:
            ready = [name for name in pending if all(source in values for source in sources[name])]
            if not ready:
                kinds = ", ".join(f"{name} ({type(nodes[name]).__name__})" for name in pending[:4])
                raise ConversionError(
                    f"{kinds} form or follow a cycle: the network is recurrent, and bundles have no recurrence; "
                    "`spikelet validate FILE.nir` simulates it in float32 and in Brian2; for a bundle, use a "
                    "feed-forward network"
                )
            for name in ready:
                inputs = [values[source] for source in sources[name]]
                where = f"node {name} ({type(nodes[name]).__name__})"
                if isinstance(nodes[name], Pass):
                    where = f"node {name.rpartition('.')[0]} (NIRGraph)"
                if type(nodes[name]).__name__ in SPIKING and inputs:
                    self.inputs[name] = inputs[0].shape
                try:
                    values[name] = self._read(names[name], where, nodes[name], inputs, start)
                except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
                    raise ConversionError(f"{where}: a parameter is missing or damaged ({error})") from None
                pending.remove(name)

    def _names(self, nodes: dict[str, NirNode]) -> dict[str, str]:
        """Return different, valid names of nodes for the layers; valid names are kept."""
        taken = {"input", "output"}  # of the graph
        names: dict[str, str] = {}
        for name in sorted(nodes, key=lambda name: not NAME.fullmatch(name)):
            names[name] = free_name(name, taken)
            taken.add(names[name])
        self.builder.reserved |= taken
        return names

    def _read(self, name: str, where: str, node: NirNode, inputs: list[Value], start: Value) -> Value:
        kind = type(node).__name__
        if kind == "Input":
            return start
        if not inputs:
            raise ConversionError(f"{where}: has no input")
        x = inputs[0]
        if len(inputs) > 1:
            x = self.builder.add(self.builder.free_name(f"{name}.sum"), where, inputs)
        if isinstance(node, Pass):
            return x
        if kind == "Output":
            return self.builder.output([x])
        handler: Callable[..., Value] | None = getattr(self, f"_{kind.lower()}", None)
        if handler is None:
            raise ConversionError(f"{where}: {ADVICE.get(kind, 'is not supported')}")
        return handler(name, where, node, x)

    def _affine(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if node.weight.ndim != 2:
            raise ConversionError(f"{where}: weights of shape {node.weight.shape}; expected (out, in)")
        if len(x.shape) > 1:
            raise ConversionError(
                f"{where}: expected an input of shape ({node.weight.shape[1]},), found {x.shape}; flatten it first"
            )
        return self.builder.linear(name, where, node.weight, getattr(node, "bias", None), x)

    _linear = _affine

    def _conv2d(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        return convolutions.convolution(self.builder, name, where, node, x)

    _conv1d = _conv2d

    def _delay(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if np.any(np.asarray(node.delay) != 0):
            raise ConversionError(f"{where}: {ADVICE['Delay']}")
        return x

    def _scale(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        factor = self._channels(where, "scale", node.scale, x)
        return replace(x, factor=x.factor * factor, offset=x.offset * factor)

    def _sumpool2d(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        return convolutions.pool(self.builder, name, where, node, x)

    _avgpool2d = _sumpool2d

    def _flatten(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        stated = node.input_type["input"]
        axes = len(x.shape) if stated is None else np.size(stated)
        first, last = int(node.start_dim), int(node.end_dim)
        if first not in (0, 1) or last not in (-1, axes - 1, axes):  # some exporters count a batch axis
            raise ConversionError(f"{where}: flattens axes {first} to {last} of {axes}; expected all of them")
        return self.builder.flatten(name, where, x)

    def _if(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        gain, theta, reset = (self._channels(where, f, getattr(node, f), x) for f in ("r", "v_threshold", "v_reset"))
        check_reset(where, theta, reset)
        if np.allclose(gain * self.dt, 1):
            self.builder.note(f"{where}: r = 1/dt, as SpikingJelly writes it, was taken as one a time-step")
            gain = np.ones_like(gain)
        x, gain = _positive(where, gain, x)
        # in terms of v - v_reset, which is reset to 0 and starts at -v_reset
        return self.builder.neuron(name, where, Dynamics(theta - reset, -reset, "zero", ">", None, gain), x)

    def _lif(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        keep, gain = self._leak(where, node.tau, node.r, x)
        theta, reset, rest = (
            self._channels(where, f, getattr(node, f), x) for f in ("v_threshold", "v_reset", "v_leak")
        )
        check_reset(where, theta, reset)
        x, gain = _positive(where, gain, x)
        if (reset != rest).any():
            # in terms of v - v_reset: a constant current makes it leak to v_leak - v_reset
            x = self.builder.shifted(f"{name}.current", where, (rest - reset) * (1 - keep) / gain, x)
        return self.builder.neuron(name, where, Dynamics(theta - reset, -reset, "zero", ">", keep, gain), x)

    def _cubalif(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        inner = type("LIF", (), {**vars(node), "tau": node.tau_mem})
        return self._lif(name, where, inner, self._synapse(name, where, node, x))

    def _li(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        keep, gain = self._leak(where, node.tau, node.r, x)
        rest = self._channels(where, "v_leak", node.v_leak, x)
        if rest.any():
            x, gain = _positive(where, gain, x)
            x = self.builder.shifted(f"{name}.current", where, rest * (1 - keep) / gain, x)
        return self.builder.integrator(name, where, keep, x, gain)

    def _cubali(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        inner = type("LI", (), {**vars(node), "tau": node.tau_mem})
        return self._li(name, where, inner, self._synapse(name, where, node, x))

    def _i(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        return self.builder.integrator(name, where, np.ones(1), x, self._channels(where, "r", node.r, x))

    def _synapse(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        keep, gain = self._leak(where, node.tau_syn, node.w_in, x)
        return self.builder.integrator(self.builder.free_name(f"{name}.syn"), where, keep, x, gain)

    def _leak(self, where: str, tau: npt.ArrayLike, r: npt.ArrayLike, x: Value) -> tuple[Factor, Factor]:
        times = self._channels(where, "tau", tau, x)
        if not (times > 0).all():
            raise ConversionError(f"{where}: a time constant of {times.min():g} s; expected one above 0")
        share = self.dt / times
        if not (share < 1).all():
            raise ConversionError(
                f"{where}: a time constant of {times.min():g} s does not fit time-steps of {self.dt:g} s; "
                "give shorter time-steps with --dt"
            )
        return 1 - share, share * self._channels(where, "r", r, x)

    def _channels(self, where: str, parameter: str, value: npt.ArrayLike, x: Value) -> Factor:
        """Return a parameter with one value per neuron as one value per channel, (C,)."""
        return by_channel(where, parameter, value, x.shape)


def _positive(where: str, gain: Factor, x: Value) -> tuple[Value, Factor]:
    """Return the input and the factor on it, of which a negative one is multiplied into the input."""
    if (gain == 0).any():
        raise ConversionError(f"{where}: multiplies its input by 0 (r or w_in); expected another number")
    signs = np.sign(gain)
    if (signs > 0).all():
        return x, gain
    return replace(x, factor=x.factor * signs, offset=x.offset * signs), np.abs(gain)
