"""Simulate a NIR network by the equations of its nodes, in float64, to compare the imported graph with them.

The importer is not used here: parameters are applied by neuron, in the units of the file.

IF        v <- v + r i                                fires at v > v_threshold, then v <- v_reset
LIF       v <- v + dt/tau (v_leak - v + r i)          the same
CubaLIF   I <- I + dt/tau_syn (w_in i - I), then LIF with I
LI, CubaLI, I                                         the same without spikes; the output is v
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.nodes import Shape
from spikelet_converters.exports.nir import NirNode
from spikelet_converters.frontends.source import Simulate

State = dict[str, Tensor]


def simulator(
    nodes: dict[str, NirNode],
    edges: Sequence[tuple[str, str]],
    dt: float,
    delayed: Mapping[tuple[str, str], Shape] = MappingProxyType({}),
) -> Simulate:
    """Return a function that simulates a network.

    Args:
        nodes: The nodes by name, without nested graphs.
        edges: The edges, as (source, target).
        dt: Length of a time-step in seconds.
        delayed: Edges that carry the values of the time-step before, and zeros of a shape at the first.
    """
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        sources[target].append(source)
        if (source, target) not in delayed:
            before[target].append(source)
    order = list(TopologicalSorter(before).static_order())
    (output,) = (name for name, node in nodes.items() if type(node).__name__ == "Output")

    @torch.no_grad()
    def simulate(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        states: dict[str, State] = {name: {} for name in nodes}
        outputs = []
        first = {source: torch.zeros(inputs.shape[1], *shape).double() for (source, _), shape in delayed.items()}
        last: Mapping[str, Tensor] = first
        for x in torch.from_numpy(np.ascontiguousarray(inputs, np.float64)):
            values: dict[str, Tensor] = {}
            for name in order:
                if type(nodes[name]).__name__ == "Input":
                    values[name] = x
                    continue
                parts = [(last if (source, name) in delayed else values)[source] for source in sources[name]]
                total = torch.stack(parts).sum(0)
                values[name] = _NODES[type(nodes[name]).__name__](nodes[name], total, states[name], dt)
            last = values
            outputs.append(values[output].numpy())
        result: npt.NDArray[np.float32] = np.stack(outputs).astype(np.float32)
        return result

    return simulate


def _passed_on(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return x


def _linear(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    bias = getattr(node, "bias", None)
    return F.linear(x, _tensor(node.weight), None if bias is None else _tensor(bias))


def _conv(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    weight, bias = _tensor(node.weight), None if node.bias is None else _tensor(node.bias)
    stride, dilation = _pair(node.stride), _pair(node.dilation)
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, str) and padding == "same":  # torch's own warns about kernels of an even size
        high, wide = (step * (size - 1) for step, size in zip(dilation, weight.shape[2:], strict=True))
        x, padding = F.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2)), "valid"
    if not isinstance(padding, str):
        padding = _pair(padding)
    return F.conv2d(x, weight, bias, stride, padding, dilation, int(node.groups))


def _conv_of_line(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    weight, bias = _tensor(node.weight), None if node.bias is None else _tensor(node.bias)
    stride, dilation = int(np.ravel(node.stride)[0]), int(np.ravel(node.dilation)[0])
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    x = x[:, :, 0]
    if isinstance(padding, str) and padding == "same":
        reach = dilation * (weight.shape[2] - 1)
        x, padding = F.pad(x, (reach // 2, reach - reach // 2)), "valid"
    if not isinstance(padding, str):
        padding = int(np.ravel(padding)[0])
    return F.conv1d(x, weight, bias, stride, padding, dilation, int(node.groups))[:, :, None]


def _sum_pool(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return F.avg_pool2d(x, _pair(node.kernel_size), _pair(node.stride), _pair(node.padding), divisor_override=1)


def _average_pool(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return F.avg_pool2d(x, _pair(node.kernel_size), _pair(node.stride), _pair(node.padding))


def _scale(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return x * _by_neuron(node.scale, x)


def _flatten(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return x.flatten(1)


def _integrate_and_fire(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    r = _by_neuron(node.r, x)
    if torch.allclose(r * dt, torch.ones_like(r)):
        r = torch.ones_like(r)  # as SpikingJelly writes one unit a time-step
    state["v"] = state.get("v", torch.zeros_like(x)) + r * x
    return _fire(node, state)


def _leaky(node: NirNode, x: Tensor, state: State, dt: float, tau: str = "tau") -> Tensor:
    v = state.get("v", torch.zeros_like(x))
    rate = dt / _by_neuron(getattr(node, tau), x)
    state["v"] = v + rate * (_by_neuron(node.v_leak, x) - v + _by_neuron(node.r, x) * x)
    return state["v"]


def _leaky_fire(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    _leaky(node, x, state, dt)
    return _fire(node, state)


def _current(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    current = state.get("i", torch.zeros_like(x))
    state["i"] = current + dt / _by_neuron(node.tau_syn, x) * (_by_neuron(node.w_in, x) * x - current)
    return state["i"]


def _cuba(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return _leaky(node, _current(node, x, state, dt), state, dt, "tau_mem")


def _cuba_fire(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    _cuba(node, x, state, dt)
    return _fire(node, state)


def _integrator(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    state["v"] = state.get("v", torch.zeros_like(x)) + _by_neuron(node.r, x) * x
    return state["v"]


def _fire(node: NirNode, state: State) -> Tensor:
    v = state["v"]
    fired = v > _by_neuron(node.v_threshold, v)
    state["v"] = torch.where(fired, _by_neuron(node.v_reset, v).expand_as(v), v)
    return fired.double()


def _above(node: NirNode, x: Tensor, state: State, dt: float) -> Tensor:
    return (x > _by_neuron(node.threshold, x)).double()


_Evaluate = Callable[[NirNode, Tensor, State, float], Tensor]
STATELESS: dict[str, _Evaluate] = {
    "Affine": _linear,
    "AvgPool2d": _average_pool,
    "Conv1d": _conv_of_line,
    "Conv2d": _conv,
    "Delay": _passed_on,
    "Flatten": _flatten,
    "Linear": _linear,
    "Output": _passed_on,
    "Pass": _passed_on,
    "Scale": _scale,
    "SumPool2d": _sum_pool,
}
"""Nodes that are linear in their input, but for a constant."""

_NODES: dict[str, _Evaluate] = {
    **STATELESS,
    "CubaLI": _cuba,
    "CubaLIF": _cuba_fire,
    "I": _integrator,
    "IF": _integrate_and_fire,
    "LI": _leaky,
    "LIF": _leaky_fire,
    "Threshold": _above,
}


def _tensor(value: npt.ArrayLike) -> Tensor:
    return torch.from_numpy(np.array(value, np.float64))


def _by_neuron(value: npt.ArrayLike, x: Tensor) -> Tensor:
    """Return a parameter with one number, one per channel or one per neuron, to broadcast with x (N, …)."""
    array = np.asarray(value, np.float64)
    if array.size == 1:
        return _tensor(array.reshape(()))
    while array.ndim > 1 and len(array) == 1 < x.shape[1]:
        array = array[0]  # a batch axis
    while array.ndim >= x.ndim:
        array = array[0]
    if x.ndim == 4 and x.shape[2] == 1 and array.shape == (x.shape[1], x.shape[3]):
        array = array[:, None]  # of a line (C, L)
    return _tensor(array.reshape(array.shape + (1,) * (x.ndim - 1 - array.ndim)))


def _pair(value: npt.ArrayLike) -> tuple[int, int]:
    array = np.ravel(value)
    return int(array[0]), int(array[-1])
