"""NIR nodes of a node of a network: one with the same name, and additional ones with a suffix."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, MissingDependency
from spikelet.graph import Graph
from spikelet.neurons import per_channel
from spikelet.nodes import IF, LI, LIF, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d, is_float
from spikelet_converters.choices import NirForm

Values = npt.NDArray[np.float32]
NirNode: TypeAlias = Any
"""A node or graph of the package `nir`, which has no types."""
Part = tuple[dict[str, NirNode], str, str, list[tuple[str, str]]]  # nodes, first node, last node, inner edges


def load_nir() -> ModuleType:
    """Import the package `nir`.

    Raises:
        MissingDependency: The package is not installed.
    """
    try:
        import nir
    except ImportError:
        raise MissingDependency("nir", "nir") from None
    module: ModuleType = nir
    return module


def nir_nodes(nir: ModuleType, graph: Graph, name: str, form: NirForm, dt: float, separator: str) -> Part:
    """Return the NIR nodes of a node, the first and the last of them, and the edges between them.

    Args:
        nir: The package.
        graph: The network, without copies.
        name: The node, other than an Add.
        form: "annotated", "normalised" or "expressed".
        dt: Length of a time-step in seconds.
        separator: Separator before the suffix of an additional NIR node.

    Raises:
        ConversionError: NIR has no nodes for it in this form.
    """
    shape = graph.shapes[name]
    before = graph.shapes[graph.predecessors[name][0]] if graph.predecessors[name] else ()
    match graph.nodes[name]:
        case Input() as node:
            return _input(nir, name, node, f"{name}{separator}mean")
        case Conv2d() as node:
            built = nir.Conv2d(
                input_shape=before[1:], weight=_f32(node.weight), bias=_f32(node.bias), stride=node.stride,
                padding=node.padding, dilation=(1, 1), groups=node.groups,
            )  # fmt: skip
        case Linear() as node:
            built = nir.Affine(weight=_f32(node.weight), bias=_f32(node.bias))
        case SumPool2d() as node:
            built = nir.SumPool2d(
                kernel_size=np.array(node.kernel), stride=np.array(node.stride), padding=np.zeros(2, int)
            )
        case Scale() as node:
            built = nir.Scale(scale=_spread(node.scale, shape))
        case Flatten():
            built = nir.Flatten(start_dim=0, end_dim=-1, input_type={"input": np.array(before)})
        case LI() as node:
            built = _integrator(nir, name, _spread(node.decay, shape), dt, form)
        case IF() as node:
            return _neuron(nir, name, node, shape, form, dt, separator)
        case Output() as node:
            return _output(nir, name, node, shape, form, f"{name}{separator}scale")
        case node:
            raise ConversionError(f"node {name}: NIR has no node for {node.kind}")
    return {name: built}, name, name, []


def _input(nir: ModuleType, name: str, node: Input, centered: str) -> Part:
    """Return the input, and a layer called `centered` that subtracts the mean."""
    built = {name: nir.Input(input_type={"input": np.array(node.shape)})}
    if not node.mean.any():
        return built, name, name, []
    channels, mean = node.shape[0], _f32(-node.mean.astype(np.float32))
    weight = np.eye(channels, dtype=np.float32)
    if len(node.shape) == 1:
        built[centered] = nir.Affine(weight=weight, bias=mean)
    else:
        built[centered] = nir.Conv2d(
            input_shape=node.shape[1:], weight=weight[:, :, None, None], bias=mean, stride=(1, 1), padding=(0, 0),
            dilation=(1, 1), groups=1,
        )  # fmt: skip
    return built, name, centered, [(name, centered)]


def _output(nir: ModuleType, name: str, node: Output, shape: tuple[int, ...], form: NirForm, scaled: str) -> Part:
    """Return the output, and a layer called `scaled` that multiplies by the scale."""
    out = nir.Output(output_type={"output": np.array(shape)})
    if form == "normalised" and node.scale == 1:
        return {name: out}, name, name, []
    scale = nir.Scale(scale=np.full(shape, node.scale, np.float32))
    return {scaled: scale, name: out}, scaled, name, [(scaled, name)]


def _neuron(
    nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], form: NirForm, dt: float, separator: str
) -> Part:
    if form != "expressed":
        return _annotated(nir, name, node, shape, dt)
    return _expressed(nir, name, node, shape, dt, separator)


def _annotated(nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], dt: float) -> Part:
    theta = _spread(node.theta, shape)
    if isinstance(node, LIF):
        tau, r = _leak(_keep(node, shape), dt)
        built = nir.LIF(tau=tau, r=r, v_leak=np.zeros_like(tau), v_threshold=theta, v_reset=np.zeros_like(theta))
    else:
        built = nir.IF(r=np.ones_like(theta), v_threshold=theta, v_reset=np.zeros_like(theta))
    return {name: built}, name, name, []


def _expressed(nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], dt: float, separator: str) -> Part:
    """Return a neuron in terms of v - v_init, which starts at zero, with a strict threshold just below the tie."""
    leaks = isinstance(node, LIF)
    if isinstance(node, LIF) and not is_float(node.decay):
        raise ConversionError(
            f"neuron {name}: NIR does not represent a leak by an integer shift, which rounds at every time-step; "
            "use --form annotated"
        )
    theta, start = _spread(node.theta, shape), _spread(node.v_init, shape)
    level = theta - start
    if node.tie == ">=":
        level = np.nextafter(level, np.float32(-np.inf)) if is_float(node.theta) else level - np.float32(0.5)
    if node.reset == "zero":
        if isinstance(node, LIF):
            tau, r = _leak(_keep(node, shape), dt)
            built = nir.LIF(tau=tau, r=r, v_leak=-start, v_threshold=level, v_reset=-start)
        else:
            built = nir.IF(r=np.ones_like(theta), v_threshold=level, v_reset=-start)
        return {name: built}, name, name, []
    state, spikes, back = f"{name}{separator}v", name, f"{name}{separator}reset"
    if leaks and start.any():
        raise ConversionError(
            f"neuron {name}: leaks and has an initial potential, which NIR does not represent; use --form annotated"
        )
    keep = _keep(node, shape) if isinstance(node, LIF) else np.ones(shape, np.float32)
    drop = -_spread(node.drop, shape) * keep  # it arrives a time-step later, after the leak
    built = {
        state: _integrator(nir, state, keep, dt, "expressed"),
        spikes: nir.Threshold(threshold=level),
        back: nir.Scale(scale=drop.astype(np.float32)),
    }
    return built, state, spikes, [(state, spikes), (spikes, back), (back, state)]


def _integrator(nir: ModuleType, name: str, keep: Values, dt: float, form: NirForm) -> NirNode:
    if (keep == 1).all():
        return nir.I(r=np.ones_like(keep))
    if (keep == 1).any() and form == "expressed":
        raise ConversionError(f"node {name}: only some channels leak; NIR has no node for both, use --form annotated")
    tau, r = _leak(keep, dt)
    return nir.LI(tau=tau, r=r, v_leak=np.zeros_like(tau))


def _leak(keep: Values, dt: float) -> tuple[Values, Values]:
    """Return (tau, r) for which Euler's step, v += dt/tau (r i - v), is v <- keep v + i."""
    share = 1 - np.minimum(keep.astype(np.float64), 1 - 2.0**-24)
    return (dt / share).astype(np.float32), (1 / share).astype(np.float32)


def _keep(node: LIF, shape: tuple[int, ...]) -> Values:
    decay = node.decay if is_float(node.decay) else 1 - np.exp2(-node.decay.astype(np.float32))
    return _spread(decay, shape)


def _spread(values: Array, shape: tuple[int, ...]) -> Values:
    """Broadcast (C,) to one value per neuron, as NIR expects."""
    return np.ascontiguousarray(np.broadcast_to(per_channel(values, len(shape)), shape))


def _f32(values: Array) -> Values:
    return np.ascontiguousarray(values, np.float32)
