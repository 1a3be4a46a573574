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
from spikelet_converters.frontends.nir.nesting import Pass
from spikelet_converters.frontends.refusals import NIR as ADVICE
from spikelet_converters.frontends.values import Dynamics, Factor, Value, free_name
from spikelet_converters.frontends.windows import dilated

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
                if type(nodes[name]).__name__ in SPIKING and inputs:
                    self.inputs[name] = inputs[0].shape
                try:
                    values[name] = self._read(names[name], where, nodes[name], inputs, start)
                except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
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
        return self.builder.linear(name, where, node.weight, getattr(node, "bias", None), x)

    _linear = _affine

    def _conv2d(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        return self._convolution(name, where, node, _pair, x)

    def _conv1d(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if len(x.shape) != 3 or x.shape[1] != 1:
            raise ConversionError(f"{where}: expected an input (C, L), found {x.shape}")
        kernel = np.asarray(node.weight)[:, :, None]  # (C_out, C_in / groups, 1, k)
        line = type("Conv1d", (), {**vars(node), "weight": kernel})
        return self._convolution(name, where, line, _along, x)

    def _convolution(
        self, name: str, where: str, node: NirNode, pair: Callable[[npt.ArrayLike, int], tuple[int, int]], x: Value
    ) -> Value:
        stride, dilation = pair(node.stride, 1), pair(node.dilation, 1)
        padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
        if isinstance(padding, str):
            reach = [d * (k - 1) for d, k in zip(dilation, node.weight.shape[2:], strict=True)]
            if padding == "same" and (any(r % 2 for r in reach) or stride != (1, 1)):
                raise ConversionError(f"{where}: pads unevenly ({padding!r}); write the padding as numbers")
            padded = (reach[0] // 2, reach[1] // 2) if padding == "same" else (0, 0)
        else:
            padded = pair(padding, 0)
        kernel = dilated(np.asarray(node.weight, np.float64), dilation)
        return self.builder.conv(name, where, kernel, node.bias, stride, padded, int(node.groups), x)

    def _delay(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if np.any(np.asarray(node.delay) != 0):
            raise ConversionError(f"{where}: {ADVICE['Delay']}")
        return x

    def _scale(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        factor = self._channels(where, "scale", node.scale, x)
        return replace(x, factor=x.factor * factor, offset=x.offset * factor)

    def _sumpool2d(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if any(_pair(node.padding)):
            raise ConversionError(f"{where}: padding {_pair(node.padding)} is not supported; pad the image instead")
        pool = self.builder.pool if type(node).__name__ == "AvgPool2d" else self.builder.sum_pool
        return pool(name, where, _pair(node.kernel_size), _pair(node.stride), x)

    _avgpool2d = _sumpool2d

    def _flatten(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if int(node.start_dim) not in (0, 1) or int(node.end_dim) not in (-1, 2, 3):
            raise ConversionError(f"{where}: flattens axes {node.start_dim} to {node.end_dim}; expected all of them")
        return self.builder.flatten(name, where, x)

    def _if(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        gain, theta, reset = (self._channels(where, f, getattr(node, f), x) for f in ("r", "v_threshold", "v_reset"))
        if np.allclose(gain * self.dt, 1):
            self.builder.note(f"{where}: r = 1/dt, as SpikingJelly writes it, was taken as one a time-step")
            gain = np.ones_like(gain)
        # in terms of v - v_reset, which is reset to 0 and starts at -v_reset
        return self.builder.neuron(name, where, Dynamics(theta - reset, -reset, "zero", ">", None, gain), x)

    def _lif(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        keep, gain = self._leak(where, node.tau, node.r, x)
        theta, reset, rest = (
            self._channels(where, f, getattr(node, f), x) for f in ("v_threshold", "v_reset", "v_leak")
        )
        if (reset != rest).any():
            # in terms of v - v_reset: a constant current makes it leak to v_leak - v_reset
            message = f"{where}: resets to {_range_text(reset)} and leaks to {_range_text(rest)}"
            x = self.builder.shifted(message, (rest - reset) * (1 - keep) / gain, x)
        return self.builder.neuron(name, where, Dynamics(theta - reset, -reset, "zero", ">", keep, gain), x)

    def _cubalif(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        inner = type("LIF", (), {**vars(node), "tau": node.tau_mem})
        return self._lif(name, where, inner, self._synapse(name, where, node, x))

    def _li(self, name: str, where: str, node: NirNode, x: Value) -> Value:
        if np.any(node.v_leak):
            raise ConversionError(
                f"{where}: leaks to {_range_text(np.ravel(node.v_leak))}; expected a readout with v_leak = 0"
            )
        keep, gain = self._leak(where, node.tau, node.r, x)
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
        share = self.dt / self._channels(where, "tau", tau, x)
        if not ((share > 0) & (share < 1)).all():
            raise ConversionError(
                f"{where}: a time constant of {self.dt / share.max():g} s does not fit time-steps of {self.dt:g} s; "
                "give shorter time-steps with --dt"
            )
        return 1 - share, share * self._channels(where, "r", r, x)

    def _channels(self, where: str, parameter: str, value: npt.ArrayLike, x: Value) -> Factor:
        """Return a parameter with one value per neuron as one value per channel, (C,)."""
        array: npt.NDArray[np.float64] = np.asarray(value, np.float64)
        channels = x.shape[0]
        if not np.isfinite(array).all():
            raise ConversionError(f"{where}: {parameter} contains NaN or infinity; expected finite numbers")
        if len(x.shape) == 3 and x.shape[1] == 1 and array.shape == (channels, x.shape[2]):
            array = array[:, None]  # of a line (C, L)
        if array.size == 1:
            return np.full(channels, array.ravel()[0])
        while array.ndim > 1 and array.shape[0] == 1 and array.shape[0] != channels:
            array = array[0]
        if array.shape[0] != channels:
            raise ConversionError(f"{where}: {parameter} has shape {array.shape}, its input {x.shape}")
        rows = array.reshape(channels, -1)
        if (rows != rows[:, :1]).any():
            raise ConversionError(f"{where}: {parameter} differs within a channel; expected one value per channel")
        return rows[:, 0].copy()


def _pair(value: npt.ArrayLike, of_rows: int = 0) -> tuple[int, int]:
    array = np.ravel(value)
    return int(array[0]), int(array[-1])


def _along(value: npt.ArrayLike, of_rows: int) -> tuple[int, int]:
    """Return a number along a line as a pair (of_rows, number); a line is an image of one row."""
    return of_rows, int(np.ravel(value)[0])


def _range_text(values: npt.ArrayLike) -> str:
    array = np.unique(values)
    return f"{array[0]:g}" if array.size == 1 else f"{array[0]:g}…{array[-1]:g}"
