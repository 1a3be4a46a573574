"""Calls that torch.export puts into functions of their own: those under torch.no_grad or torch.autocast."""

from __future__ import annotations

from torch import fx

from spikelet.errors import ConversionError
from spikelet_converters.frontends.refusals import AUTOCAST

_FIRST = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}  # index of the function among the arguments
_ENABLED = 2  # index of the argument `enabled` of wrap_with_autocast


def inlined(module: fx.GraphModule) -> fx.Graph:
    """Return the calls of a module, those of such a function in its place. The module stays as it is.

    Raises:
        ConversionError: torch.autocast is enabled.
    """
    if not any(_kind(node) in _FIRST for node in module.graph.nodes):
        return module.graph
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    for node in list(graph.nodes):
        if _kind(node) in _FIRST:
            _inline(graph, node, module)
    return graph


def _inline(graph: fx.Graph, node: fx.Node, module: fx.GraphModule) -> None:
    kind = _kind(node)
    if kind == "wrap_with_autocast" and node.args[_ENABLED]:
        raise ConversionError(f"`torch.autocast` at node {node.name} of the exported program: {AUTOCAST}")
    first = _FIRST[kind]
    function, values = node.args[first], node.args[first + 1 :]
    assert isinstance(function, fx.Node)
    inner = inlined(getattr(module, str(function.target)))
    entries = [entry for entry in inner.nodes if entry.op == "placeholder"]
    with graph.inserting_before(node):
        results = graph.graph_copy(inner, dict(zip(entries, values, strict=True)))  # type: ignore[arg-type]
    assert isinstance(results, tuple | list)
    for user in list(node.users):  # operator.getitem(node, index)
        user.replace_all_uses_with(results[user.args[1]])  # type: ignore[index]
        graph.erase_node(user)
    graph.erase_node(node)
    if not function.users:
        graph.erase_node(function)


def _kind(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", "")) if node.op == "call_function" else ""
