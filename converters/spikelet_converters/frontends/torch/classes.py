"""Replace functions of the classes that a network writes out by single calls.

exp(x) / exp(x).sum(1, keepdim=True)     softmax(x), also of x - max(x)
x - logsumexp(x, 1, keepdim=True)        log_softmax(x), also with the log of the sum
x.max(1)[1], x.max(1).indices            argmax(x)
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import torch
from torch import fx

from spikelet_converters.frontends.torch.calls import name_of

_aten = torch.ops.aten
_DETACH = ("alias", "clone", "detach")
_PARTS = ("amax", "div", "exp", "getitem", "log", "logsumexp", "max", "sub", "sum", "topk")
_NAMES: dict[object, str] = {getattr: "getattr", operator.getitem: "getitem"}
_SAME = {"divide": "div", "subtract": "sub", "true_divide": "div"}
_CALLS: dict[str, tuple[Any, Any]] = {
    "argmax": (torch.argmax, _aten.argmax.default),
    "log_softmax": (torch.log_softmax, _aten.log_softmax.int),
    "softmax": (torch.softmax, _aten.softmax.int),
}
"""The calls of a traced graph and of an exported one."""


class _Function(NamedTuple):
    kind: str
    x: fx.Node
    axis: int


def replaced(graph: fx.Graph) -> fx.Graph:
    """Return the graph with single calls of such functions; a graph that has some is copied."""
    if not any(_function_of(node) is not None for node in graph.nodes):
        return graph
    exported = any(isinstance(node.target, torch._ops.OpOverload) for node in graph.nodes)
    copied = fx.Graph()
    copied.output(copied.graph_copy(graph, {}), None)
    for node in list(copied.nodes):
        function = _function_of(node)
        if function is not None:
            target = _CALLS[function.kind][exported]
            with copied.inserting_before(node):
                call = copied.call_function(target, (function.x, function.axis))
            node.replace_all_uses_with(call)
    for node in reversed(list(copied.nodes)):
        if not node.users and _kind(node) in _PARTS:
            copied.erase_node(node)
    return copied


def _function_of(node: fx.Node) -> _Function | None:
    """Return the function of classes that a call computes, None for another one."""
    kind, args = _kind(node), node.args
    if kind in ("getitem", "getattr") and args[1] in (1, "indices"):
        return _index(args[0])
    if kind in ("log_softmax", "softmax") and isinstance(args[0], fx.Node):
        x, axis = _without_maximum(args[0]), _axis(node)
        return None if x is args[0] or axis is None else _Function(kind, x, axis)
    if kind not in ("div", "sub") or len(args) != 2 or node.kwargs:
        return None
    summed = _sum_of_exponentials(args[1]) if kind == "div" else _log_of_sum(args[1])
    if summed is None or not _equal(summed[0], args[0]):
        return None
    return _Function("softmax" if kind == "div" else "log_softmax", _without_maximum(summed[1]), summed[2])


def _equal(first: fx.Node, second: object) -> bool:
    """Return whether both are one value, or exp(x) of one value."""
    if not isinstance(second, fx.Node):
        return False
    return first is second or (_kind(first) == _kind(second) == "exp" and first.args[0] is second.args[0])


def _index(largest: object) -> _Function | None:
    """Return the argmax for the call of a maximum of classes."""
    if not isinstance(largest, fx.Node) or _kind(largest) not in ("max", "topk"):
        return None
    if not isinstance(largest.args[0], fx.Node):
        return None
    if _kind(largest) == "topk" and largest.args[1:2] == (1,) and len(largest.args) == 2 and not largest.kwargs:
        return _Function("argmax", largest.args[0], -1)
    axis = _axis(largest) if _kind(largest) == "max" else None
    return None if axis is None else _Function("argmax", largest.args[0], axis)


def _sum_of_exponentials(value: object) -> tuple[fx.Node, fx.Node, int] | None:
    """Return exp(x), x and the axis for a sum of exp(x)."""
    if not isinstance(value, fx.Node) or _kind(value) != "sum":
        return None
    exponential, axis = value.args[0], _axis(value)
    if not isinstance(exponential, fx.Node) or _kind(exponential) != "exp" or axis is None:
        return None
    x = exponential.args[0]
    return (exponential, x, axis) if isinstance(x, fx.Node) else None


def _log_of_sum(value: object) -> tuple[fx.Node, fx.Node, int] | None:
    """Return x, x and the axis for the log of a sum of exp(x)."""
    if not isinstance(value, fx.Node):
        return None
    if _kind(value) == "log":
        summed = _sum_of_exponentials(value.args[0])
        return None if summed is None else (summed[1], *summed[1:])
    x, axis = value.args[0] if value.args else None, _axis(value)
    return (x, x, axis) if _kind(value) == "logsumexp" and isinstance(x, fx.Node) and axis is not None else None


def _without_maximum(x: fx.Node) -> fx.Node:
    """Return x for x - max(x), of which these functions are the same."""
    if _kind(x) != "sub" or len(x.args) != 2:
        return x
    value, largest = x.args
    while isinstance(largest, fx.Node) and (
        _kind(largest) in _DETACH or (largest.args[1:] in ((0,), ("values",)) and _kind(largest) != "max")
    ):
        largest = largest.args[0]
    same = isinstance(largest, fx.Node) and _kind(largest) in ("amax", "max") and largest.args[0] is value
    return value if same and isinstance(value, fx.Node) else x


def _axis(node: object) -> int | None:
    """Return the axis that a call states."""
    assert isinstance(node, fx.Node)
    axis = node.kwargs.get("dim", node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else None))
    axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    return axis if isinstance(axis, int) else None


def _kind(node: object) -> str:
    """Return the name of the operation of a call, "" for another value."""
    if not isinstance(node, fx.Node) or node.op not in ("call_function", "call_method"):
        return ""
    if node.target in _NAMES:
        return _NAMES[node.target]
    kind = name_of(getattr(node.target, "overloadpacket", node.target))
    return _SAME.get(kind, kind)
