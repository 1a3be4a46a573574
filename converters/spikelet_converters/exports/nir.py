"""Export a bundle as NIR (Neuromorphic Intermediate Representation).

NIR's neurons fire at v > v_threshold and are then set to v_reset, here 0. NIR does not represent reset by subtraction,
v_init, ties that fire, or integers. There are three forms:

    annotated   one NIR neuron for every neuron of the bundle; the graph's metadata contains the rest, so that
                spikelet's import is lossless. Other readers reset to zero instead
    normalised  the annotated form of the network in float32 with thresholds of 1 and without a scale of the output,
                which more readers accept, see `normalise.py`
    expressed   the same neurons in NIR's own nodes: a threshold lowered below the tie and by v_init; reset by
                subtraction as an integrator, a Threshold, and its spikes fed back as -theta a time-step later

Copies of neurons are written as channels in all forms, see `spikelet.copies`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.bounds import cost
from spikelet.bundle import Bundle, schema
from spikelet.copies import expand
from spikelet.errors import ConversionError, MissingDependency
from spikelet.files.atomic import replacing
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.nodes import (
    IF,
    LI,
    LIF,
    Add,
    Array,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Node,
    Output,
    Scale,
    SumPool2d,
    is_float,
)
from spikelet_converters.choices import TIME_STEP, NirForm
from spikelet_converters.exports.normalise import normalised

METADATA = "spikelet"
BYTES = 16  # memory per value of a NIR node, including the written file
ARRAYS = 4  # largest number of arrays of a NIR node that have a value per neuron
VERSION = 2  # version of the annotation
# separator before the suffix of an additional NIR node, by version; names of nodes contain dots but no colons
SEPARATORS = {1: ".", 2: ":"}
Values = npt.NDArray[np.float32]
NirNode: TypeAlias = Any
"""A node or graph of the package `nir`, which has no types."""


def export(bundle: Bundle, path: Path, form: NirForm = "annotated", dt: float = TIME_STEP) -> list[str]:
    """Write a NIR file.

    Args:
        bundle: The bundle.
        path: The file to write.
        form: "annotated", "normalised" or "expressed".
        dt: Length of a time-step in seconds, for the time constants of leaks.

    Returns:
        The differences in other readers, one sentence per difference.

    Raises:
        ConversionError: NIR has no nodes for the network in this form.
        MissingDependency: The package `nir` is not installed.
    """
    facts = _bundle_facts(bundle)
    if form == "normalised":
        facts["bits"] = None
    graph = to_nir(bundle.graph, form, dt, facts)
    with replacing(path) as file:
        package().write(file, graph)
    return warnings(bundle.graph, form)


def warnings(graph: Graph, form: NirForm) -> list[str]:
    """Return the differences in a reader that ignores spikelet's metadata, one sentence per difference."""
    differences = []
    if graph.copied:
        differences.append("copies of neurons are written as channels, which any reader runs; the weights are repeated")
    if any(isinstance(node, Conv2d) and node.groups > 1 for node in expand(graph).nodes.values()):
        differences.append("grouped convolutions need nir.read(path, type_check=False): its check ignores groups")
    if form != "expressed":
        neurons = [node for node in graph.nodes.values() if isinstance(node, IF)]
        if any(node.reset != "zero" for node in neurons):
            differences.append(
                "other readers reset these neurons to zero instead of subtracting the threshold, and fire different "
                "spikes; --form expressed writes the subtraction in NIR's own nodes"
            )
        if any(node.tie == ">=" for node in neurons):
            differences.append("other readers do not fire when a potential equals its threshold")
        if any(np.any(node.v_init) for node in neurons):
            differences.append("other readers start at zero instead of the initial potential")
        if form == "normalised" and any(isinstance(node, LIF) and not is_float(node.decay) for node in neurons):
            differences.append("leaks by shifts have become factors, which do not round, so that spikes differ")
        if any(_leaks_in_part(node) for node in graph.nodes.values()):
            differences.append("in other readers, channels that do not leak lose 2^-24 of their potential a time-step")
    elif any(isinstance(node, IF) and node.reset != "zero" for node in graph.nodes.values()):
        differences.append("the feedback that subtracts a threshold needs a reader that supports recurrent graphs")
    return differences


def _leaks_in_part(node: Node) -> bool:
    if not isinstance(node, LI | LIF) or not is_float(node.decay):
        return False
    kept = int(np.count_nonzero(node.decay == 1))
    return 0 < kept < len(node.decay)


