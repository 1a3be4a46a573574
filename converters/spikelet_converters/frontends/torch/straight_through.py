"""Remove straight-through estimators, x + (f(x) - x).detach(), whose value is f(x)."""

from __future__ import annotations

import operator

import torch
from torch import fx

_aten = torch.ops.aten
_ADD = (operator.add, operator.iadd, torch.add, "add", "add_", _aten.add.Tensor)
_SUBTRACT = (operator.sub, torch.sub, torch.subtract, "sub", _aten.sub.Tensor)
_DETACH = (torch.detach, "detach", _aten.detach.default, _aten.detach_.default, _aten.alias.default)
_LIFT = (_aten.lift_fresh_copy.default, _aten.clone.default)


def removed(graph: fx.Graph) -> fx.Graph:
    """Return the graph without straight-through estimators; a graph that has some is copied."""
    if not any(_estimated(node) is not None for node in graph.nodes):
        return graph
    copied = fx.Graph()
    nodes: dict[fx.Node, fx.Node] = {}
    copied.output(copied.graph_copy(graph, nodes), None)
    for node in list(copied.nodes):
        value = _estimated(node)
        if value is not None:
            node.replace_all_uses_with(value)
            copied.erase_node(node)
    for node in reversed(list(copied.nodes)):
        if not node.users and node.target in (*_SUBTRACT, *_DETACH, *_LIFT):
            copied.erase_node(node)
    return copied


def _estimated(node: fx.Node) -> fx.Node | None:
    """Return f(x) for a node that adds x and (f(x) - x).detach(), None for another one."""
    if node.target not in _ADD or len(node.args) != 2 or node.kwargs:
        return None
    for x, difference in (node.args, node.args[::-1]):
        inner = _attached(difference)
        if not isinstance(inner, fx.Node) or inner.target not in _SUBTRACT or len(inner.args) != 2 or inner.kwargs:
            continue
        value = _attached(inner.args[0])
        if _attached(inner.args[1]) is _attached(x) and isinstance(value, fx.Node):
            return value
    return None


def _attached(value: object) -> object:
    """Return the value before calls that detach it."""
    while isinstance(value, fx.Node) and value.target in (*_DETACH, *_LIFT):
        value = value.args[0]
    return value
