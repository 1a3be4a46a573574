"""Section "The graph": edges, arithmetic and shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from second_reader.nodes import LARGEST, NEURONS, Node, Shape, check_ranges, copies, parse_node
from second_reader.refused import require
from second_reader.tensors import Tensor


@dataclass(frozen=True)
class Network:
    """A network that conforms to every rule of the graph.

    Attributes:
        nodes: By name, in topological order.
        sources: By name, the names of the nodes that feed the node.
        shapes: By name, the shape of the output of the node for one sample.
        exact: Whether all arrays are integers.
    """

    nodes: dict[str, Node]
    sources: dict[str, list[str]]
    shapes: dict[str, Shape]
    exact: bool

    @property
    def input(self) -> str:
        """Name of the Input."""
        return next(name for name, node in self.nodes.items() if node.kind == "Input")

    @property
    def output(self) -> str:
        """Name of the Output."""
        return next(name for name, node in self.nodes.items() if node.kind == "Output")

    @property
    def spiking(self) -> list[str]:
        """Names of the IF and LIF nodes."""
        return [name for name, node in self.nodes.items() if node.kind in NEURONS]

    def population(self, name: str) -> Shape:
        """Return the shape of the neurons of a layer, including copies; for another node, the shape of its output."""
        return population(self.nodes[name], self.shapes[name])

    def neurons(self, name: str) -> int:
        """Return the number of neurons of a layer; for another node, the number of elements of its output for one sample."""
        return math.prod(self.population(name))


def population(node: Node, shape: Shape) -> Shape:
    """Return the shape (C·copies, …) of the neurons of a node whose output has the shape (C, …)."""
    return shape[0] * copies(node), *shape[1:]


def build(document: object, tensors: Mapping[str, Tensor], version: int = 2) -> Network:
    """Build the network of `graph` in the manifest and the tensors of weights.safetensors. version: `ir_version`."""
    require(isinstance(document, dict) and set(document) == {"nodes", "edges"}, "graph", "keys of graph")
    assert isinstance(document, dict)
    listed, edges = document["nodes"], document["edges"]
    require(isinstance(listed, list) and 1 <= len(listed) <= 4096, "graph", "nodes")
    nodes: dict[str, Node] = {}
    for entry in listed:
        name, node = parse_node(entry, tensors, version)
        require(name not in nodes, "names", f"two nodes {name}")
        nodes[name] = node
    owned = {f"{name}.{field}" for name, node in nodes.items() for field in node.arrays}
    require(owned == set(tensors), "weights", f"tensors of no node: {sorted(set(tensors) - owned)[:3]}")
    sources = _sources(nodes, edges)
    nodes = {name: nodes[name] for name in _order(sources)}
    exact = _arithmetic(nodes)
    shapes: dict[str, Shape] = {}
    for name, node in nodes.items():
        shapes[name] = output_shape(name, node, [shapes[source] for source in sources[name]])
        require(math.prod(population(node, shapes[name])) <= LARGEST, "graph", f"{name}: elements")
    channels = sum(population(node, shapes[name])[0] for name, node in nodes.items())
    require(channels <= 2**20, "graph", "channels of all nodes")
    return Network(nodes, sources, shapes, exact)


def _sources(nodes: Mapping[str, Node], edges: object) -> dict[str, list[str]]:
    require(isinstance(edges, list), "graph", "edges")
    assert isinstance(edges, list)
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    leaving = dict.fromkeys(nodes, 0)
    seen = set()
    for edge in edges:
        require(isinstance(edge, list) and len(edge) == 2, "graph", "an edge is [from, to]")
        require(all(isinstance(end, str) and end in nodes for end in edge), "graph", f"edge {edge!r:.80}")
        require(tuple(edge) not in seen, "graph", f"edge {edge} twice")
        seen.add(tuple(edge))
        sources[edge[1]].append(edge[0])
        leaving[edge[0]] += 1
    kinds = [node.kind for node in nodes.values()]
    require(kinds.count("Input") == 1 and kinds.count("Output") == 1, "graph", "one Input and one Output")
    require(any(kind in NEURONS for kind in kinds), "graph", "no IF or LIF")
    for name, node in nodes.items():
        entering = len(sources[name])
        fits = {"Input": entering == 0, "Add": entering >= 2}.get(node.kind, entering == 1)
        require(fits, "graph", f"{name}: {entering} incoming edges")
        require((leaving[name] == 0) == (node.kind == "Output"), "graph", f"{name}: {leaving[name]} outgoing edges")
    return sources


def _order(sources: Mapping[str, list[str]]) -> list[str]:
    """Sort the nodes by the length of the longest path from the input."""
    targets: dict[str, list[str]] = {name: [] for name in sources}
    for name, feeding in sources.items():
        for source in feeding:
            targets[source].append(name)
    missing = {name: len(feeding) for name, feeding in sources.items()}
    level = [name for name, count in missing.items() if count == 0]
    order: list[str] = []
    while level:
        order += level
        following = []
        for name in level:
            for target in targets[name]:
                missing[target] -= 1
                if missing[target] == 0:
                    following.append(target)
        level = following
    require(len(order) == len(sources), "graph", "a cycle")
    return order


def _arithmetic(nodes: Mapping[str, Node]) -> bool:
    """Check element types and elements; return whether the network is exact."""
    types = {
        array.dtype.kind for node in nodes.values() if node.kind != "Input" for array in node.arrays.values()
    }  # fmt: skip
    require(types in ({"i"}, {"f"}), "weights", "arrays of integers and of float32 are mixed")
    exact = types == {"i"}
    for name, node in nodes.items():
        for field, array in node.arrays.items():
            require(array.size > 0, "weights", f"{name}.{field}: no elements")
            require(
                array.dtype.kind in ("i" if exact else "fi" if field == "mean" else "f"), "weights", f"{name}.{field}"
            )
            finite = array.dtype.kind == "i" or bool(np.isfinite(array.min()) and np.isfinite(array.max()))
            require(finite, "numbers", f"{name}.{field}: not finite")
        check_ranges(name, node, exact)
    return exact


def output_shape(name: str, node: Node, inputs: list[Shape]) -> Shape:
    """Return the output shape of a node for one sample; refuse inputs or arrays that do not fit."""
    arrays, attributes = node.arrays, node.attributes
    lengths = {len(array) for field, array in arrays.items() if field != "v_init"}
    if "v_init" in arrays:
        require(len(arrays["v_init"]) == len(arrays["theta"]) * copies(node), "weights", f"{name}.v_init")
    if node.kind == "Input":
        shape = attributes["shape"]
        assert isinstance(shape, tuple)
        require(lengths == {shape[0]}, "weights", f"{name}.mean")
        return shape
    shape = inputs[0]
    if node.kind in ("Conv2d", "SumPool2d", "Flatten"):
        require(len(shape) == 3, "graph", f"{name}: takes (C, H, W)")
    require(len(lengths) <= 1, "weights", f"{name}: lengths of its arrays")
    match node.kind:
        case "Conv2d":
            weight, groups = arrays["weight"], attributes["groups"]
            assert isinstance(groups, int)
            require(weight.shape[1] * groups == shape[0], "weights", f"{name}.weight: channels")
            return (len(weight), *_windows(name, shape, weight.shape[2:], attributes["stride"], attributes["padding"]))
        case "Linear":
            require(len(shape) == 1, "graph", f"{name}: takes (F,)")
            require(shape == (arrays["weight"].shape[1],), "weights", f"{name}.weight: features")
            return (len(arrays["weight"]),)
        case "SumPool2d":
            return (shape[0], *_windows(name, shape, attributes["kernel"], attributes["stride"], (0, 0)))
        case "Flatten":
            return (math.prod(shape),)
        case "Add":
            require(all(other == shape for other in inputs), "graph", f"{name}: shapes of its inputs")
        case "Output":
            require(len(shape) == 1, "graph", f"{name}: takes (K,)")
        case _:
            require(lengths == {shape[0]}, "weights", f"{name}: one value a channel")
    return shape


def _windows(name: str, shape: Shape, kernel: object, stride: object, padding: object) -> Shape:
    assert isinstance(kernel, tuple)
    assert isinstance(stride, tuple)
    assert isinstance(padding, tuple)
    spare = [shape[1 + axis] + 2 * padding[axis] - kernel[axis] for axis in range(2)]
    require(min(spare) >= 0, "graph", f"{name}: the kernel is larger than its input")
    return tuple(spare[axis] // stride[axis] + 1 for axis in range(2))
