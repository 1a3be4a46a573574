"""Replace the sum or the mean of stacked values over the new axis, as ensembles compute it, by a sum of the values."""

from __future__ import annotations

import operator

import torch
from torch import fx

_aten = torch.ops.aten
_STACK = (torch.stack, _aten.stack.default)
_MEAN = (torch.mean, "mean", _aten.mean.dim)
_SUM = (torch.sum, "sum", _aten.sum.dim_IntList)


def removed(graph: fx.Graph) -> fx.Graph:
    """Return the graph without such stacks; a graph that has some is copied."""
    if not any(_is_reduced(node) for node in graph.nodes):
        return graph
    copied = fx.Graph()
    copied.output(copied.graph_copy(graph, {}), None)
    for node in [node for node in copied.nodes if _is_reduced(node)]:
        parts = list(node.args[0])
        for user in list(node.users):
            with copied.inserting_before(user):
                total = parts[0]
                for part in parts[1:]:
                    total = copied.call_function(operator.add, (total, part))
                if user.target in _MEAN:
                    total = copied.call_function(operator.truediv, (total, len(parts)))
            user.replace_all_uses_with(total)
            copied.erase_node(user)
        copied.erase_node(node)
    return copied


def _is_reduced(node: fx.Node) -> bool:
    """Return whether a call stacks values of which only sums and means over the new axis are used."""
    if node.target not in _STACK or not isinstance(node.args[0], list | tuple):
        return False
    axis = _axis(node, 0)
    return bool(node.users) and all(
        user.target in (*_MEAN, *_SUM) and _axis(user, None) == axis and not user.kwargs.get("keepdim")
        and len(user.args) < 3
        for user in node.users
    )  # fmt: skip


def _axis(node: fx.Node, default: int | None) -> object:
    """Return the axis that a call states, or the default."""
    axis = node.kwargs.get("dim", node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else default))
    return axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
