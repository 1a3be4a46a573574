"""Show the content of a bundle: graph, neurons, proven range, measured results, and the size of its C on a board."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypedDict

from spikelet.cli.arguments import add_bundle
from spikelet.cli.printing import emit
from spikelet.errors import CostError
from spikelet.escapes import without_escapes
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.bundle import Bundle
    from spikelet.graph import Graph
    from spikelet.lowering.c.project import Sizes

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
    manifest, board = bundle.manifest, _board(bundle.graph)
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
        "mcu": None if board is None else {"flash_bytes": board.flash, "ram_bytes": board.ram},
    }
    emit(args, facts, _text(bundle, nodes, board))
    return 0


def _board(graph: Graph) -> Sizes | None:
    """Return the sizes of `export c --mcu`; None if it is float32 or exceeds the limits of memory."""
    from spikelet.deploy.firmware import c_program
    from spikelet.lowering.c.project import sizes

    if not graph.exact:
        return None
    try:
        return sizes(c_program(graph, "mcu", "chw"))
    except CostError:  # copies that are expanded
        return None


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


def _text(bundle: Bundle, nodes: list[_Described], board: Sizes | None) -> str:
    rows = []
    for node in nodes:
        theta = " – ".join(map(_number, sorted(set(node.get("theta", [])))))
        kind = f"{node['kind']} ×{node['copies']}" if node.get("copies", 1) > 1 else node["kind"]
        rows.append([node["name"], kind, "x".join(map(str, node["shape"])), f"{node['parameters']:,}", theta])
    head = ["node", "kind", "output shape", "parameters", "theta"]
    lines = [without_escapes(bundle.card.partition("## Float activation")[0].rstrip()), "", table(head, rows), ""]
    if board is not None:
        kilobytes = f"{board.flash / 1024:,.1f} KB of constants (flash), {board.ram / 1024:,.1f} KB of memory (RAM)"
        lines += [f"on a microcontroller (export c --mcu): {kilobytes}, without code and stack", ""]
    lines.append(f"sha256 {bundle.digest}")
    return "\n".join(lines)
