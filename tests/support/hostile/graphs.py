"""Random networks with names that have other meanings in a program and numbers at the limits of their ranges."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from hostile.drafts import needed_bits
from hostile.networks import NAMES
from networks import graphs
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.errors import GraphError
from spikelet.graph import NAME, Graph
from spikelet.nodes import IF, Input, Node
from spikelet.verify import record_golden

GOOD_NAMES = [name for name in NAMES if NAME.fullmatch(name)]


@st.composite
def hostile_bundles(draw, exact=True):
    """Return a bundle of a network with hostile names and numbers, with golden data of spikelet's reference engine."""
    graph = draw(graphs(exact, copies=(1, 1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    strength = draw(st.integers(0, 3))
    graph = renamed(magnified(graph, rng, strength), rng)
    steps = None
    if exact:
        try:
            steps = exact_steps(graph)
        except GraphError:
            assume(False)
    low, high = graph.input.low, graph.input.high
    pixels = rng.choice([low, high, *rng.integers(low, high + 1, 4)], (2, *graph.input.shape)).astype(np.float32)
    arrays = {f"{name}.{field}": getattr(node, field) for name, node in graph.nodes.items() for field in node.tensors}
    manifest = Manifest("hostile", bits=needed_bits(arrays) if exact else None, exact_steps=steps)
    return Bundle(graph, manifest, record_golden(graph, pixels, min(3, steps or 3)), "")


def renamed(graph: Graph, rng: np.random.Generator) -> Graph:
    """Rename nodes to names of roles and fields, and to names of other nodes with a prefix."""
    names: dict[str, str] = {}
    for name in graph.nodes:
        options = [
            *GOOD_NAMES,
            *(f"{role}.{known}"[:64] for known in names.values() for role in ("x", "s", "v", "v_next", "f32")),
        ]
        free = [option for option in options if option not in names.values()]
        names[name] = str(rng.choice(free)) if free and rng.random() < 0.8 else f"n{len(names)}"
    nodes = {names[name]: node for name, node in graph.nodes.items()}
    return Graph(nodes, tuple((names[source], names[target]) for source, target in graph.edges))


def magnified(graph: Graph, rng: np.random.Generator, strength: int) -> Graph:
    """Multiply the inputs of a layer and its thresholds; set single elements to the limits of their ranges."""
    nodes: dict[str, Node] = dict(graph.nodes)
    if strength == 0:
        return graph
    for name in graph.spiking:
        factor = 2.0 ** int(rng.integers(-40, 60)) if not graph.exact else int(rng.choice([1, 2, 16, 100, 1000]))
        for source in [name, *upstream(graph, name)]:
            nodes[source] = multiplied(nodes[source], factor)
    for name, node in nodes.items():
        if strength > 1 and rng.random() < 0.3 and isinstance(node, IF):
            theta = node.theta.copy()
            theta[rng.integers(len(theta))] = (
                rng.choice([1, 2**22, 2**23]) if graph.exact else 2.0 ** int(rng.integers(-90, 90))
            )
            nodes[name] = replace(node, theta=theta)
    return Graph(nodes, graph.edges)


def upstream(graph: Graph, name: str) -> set[str]:
    """Return the nodes between a layer and the neurons or the input that feed it."""
    pending, seen = [name], set()
    while pending:
        for source in graph.predecessors[pending.pop()]:
            if source not in seen and not isinstance(graph.nodes[source], IF | Input):
                seen.add(source)
                pending.append(source)
    return seen


def multiplied(node: Node, factor: float) -> Node:
    """Multiply the arrays of a node except decays; integers are clipped to 16 bits in weights and to 32 bits elsewhere."""
    arrays = {}
    for field in fields(node):
        values = getattr(node, field.name)
        if not isinstance(values, np.ndarray) or field.name == "decay":
            continue
        if values.dtype.kind == "f":
            arrays[field.name] = (values * factor).astype(np.float32)
            continue
        limit = 2**15 - 1 if field.name in ("weight", "scale") else 2**31 - 1
        wide = (values.astype(np.int64) * int(factor)).clip(-limit, limit)
        arrays[field.name] = wide.astype(np.int16 if field.name in ("weight", "scale") else np.int32)
    return replace(node, **arrays)
