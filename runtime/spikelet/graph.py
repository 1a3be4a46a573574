"""A network as a directed acyclic graph of nodes, in IR versions 1 and 2; copies of neurons require version 2.

Every node is evaluated once per time-step, in topological order, without delay between layers.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from spikelet.array_fields import ShortRepr
from spikelet.errors import GraphError
from spikelet.nodes import IF, LI, Add, Conv2d, Input, Linear, Node, Output, Shape, check_size, is_float
from spikelet.options import shown

IR_VERSION = 2  # the newest
MAX_NODES = 4_096
MAX_CHANNELS = 2**20  # over all nodes: bounds the memory for per-channel values
MAX_NAME = 64
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")

Edge = tuple[str, str]
N = TypeVar("N", bound=Node)
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, repr=False)
class Graph(ShortRepr):
    """A validated network: nodes by name and the edges between them.

    Args:
        nodes: Node by name, in any order.
        edges: Pairs (from, to) of node names. The order of the edges into an Add is irrelevant.
        activity: By spiking layer, the measured shares of neurons of which 0, 1 … k copies fire in a time-step; None if
            unknown. An engine may choose by it how to evaluate a layer, which changes no spike. Equal networks may
            differ in it. `bundle.read` measures it on the golden inputs.

    Raises:
        GraphError: A name is invalid, an edge refers to a missing node, there is a cycle, a node has a wrong number
            of inputs, shapes do not match, a size limit is exceeded, or integer and float32 parameters are mixed.

    Examples:
        >>> import numpy as np
        >>> from spikelet.nodes import IF, Input, Linear, Output
        >>> zero, two = np.zeros(2, np.int32), np.full(2, 2, np.int32)
        >>> first, last = np.array([[1, 2], [3, -1]], np.int8), np.array([[1, 0], [0, 1]], np.int8)
        >>> neurons = IF(theta=two, v_init=two // 2)
        >>> nodes = {"x": Input((2,), zero), "fc": Linear(first, zero), "if": neurons}
        >>> nodes |= {"last": Linear(last, zero), "y": Output()}
        >>> graph = Graph(nodes, (("x", "fc"), ("fc", "if"), ("if", "last"), ("last", "y")))
        >>> graph.order, graph.spiking, graph.exact, graph.neuron_count
        (('x', 'fc', 'if', 'last', 'y'), ('if',), True, 2)
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    activity: Mapping[str, tuple[float, ...]] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.nodes, Mapping) or not all(isinstance(node, Node) for node in self.nodes.values()):
            raise GraphError(f"graph: expected nodes by name, found {shown(self.nodes)}")
        if not isinstance(self.edges, list | tuple) or not all(map(_is_edge, self.edges)):
            raise GraphError(f"graph: expected edges as pairs (from, to) of names, found {shown(self.edges)}")
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        object.__setattr__(self, "edges", tuple((a, b) for a, b in self.edges))
        if len(self.nodes) > MAX_NODES:
            raise GraphError(f"graph: expected at most {MAX_NODES} nodes, found {len(self.nodes)}")
        for name in self.nodes:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise GraphError(
                    f"node {shown(name)}: a name is a letter or _, then up to 63 letters, digits, _ or dots"
                )
        self._check_edges()
        self._check_arity()
        _ = self.order, self.shapes, self.exact
        if not self.spiking:
            raise GraphError("graph: expected one IF or LIF node or more, found none")

    def with_activity(self, activity: Mapping[str, tuple[float, ...]] | None) -> Graph:
        """Return the same network with measured activity. It is not checked again, since no node changes."""
        graph = object.__new__(Graph)
        graph.__dict__.update(self.__dict__, activity=activity)
        graph.__dict__.pop("_results", None)
        return graph

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields for `pickle` and `copy`, without the values that are computed from them."""
        return {"nodes": dict(self.nodes), "edges": self.edges, "activity": self.activity}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, nodes=MappingProxyType(state["nodes"]))

    @cached_property
    def predecessors(self) -> Mapping[str, tuple[str, ...]]:
        """For every node, the names of its input nodes, in the order of the edges."""
        predecessors: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            predecessors[target].append(source)
        return {name: tuple(sources) for name, sources in predecessors.items()}

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """For every node, the names of the nodes that receive its output."""
        successors: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            successors[source].append(target)
        return {name: tuple(targets) for name, targets in successors.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names in topological order; ties are broken by the order of definition."""
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
            raise GraphError(f"graph: {', '.join(stuck[:5])} form or follow a cycle; the IR has no recurrence")
        return tuple(order)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Output shape of every node, for one sample."""
        shapes: dict[str, Shape] = {}
        channels = 0
        for name in self.order:
            node, inputs = self.nodes[name], tuple(shapes[source] for source in self.predecessors[name])
            try:
                shape = shapes[name] = node.output_shape(inputs)
                population = node.population(shape) if isinstance(node, IF) else shape
                check_size(node.kind, population)
            except GraphError as error:
                raise GraphError(f"node {name}: {error}") from None
            channels += population[0]
        if channels > MAX_CHANNELS:
            raise GraphError(f"graph: expected at most {MAX_CHANNELS} channels over all nodes, found {channels}")
        return shapes

    @cached_property
    def exact(self) -> bool:
        """Whether every parameter is an integer. No engine rounds then, and all engines fire identical spikes."""
        kinds = {
            is_float(getattr(node, field)): f"{name}.{field}"
            for name, node in self.nodes.items()
            if not isinstance(node, Input)
            for field in node.tensors
        }
        if len(kinds) == 2:
            raise GraphError(f"graph: {kinds[True]} is float32 while {kinds[False]} is an integer; use one of them")
        if not kinds.get(True) and is_float(self.input.mean):
            raise GraphError("graph: Input.mean is float32 while the other parameters are integers")
        return True not in kinds

    @cached_property
    def input_name(self) -> str:
        """Name of the Input node."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Input))

    @cached_property
    def output_name(self) -> str:
        """Name of the Output node."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Output))

    @cached_property
    def input(self) -> Input:
        """The Input node."""
        return self.node(self.input_name, Input)

    @cached_property
    def output(self) -> Output:
        """The Output node."""
        return self.node(self.output_name, Output)

    @cached_property
    def classes(self) -> int:
        """K, the number of logits."""
        return self.shapes[self.output_name][0]

    @cached_property
    def spiking(self) -> tuple[str, ...]:
        """Names of the IF and LIF nodes in topological order."""
        return tuple(name for name in self.order if isinstance(self.nodes[name], IF))

    @cached_property
    def integrators(self) -> tuple[str, ...]:
        """Names of the LI nodes in topological order. They have a potential but do not spike."""
        return tuple(name for name in self.order if isinstance(self.nodes[name], LI))

    @property
    def ir_version(self) -> int:
        """Lowest version of the IR that can represent this network."""
        return IR_VERSION if self.copied else 1

    @cached_property
    def static(self) -> frozenset[str]:
        """Names of the nodes without a stateful node upstream: constant over time under constant input."""
        static: set[str] = set()
        for name in self.order:
            if not isinstance(self.nodes[name], IF | LI) and all(p in static for p in self.predecessors[name]):
                static.add(name)
        return frozenset(static)

    @cached_property
    def _results(self) -> dict[object, object]:
        """Results of the functions that are decorated with `once_per_graph`, by function and arguments."""
        return {}

    @property
    def copied(self) -> bool:
        """Whether a layer has more than one copy of each neuron."""
        return any(self.neuron(name).copies > 1 for name in self.spiking)

    def population(self, name: str) -> Shape:
        """Return the shape of the neurons of a spiking layer, (C·copies, …); of another node, its output shape.

        Spikes and potentials of a layer have this shape.
        """
        node, shape = self.node(name, Node, "a node of this network"), self.shapes[name]
        return node.population(shape) if isinstance(node, IF) else shape

    def neurons(self, name: str) -> int:
        """Return the number of neurons of a spiking layer, copies included; of another node, its output elements."""
        return math.prod(self.population(name))

    @property
    def neuron_count(self) -> int:
        """Number of spiking neurons of the network, copies included."""
        return sum(self.neurons(name) for name in self.spiking)

    def size(self, name: str) -> int:
        """Return the number of output elements of a node for one sample."""
        self.node(name, Node, "a node of this network")
        return math.prod(self.shapes[name])

    def node(self, name: str, kind: type[N], expected: str | None = None) -> N:
        """Return the node of that name, which is of type `kind`.

        Args:
            name: Name of the node.
            kind: Class of the node.
            expected: Description of the class for the error; None for its name.

        Raises:
            GraphError: There is no such node, or it is of another type.
        """
        node = self.nodes.get(name) if isinstance(name, str) else None
        if not isinstance(node, kind):
            title, found = name if isinstance(name, str) else shown(name), "no node" if node is None else node.kind
            raise GraphError(f"node {title}: expected {expected or f'a node {kind.__name__}'}, found {found}")
        return node

    def neuron(self, name: str) -> IF:
        """Return the IF or LIF node of that name.

        Raises:
            GraphError: There is no such node, or it is not an IF or LIF node.
        """
        return self.node(name, IF, "an IF or LIF node")

    def synapse(self, name: str) -> Conv2d | Linear:
        """Return the Conv2d or Linear node of that name.

        Raises:
            GraphError: There is no such node, or it is not a Conv2d or Linear node.
        """
        node = self.node(name, Node, expected := "a Conv2d or Linear node")
        return node if isinstance(node, Conv2d) else self.node(name, Linear, expected)

    def _check_edges(self) -> None:
        for source, target in self.edges:
            for end in (source, target):
                if end not in self.nodes:
                    raise GraphError(f"edge {source} -> {target}: there is no node {end}")
        if len(set(self.edges)) != len(self.edges):
            duplicate = Counter(self.edges).most_common(1)[0][0]
            raise GraphError(f"edge {duplicate[0]} -> {duplicate[1]}: defined twice; double the weight instead")

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
                problem = "must end the graph" if outputs else "has no successor; only Output may end the graph"
                raise GraphError(f"node {name}: {node.kind} {problem}")


def once_per_graph(compute: Callable[Concatenate[Graph, P], R]) -> Callable[Concatenate[Graph, P], R]:
    """Decorate a function of a graph so that it computes its result once for each graph and each set of arguments.

    Results are cached in the graph. Exceptions are not cached.

    Args:
        compute: The function. Its arguments after the graph are hashable.
    """

    @wraps(compute)
    def cached(graph: Graph, /, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (compute, args, *sorted(kwargs.items()))
        if key not in graph._results:
            graph._results[key] = compute(graph, *args, **kwargs)
        return cast(R, graph._results[key])

    return cached


def _is_edge(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(name, str) for name in value)
