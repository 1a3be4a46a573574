"""A network as a directed acyclic graph of nodes (IR version 1).

At each time-step every node is evaluated once, in topological order, without delay between layers.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from spikelet.errors import GraphError
from spikelet.nodes import IF, LI, Add, Input, Node, Output, Shape, check_size, is_float

IR_VERSION = 1
MAX_NODES = 4_096
MAX_CHANNELS = 2**20  # of all nodes together: what is kept for each channel stays small beside the weights
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")

Edge = tuple[str, str]


@dataclass(frozen=True)
class Graph:
    """Nodes by name and the edges between them; valid once it exists.

    nodes: name to node, in any order. edges: (from, to); the order of the edges into an Add has no meaning.

    Raises:
        GraphError: a name that is not plain, an edge to nowhere, a cycle, a wrong number of inputs,
            shapes that do not fit, absurd size, or integer and float32 parameters in one network.
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        object.__setattr__(self, "edges", tuple((a, b) for a, b in self.edges))
        if len(self.nodes) > MAX_NODES:
            raise GraphError(f"graph: expected at most {MAX_NODES} nodes, found {len(self.nodes)}")
        for name in self.nodes:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise GraphError(f"node {name!r}: a name is a letter or _, then up to 63 letters, digits, _ or dots")
        self._check_edges()
        self._check_arity()
        _ = self.order, self.shapes, self.exact
        if not self.spiking:
            raise GraphError("graph: expected one IF or LIF node or more, found none")

    @cached_property
    def predecessors(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes that feed each node, in the order of the edges."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        return {name: tuple(sources) for name, sources in found.items()}

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes that each node feeds."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[source].append(target)
        return {name: tuple(targets) for name, targets in found.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """A topological order; among nodes that are ready, the one that was defined first goes first."""
        waiting = {name: len(sources) for name, sources in self.predecessors.items()}
        order: list[str] = []
        ready = deque(name for name, count in waiting.items() if count == 0)
        while ready:
            name = ready.popleft()
            order.append(name)
            for target in self.successors[name]:
                waiting[target] -= 1
                if waiting[target] == 0:
                    ready.append(target)
        if len(order) < len(self.nodes):
            stuck = sorted(name for name, count in waiting.items() if count > 0)
            raise GraphError(f"graph: {', '.join(stuck[:5])} form or follow a cycle; IR version 1 has no recurrence")
        return tuple(order)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of one sample of what each node sends on."""
        shapes: dict[str, Shape] = {}
        for name in self.order:
            inputs = tuple(shapes[source] for source in self.predecessors[name])
            try:
                shapes[name] = self.nodes[name].output_shape(inputs)
                check_size(self.nodes[name].kind, shapes[name])
            except GraphError as error:
                raise GraphError(f"node {name}: {error}") from None
        channels = sum(shape[0] for shape in shapes.values())
        if channels > MAX_CHANNELS:
            raise GraphError(f"graph: its nodes have {channels} channels together, at most {MAX_CHANNELS} can be")
        return shapes

    @cached_property
    def exact(self) -> bool:
        """Whether every parameter is an integer: then no engine rounds, and all fire the same spikes."""
        kinds = {
            is_float(getattr(node, field)): f"{name}.{field}"
            for name, node in self.nodes.items()
            if not isinstance(node, Input)
            for field in node.tensors
        }
        if len(kinds) == 2:
            raise GraphError(f"graph: {kinds[True]} is float32 while {kinds[False]} is an integer; use one of them")
        if not kinds.get(True) and is_float(self.input.mean):
            raise GraphError("graph: Input.mean is float32 while the network is of integers")
        return True not in kinds

    @cached_property
    def input_name(self) -> str:
        """Name of the Input node."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Input))

    @cached_property
    def output_name(self) -> str:
        """Name of the Output node."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Output))

    @property
    def input(self) -> Input:
        """The Input node."""
        node = self.nodes[self.input_name]
        assert isinstance(node, Input)
        return node

    @property
    def output(self) -> Output:
        """The Output node."""
        node = self.nodes[self.output_name]
        assert isinstance(node, Output)
        return node

    @property
    def classes(self) -> int:
        """K, the number of logits."""
        return self.shapes[self.output_name][0]

    @cached_property
    def spiking(self) -> tuple[str, ...]:
        """Names of the IF and LIF nodes in topological order."""
        return tuple(name for name in self.order if isinstance(self.nodes[name], IF))

    @cached_property
    def integrators(self) -> tuple[str, ...]:
        """Names of the LI nodes in topological order: they have a state and no spikes."""
        return tuple(name for name in self.order if isinstance(self.nodes[name], LI))

    @cached_property
    def static(self) -> frozenset[str]:
        """Nodes that no spike reaches: under constant input they have the same value at every time-step."""
        found: set[str] = set()
        for name in self.order:
            if not isinstance(self.nodes[name], IF | LI) and all(p in found for p in self.predecessors[name]):
                found.add(name)
        return frozenset(found)

    def neurons(self, name: str) -> int:
        """How many elements a node sends on for one sample."""
        return int(np.prod(self.shapes[name], dtype=np.int64))

    def _check_edges(self) -> None:
        for source, target in self.edges:
            for end in (source, target):
                if end not in self.nodes:
                    raise GraphError(f"edge {source} -> {target}: there is no node {end}")
        if len(set(self.edges)) != len(self.edges):
            twice = Counter(self.edges).most_common(1)[0][0]
            raise GraphError(f"edge {twice[0]} -> {twice[1]}: stands there twice; double the weight instead")

    def _check_arity(self) -> None:
        for kind in (Input, Output):
            count = sum(isinstance(node, kind) for node in self.nodes.values())
            if count != 1:
                raise GraphError(f"graph: expected one {kind.__name__} node, found {count}")
        for name, node in self.nodes.items():
            inputs, outputs = len(self.predecessors[name]), len(self.successors[name])
            least, most = (0, 0) if isinstance(node, Input) else (2, MAX_NODES) if isinstance(node, Add) else (1, 1)
            if not least <= inputs <= most:
                expected = str(least) if least == most else f"{least} or more"
                raise GraphError(f"node {name}: {node.kind} takes {expected} inputs, found {inputs}")
            if isinstance(node, Output) != (outputs == 0):
                what = "must end the graph" if outputs else "leads nowhere; every node but Output feeds another"
                raise GraphError(f"node {name}: {node.kind} {what}")
