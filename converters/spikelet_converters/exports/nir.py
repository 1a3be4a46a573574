"""A bundle as NIR (Neuromorphic Intermediate Representation).

NIR's neurons fire where v > v_threshold and are then set to v_reset, here 0. It has no word for reset by
subtraction, v_init, a tie that fires or whole numbers. Two forms:

    annotated   one NIR neuron for each of ours; what NIR cannot say is in the graph's metadata, which our own
                import reads back without loss. Another reader resets to zero instead
    expressed   NIR's own nodes do what ours does: a threshold moved below the tie and by v_init; and reset by
                subtraction as an integrator, a Threshold, and its spikes fed back as -theta with a step's delay
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet.atomic import replacing
from spikelet.bundle import Bundle, schema
from spikelet.errors import ConversionError, MissingDependency
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Array, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d, is_float

Form = Literal["annotated", "expressed"]
FORMS: tuple[Form, ...] = ("annotated", "expressed")
METADATA = "spikelet"
DT = 1e-4
Values = npt.NDArray[np.float32]


def export(bundle: Bundle, path: Path, form: Form = "annotated", dt: float = DT) -> list[str]:
    """Write the file; returns what another reader will do differently, a sentence each.

    dt: seconds of a time-step, for the time constants of leaks.

    Raises:
        ConversionError: a form that NIR has no nodes for. MissingDependency: the package `nir` is not installed.
    """
    graph = to_nir(bundle.graph, form, dt, _said_of(bundle))
    with replacing(path) as file:
        package().write(file, graph)
    return warnings(bundle.graph, form)


def warnings(graph: Graph, form: Form) -> list[str]:
    """What a reader that knows nothing of our metadata does differently."""
    words = []
    if form == "annotated":
        neurons = [node for node in graph.nodes.values() if isinstance(node, IF)]
        if any(node.reset != "zero" for node in neurons):
            words.append(
                "another reader resets these neurons to zero where they subtract their threshold, and fires other "
                "spikes; --form expressed writes the subtraction in NIR's own nodes"
            )
        if any(node.tie == ">=" for node in neurons):
            words.append("another reader does not fire where a potential equals its threshold")
        if any(np.any(node.v_init) for node in neurons):
            words.append("another reader starts at zero where these neurons have an initial potential")
    elif any(isinstance(node, IF) and node.reset != "zero" for node in graph.nodes.values()):
        words.append("the feedback that subtracts a threshold needs a reader that runs recurrent graphs")
    return words


def to_nir(graph: Graph, form: Form = "annotated", dt: float = DT, said: Mapping[str, Any] | None = None) -> Any:
    """The nir.NIRGraph of a network."""
    nir = package()
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    ends: dict[str, str] = {}  # the NIR node that sends on what one of ours does

    for name in graph.order:
        sources = [ends[source] for source in graph.predecessors[name]]
        if isinstance(graph.nodes[name], Add):
            # NIR adds up what arrives at a node: a Scale of ones gathers it
            made = {name: nir.Scale(scale=np.ones(graph.shapes[name], np.float32))}
            first, last, inner = name, name, list[tuple[str, str]]()
        else:
            made, first, last, inner = _node(nir, graph, name, form, dt)
        nodes.update(made)
        edges += [(source, first) for source in sources] + inner
        ends[name] = last
    metadata = {METADATA: json.dumps(_annotation(graph, form, dt, said or {}))}
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata, type_check=False)


def package() -> Any:
    """The package `nir`.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import nir
    except ImportError:
        raise MissingDependency("nir", "nir") from None
    return nir


_Made = tuple[dict[str, Any], str, str, list[tuple[str, str]]]  # nodes, the first, the last, edges between


def _node(nir: Any, graph: Graph, name: str, form: Form, dt: float) -> _Made:
    shape = graph.shapes[name]
    before = graph.shapes[graph.predecessors[name][0]] if graph.predecessors[name] else ()
    match graph.nodes[name]:
        case Input() as node:
            return _input(nir, name, node)
        case Conv2d() as node:
            made = nir.Conv2d(
                input_shape=before[1:], weight=_f32(node.weight), bias=_f32(node.bias), stride=node.stride,
                padding=node.padding, dilation=(1, 1), groups=node.groups,
            )  # fmt: skip
        case Linear() as node:
            made = nir.Affine(weight=_f32(node.weight), bias=_f32(node.bias))
        case SumPool2d() as node:
            made = nir.SumPool2d(
                kernel_size=np.array(node.kernel), stride=np.array(node.stride), padding=np.zeros(2, int)
            )
        case Scale() as node:
            made = nir.Scale(scale=_spread(node.scale, shape))
        case Flatten():
            made = nir.Flatten(start_dim=0, end_dim=-1, input_type={"input": np.array(before)})
        case LI() as node:
            keep = _spread(node.decay, shape)
            made = _integrator(nir, name, keep, dt)
        case IF() as node:
            return (_annotated if form == "annotated" else _expressed)(nir, name, node, shape, dt)
        case Output() as node:
            scale = nir.Scale(scale=np.full(shape, node.scale, np.float32))
            out = nir.Output(output_type={"output": np.array(shape)})
            return {f"{name}.scale": scale, name: out}, f"{name}.scale", name, [(f"{name}.scale", name)]
        case node:
            raise ConversionError(f"node {name}: NIR has no node for {node.kind}")
    return {name: made}, name, name, []