def to_nir(
    graph: Graph,
    form: NirForm = "annotated",
    dt: float = TIME_STEP,
    facts: Mapping[str, object] | None = None,
    version: int = VERSION,
) -> NirNode:
    """Convert a network to a nir.NIRGraph.

    Args:
        graph: The network.
        form: "annotated", "normalised" or "expressed".
        dt: Length of a time-step in seconds.
        facts: Additional entries of the annotation.
        version: Version of the annotation. 1 was written by earlier versions of spikelet; names can collide in it.

    Raises:
        ConversionError: NIR has no nodes for the network in this form, or two NIR nodes have one name.
        CostError: The network needs more memory than the limits of the environment permit.
    """
    nir, graph = package(), expand(graph)
    if form == "normalised":
        graph = normalised(graph)
    Limits().check("the network as NIR", BYTES * _values(graph))
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    outputs: dict[str, str] = {}  # by node of the graph, the NIR node with its output

    for name in graph.order:
        sources = [outputs[source] for source in graph.predecessors[name]]
        if isinstance(graph.nodes[name], Add):
            # NIR sums the inputs of a node, here a Scale of ones
            built = {name: nir.Scale(scale=np.ones(graph.shapes[name], np.float32))}
            first, last, inner = name, name, list[tuple[str, str]]()
        else:
            built, first, last, inner = _node(nir, graph, name, form, dt, SEPARATORS[version])
        for added, node in built.items():
            if added in nodes:
                raise ConversionError(f"node {name}: two NIR nodes are called {added!r}; export the bundle again")
            nodes[added] = node
        edges += [(source, first) for source in sources] + inner
        outputs[name] = last
    metadata = {METADATA: json.dumps(_annotation(graph, form, dt, facts or {}, version))}
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata, type_check=False)


def _values(graph: Graph) -> int:
    """Return an upper bound of the number of values in the arrays of the NIR nodes, which are repeated by neuron."""
    return cost.weights(graph) + sum(ARRAYS * graph.neurons(name) for name in graph.order)


def package() -> ModuleType:
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


_Part = tuple[dict[str, NirNode], str, str, list[tuple[str, str]]]  # nodes, first node, last node, inner edges


def _node(nir: ModuleType, graph: Graph, name: str, form: NirForm, dt: float, separator: str) -> _Part:
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


def _input(nir: ModuleType, name: str, node: Input, centered: str) -> _Part:
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


def _output(nir: ModuleType, name: str, node: Output, shape: tuple[int, ...], form: NirForm, scaled: str) -> _Part:
    """Return the output, and a layer called `scaled` that multiplies by the scale."""
    out = nir.Output(output_type={"output": np.array(shape)})
    if form == "normalised" and node.scale == 1:
        return {name: out}, name, name, []
    scale = nir.Scale(scale=np.full(shape, node.scale, np.float32))
    return {scaled: scale, name: out}, scaled, name, [(scaled, name)]


def _neuron(
    nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], form: NirForm, dt: float, separator: str
) -> _Part:
    if form != "expressed":
        return _annotated(nir, name, node, shape, dt)
    return _expressed(nir, name, node, shape, dt, separator)


def _annotated(nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], dt: float) -> _Part:
    theta = _spread(node.theta, shape)
    if isinstance(node, LIF):
        tau, r = _leak(_keep(node, shape), dt)
        built = nir.LIF(tau=tau, r=r, v_leak=np.zeros_like(tau), v_threshold=theta, v_reset=np.zeros_like(theta))
    else:
        built = nir.IF(r=np.ones_like(theta), v_threshold=theta, v_reset=np.zeros_like(theta))
    return {name: built}, name, name, []


def _expressed(nir: ModuleType, name: str, node: IF, shape: tuple[int, ...], dt: float, separator: str) -> _Part:
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


def _annotation(graph: Graph, form: NirForm, dt: float, facts: Mapping[str, object], version: int) -> dict[str, object]:
    """Return the graph in the schema of bundles: small arrays by value, weights by reference to their NIR node."""
    document, tensors = schema.encode(graph)
    large = {f"{n}.{f}" for n, node in graph.nodes.items() if isinstance(node, Conv2d | Linear) for f in node.tensors}
    return {
        "version": version,
        "form": form,
        "dt": dt,
        "graph": document,
        "dtypes": {key: value.dtype.name for key, value in tensors.items()},
        "values": {key: value.tolist() for key, value in tensors.items() if key not in large},
        **facts,
    }


def _bundle_facts(bundle: Bundle) -> dict[str, object]:
    manifest = bundle.manifest
    labels = None if manifest.labels is None else list(manifest.labels)
    return {"name": manifest.name, "bits": manifest.bits, "labels": labels}


def _spread(values: Array, shape: tuple[int, ...]) -> Values:
    """Broadcast (C,) to one value per neuron, as NIR expects."""
    column = values.astype(np.float32).reshape(-1, *(1,) * (len(shape) - 1))
    return np.ascontiguousarray(np.broadcast_to(column, shape))


def _f32(values: Array) -> Values:
    return np.ascontiguousarray(values, np.float32)
