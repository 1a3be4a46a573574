"""Show the content of a bundle: graph, neurons, proven range and measured results."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypedDict

from spikelet.cli.arguments import add_bundle
from spikelet.cli.printing import emit
from spikelet.escapes import without_escapes
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.bundle import Bundle
    from spikelet.graph import Graph

HELP = "show the content of a bundle"
EXAMPLE = "spikelet inspect vgg9-cifar10"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles

    bundle = bundles.read(args.bundle)
    nodes = [_describe(bundle.graph, name) for name in bundle.graph.order]
    manifest = bundle.manifest
    facts = {
        "name": manifest.name,
        "digest": bundle.digest,
        "arithmetic": "exact" if bundle.graph.exact else "float32",
        "bits": manifest.bits,
        "exact_steps": manifest.exact_steps,
        "labels": manifest.labels,
        "nodes": nodes,
        "edges": bundle.graph.edges,
        "provenance": manifest.provenance,
        "results": manifest.results,
        "conversion": manifest.conversion,
    }
    emit(args, facts, _text(bundle, nodes))
    return 0


class _Parameters(TypedDict):
    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


class _Described(_Parameters, total=False):
    """A node in JSON; neurons have these additional keys."""

    neurons: int
    copies: int
    reset: str
    tie: str
    theta: list[float]


def _describe(graph: Graph, name: str) -> _Described:
    from spikelet.nodes import IF

    node = graph.nodes[name]
    size = sum(getattr(node, field).size for field in node.tensors)
    entry: _Described = {"name": name, "kind": node.kind, "shape": graph.shapes[name], "parameters": size}
    if isinstance(node, IF):
        entry["neurons"], entry["copies"] = graph.neurons(name), node.copies
        entry["reset"], entry["tie"] = node.reset, node.tie
        entry["theta"] = [float(node.theta.min()), float(node.theta.max())]
    return entry


def _number(value: float) -> str:
    """Format a threshold: whole numbers with separators, others with six digits."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:g}"


def _text(bundle: Bundle, nodes: list[_Described]) -> str:
    rows = []
    for node in nodes:
        theta = " – ".join(map(_number, sorted(set(node.get("theta", [])))))
        kind = f"{node['kind']} ×{node['copies']}" if node.get("copies", 1) > 1 else node["kind"]
        rows.append([node["name"], kind, "x".join(map(str, node["shape"])), f"{node['parameters']:,}", theta])
    head = ["node", "kind", "output shape", "parameters", "theta"]
    lines = [without_escapes(bundle.card.partition("## Float activation")[0].rstrip()), "", table(head, rows), ""]
    lines.append(f"sha256 {bundle.digest}")
    return "\n".join(lines)