def _input(nir: Any, name: str, node: Input) -> _Made:
    """The input, and a layer of its own that takes the mean off."""
    made = {name: nir.Input(input_type={"input": np.array(node.shape)})}
    if not node.mean.any():
        return made, name, name, []
    channels, mean = node.shape[0], _f32(-node.mean.astype(np.float32))
    weight = np.eye(channels, dtype=np.float32)
    if len(node.shape) == 1:
        made[f"{name}.mean"] = nir.Affine(weight=weight, bias=mean)
    else:
        made[f"{name}.mean"] = nir.Conv2d(
            input_shape=node.shape[1:], weight=weight[:, :, None, None], bias=mean, stride=(1, 1), padding=(0, 0),
            dilation=(1, 1), groups=1,
        )  # fmt: skip
    return made, name, f"{name}.mean", [(name, f"{name}.mean")]


def _annotated(nir: Any, name: str, node: IF, shape: tuple[int, ...], dt: float) -> _Made:
    theta = _spread(node.theta, shape)
    if isinstance(node, LIF):
        tau, r = _leak(_keep(node, shape), dt)
        made = nir.LIF(tau=tau, r=r, v_leak=np.zeros_like(tau), v_threshold=theta, v_reset=np.zeros_like(theta))
    else:
        made = nir.IF(r=np.ones_like(theta), v_threshold=theta, v_reset=np.zeros_like(theta))
    return {name: made}, name, name, []


def _expressed(nir: Any, name: str, node: IF, shape: tuple[int, ...], dt: float) -> _Made:
    """V - v_init in place of v, so that it starts at zero; a strict threshold just below the tie."""
    leaks = isinstance(node, LIF)
    if isinstance(node, LIF) and not is_float(node.decay):
        raise ConversionError(
            f"neuron {name}: a leak by an integer shift rounds at each step, which NIR cannot say; use --form annotated"
        )
    theta, start = _spread(node.theta, shape), _spread(node.v_init, shape)
    level = theta - start
    if node.tie == ">=":
        level = np.nextafter(level, np.float32(-np.inf)) if is_float(node.theta) else level - np.float32(0.5)
    if node.reset == "zero":
        if isinstance(node, LIF):
            tau, r = _leak(_keep(node, shape), dt)
            made = nir.LIF(tau=tau, r=r, v_leak=-start, v_threshold=level, v_reset=-start)
        else:
            made = nir.IF(r=np.ones_like(theta), v_threshold=level, v_reset=-start)
        return {name: made}, name, name, []
    state, spikes, back = f"{name}.v", name, f"{name}.reset"
    if leaks and start.any():
        raise ConversionError(
            f"neuron {name}: leaks and has an initial potential, which NIR cannot say; use --form annotated"
        )
    keep = _keep(node, shape) if isinstance(node, LIF) else np.ones(shape, np.float32)
    drop = -_spread(node.drop, shape) * keep  # it arrives a step later, after that step's leak
    made = {
        state: _integrator(nir, state, keep, dt),
        spikes: nir.Threshold(threshold=level),
        back: nir.Scale(scale=drop.astype(np.float32)),
    }
    return made, state, spikes, [(state, spikes), (spikes, back), (back, state)]


def _integrator(nir: Any, name: str, keep: Values, dt: float) -> Any:
    if (keep == 1).all():
        return nir.I(r=np.ones_like(keep))
    if (keep == 1).any():
        raise ConversionError(f"node {name}: some channels leak and some do not; NIR has a node for each, not for both")
    tau, r = _leak(keep, dt)
    return nir.LI(tau=tau, r=r, v_leak=np.zeros_like(tau))


def _leak(keep: Values, dt: float) -> tuple[Values, Values]:
    """(tau, r) for which Euler's step, v += dt/tau (r i - v), is v <- keep v + i."""
    share = 1 - np.minimum(keep.astype(np.float64), 1 - 2.0**-24)
    return (dt / share).astype(np.float32), (1 / share).astype(np.float32)


def _keep(node: LIF, shape: tuple[int, ...]) -> Values:
    decay = node.decay if is_float(node.decay) else 1 - np.exp2(-node.decay.astype(np.float32))
    return _spread(decay, shape)


def _annotation(graph: Graph, form: Form, dt: float, said: Mapping[str, Any]) -> dict[str, Any]:
    """The graph as our own schema has it: small arrays by value, weights by the NIR node that holds them."""
    document, tensors = schema.encode(graph)
    large = {f"{n}.{f}" for n, node in graph.nodes.items() if isinstance(node, Conv2d | Linear) for f in node.tensors}
    return {
        "version": 1,
        "form": form,
        "dt": dt,
        "graph": document,
        "dtypes": {key: value.dtype.name for key, value in tensors.items()},
        "values": {key: value.tolist() for key, value in tensors.items() if key not in large},
        **said,
    }


def _said_of(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    labels = None if manifest.labels is None else list(manifest.labels)
    return {"name": manifest.name, "bits": manifest.bits, "labels": labels}


def _spread(values: Array, shape: tuple[int, ...]) -> Values:
    """(C,) as one value a neuron, which is what NIR wants."""
    column = values.astype(np.float32).reshape(-1, *(1,) * (len(shape) - 1))
    return np.ascontiguousarray(np.broadcast_to(column, shape))


def _f32(values: Array) -> Values:
    return np.ascontiguousarray(values, np.float32)
