"""The network as blocks, in rows and columns: a block is a spiking layer with the synapses that feed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikelet.bundle import Bundle
from spikelet.display import compact, number_of
from spikelet.graph import Graph
from spikelet.metrics.measurement import Measurement
from spikelet.nodes import IF, LIF, Array, Conv2d, Linear, Node, Scale, SumPool2d, Weighted, is_float
from spikelet_gui.models.numbers import minus


@dataclass(frozen=True)
class Block:
    """A spiking layer, or the input or output, with the nodes that feed it.

    Attributes:
        name: Name of the spiking layer, or of the Input or Output node.
        members: Names of the nodes in topological order; `name` is the last one.
        row: Number of blocks on the longest path from the input.
        column: Index among the blocks of the row.
        feeds: Names of the blocks that receive the output.
        spiking: Whether it is a spiking layer.
    """

    name: str
    members: tuple[str, ...]
    row: int
    column: int
    feeds: tuple[str, ...]
    spiking: bool


def blocks(graph: Graph) -> tuple[Block, ...]:
    """Return the blocks in topological order. A node that feeds several layers belongs to the first of them."""
    ends = [name for name in graph.order if isinstance(graph.nodes[name], IF) or name == graph.input_name]
    ends.append(graph.output_name)
    owner: dict[str, str] = {}
    for end in ends:
        pending = [end]
        while pending:
            name = pending.pop()
            if name in owner:
                continue
            owner[name] = end
            pending += [predecessor for predecessor in graph.predecessors[name] if predecessor not in ends]
    feeds: dict[str, list[str]] = {end: [] for end in ends}
    for source, target in graph.edges:
        a, b = owner[source], owner[target]
        if a != b and b not in feeds[a]:
            feeds[a].append(b)
    row = dict.fromkeys(ends, 0)
    for name in graph.order:  # the order of the nodes is an order of the blocks
        for source in graph.predecessors[name]:
            if owner[source] != owner[name]:
                row[owner[name]] = max(row[owner[name]], row[owner[source]] + 1)
    columns: dict[int, int] = {}
    result = []
    for end in ends:
        column = columns.get(row[end], 0)
        columns[row[end]] = column + 1
        members = tuple(name for name in graph.order if owner[name] == end)
        spiking = isinstance(graph.nodes[end], IF)
        result.append(Block(end, members, row[end], column, tuple(feeds[end]), spiking))
    return tuple(result)


Facts = list[tuple[str, str]]


def title(graph: Graph, block: Block, members: Sequence[str] | None = None) -> str:
    """Describe the synapses of a block, or of some of its members, e.g. pool 2×2 · conv 3×3."""
    names = block.members if members is None else members
    text = [_layer(graph.nodes[name]) for name in names if name != block.name]
    return " · ".join(part for part in text if part)


def shape_text(shape: tuple[int, ...]) -> str:
    """Format a shape, e.g. 32×16×16 or 1,000."""
    return "×".join(f"{size:,}" for size in shape)


def block_facts(bundle: Bundle, block: Block) -> list[tuple[str, Facts]]:
    """Return (heading, facts) for every node of a block, the neurons first."""
    graph = bundle.graph
    groups = [(name, _facts(graph, name)) for name in reversed(block.members)]
    layers = bundle.manifest.conversion.get("layers")
    entries = layers if isinstance(layers, list) else []
    entry = next((e for e in entries if isinstance(e, Mapping) and e.get("layer") == block.name), {})
    error, limit = entry.get("weight_error"), entry.get("exact_steps")
    if isinstance(error, float):
        groups[0][1].append(("weight rounding", f"{error:.2%} rms"))
    if isinstance(limit, int):
        groups[0][1].append(("exact for", number_of(limit, "time-step")))
    return groups


def operation_facts(measured: Measurement, block: Block) -> Facts:
    """Return the operations of this block, averaged over the images."""
    rows = [row for row in measured.operations.rows if row.node in block.members]
    acs = sum(row.acs for row in rows)
    macs = sum(row.macs + row.static_macs for row in rows)
    facts = [("accumulates", compact(acs))] if acs else []
    if macs:
        facts.append(("multiply-accumulates", compact(macs)))
    facts.append(("dense connections", compact(sum(row.dense for row in rows))))
    if block.spiking:
        updates = measured.operations.neurons[block.name] * measured.operations.steps
        facts.append(("neuron updates", compact(updates)))
    return facts


def _facts(graph: Graph, name: str) -> Facts:
    node = graph.nodes[name]
    facts: Facts = [("node", node.kind), ("output shape", shape_text(graph.shapes[name]))]
    if isinstance(node, IF):
        facts += [
            ("neurons", f"{graph.neurons(name):,}"),
            *([("copies", f"{node.copies} of each channel")] if node.copies > 1 else []),
            ("threshold θ", _span(node.theta)),
            ("initial potential", _span(node.v_init)),
            ("fires when", f"v {'≥' if node.tie == '>=' else '>'} θ"),
            ("reset", "subtract θ" if node.reset == "subtract" else "to zero"),
        ]
        if isinstance(node, LIF):
            facts.append(("leak", f"{'factor' if is_float(node.decay) else 'shift'} {_span(node.decay)}"))
    if isinstance(node, Weighted):
        weights, zeros = node.weights, float((node.weights == 0).mean())
        facts += [
            ("weights", f"{weights.size:,} × {weights.dtype}"),
            ("range", _span(weights)),
            ("zeros", f"{zeros:.1%}"),
        ]
    if isinstance(node, Conv2d):
        facts += [("kernel", shape_text(node.weight.shape[2:])), ("stride, padding", _pairs(node))]
        facts += [("groups", str(node.groups))] if node.groups > 1 else []
    elif isinstance(node, SumPool2d):
        facts += [("window", shape_text(node.kernel)), ("stride", shape_text(node.stride))]
    if name == graph.input_name:
        facts += [("values", f"{graph.input.low}…{graph.input.high}"), ("mean", _span(graph.input.mean))]
    if name == graph.output_name:
        facts.append(("unit", f"{graph.output.scale:.4g} logits"))
    return facts


def _layer(node: Node) -> str:
    if isinstance(node, Conv2d):
        return f"conv {shape_text(node.weight.shape[2:])}"
    if isinstance(node, Linear):
        return "linear"
    if isinstance(node, SumPool2d):
        return f"pool {shape_text(node.kernel)}"
    if isinstance(node, Scale):
        return "scale"
    return {"Add": "add"}.get(node.kind, "")


def _pairs(node: Conv2d) -> str:
    return f"{shape_text(node.stride)}, {shape_text(node.padding)}"


def _span(values: Array) -> str:
    low, high = float(values.min()), float(values.max())
    return _number(low) if low == high else f"{_number(low)} … {_number(high)}"


def _number(value: float) -> str:
    text = f"{value:z,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return minus(text)
