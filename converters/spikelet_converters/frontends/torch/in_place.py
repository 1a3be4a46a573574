"""Find calls that change a value in place which other calls use under the name that it had before.

torch.fx records `y = x; y += 1; return x + y` as if y were another value than x. Such a network is imported from its
torch.export program in the functional form, in which no call changes its arguments.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Iterator, Mapping

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet_converters.frontends.refusals import IN_PLACE
from spikelet_converters.frontends.torch.calls import bound, name_of
from spikelet_converters.frontends.torch.casts import CASTS

_OPERATORS = (
    operator.iadd, operator.ifloordiv, operator.imod, operator.imul, operator.ipow, operator.isub, operator.itruediv,
)  # fmt: skip
_SPECIAL = ("__setitem__", "__set__", *(f"__{function.__name__}__" for function in _OPERATORS))
_CALLS = ("call_function", "call_method")
_SAME = (
    "alias", "alpha_dropout", "contiguous", "detach", "dropout", "dropout1d", "dropout2d", "feature_alpha_dropout",
    "feature_dropout",
)  # fmt: skip
_VIEWS = (
    "_unsafe_view", "chunk", "expand", "expand_as", "flatten", "getattr", "getitem", "movedim", "moveaxis", "narrow",
    "permute", "reshape", "reshape_as", "select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes",
    "swapdims", "tensor_split", "transpose", "unbind", "unflatten", "unsqueeze", "view", "view_as", *CASTS, *_SAME,
)  # fmt: skip
_SAME_MODULES = (nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.FeatureAlphaDropout, nn.Identity)
_VIEW_MODULES = (nn.Flatten, nn.Unflatten, *_SAME_MODULES)
OF_SIZES = ("dim", "size", "numel", "sym_size")
"""Functions and methods that read sizes of a value, and not its numbers."""

Modules = Mapping[str, nn.Module]


def conflict(graph: fx.Graph, modules: Modules) -> fx.Node | None:
    """Return the first call that changes a value in place which a later call uses by another name.

    Args:
        graph: The calls of a network in evaluation mode.
        modules: Its modules by name.

    Returns:
        The call, or None if every later call uses its result.
    """
    return next((node for node, conflicting in changes(graph, modules) if conflicting), None)


def changes(graph: fx.Graph, modules: Modules) -> Iterator[tuple[fx.Node, bool]]:
    """Yield the calls that change a value in place, and whether a later call uses the value by another name."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    roots: dict[fx.Node, fx.Node] = {}
    views: dict[fx.Node, list[fx.Node]] = {}
    for node in graph.nodes:
        changed = changed_value(node, modules)
        source = changed if changed is not None else viewed(node, modules)
        root = roots[node] = node if source is None else roots[source]
        if changed is not None:
            yield node, any(
                order[user] > order[node] and not _reads_sizes(user)
                for before in views.get(root, []) for user in before.users
            )  # fmt: skip
        views.setdefault(root, []).append(node)


def changed_value(node: fx.Node, modules: Modules) -> fx.Node | None:
    """Return the value that a call changes in place, None for another call."""
    if node.op == "call_module":
        module, first = modules[str(node.target)], node.args[0] if node.args else None
        changes = getattr(module, "inplace", False) and not isinstance(module, _SAME_MODULES)
        return first if changes and isinstance(first, fx.Node) else None
    changed = changed_argument(node.target, node.args, node.kwargs) if node.op in _CALLS else None
    return changed if isinstance(changed, fx.Node) else None


def changed_argument(target: fx.node.Target, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """Return the argument that a function or a method changes in place, None for one that changes none.

    Args:
        target: The function, or the name of the method.
        args: Its positional arguments.
        kwargs: Its other arguments.
    """
    if kwargs.get("out") is not None:
        return kwargs["out"]
    if not args and inspect.isfunction(target) and target.__name__.endswith("_"):  # as torch calls those of nn.init
        args = tuple((bound(target, args, kwargs) or {}).values())
    if not args or _name(target) in _SAME:
        return None
    schema = getattr(target, "_schema", None)
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    changes = target in _OPERATORS or name in _SPECIAL if schema is None else schema.is_mutable
    changes = changes or (schema is None and name.endswith("_") and not name.endswith("__"))
    if inspect.isfunction(target):
        changes = changes or bool((bound(target, args, kwargs) or {}).get("inplace"))
    return args[0] if changes else None


def viewed(node: fx.Node, modules: Modules) -> fx.Node | None:
    """Return the value of which a call returns a view, None for another call."""
    first = node.args[0] if node.args else None
    if not isinstance(first, fx.Node):
        return None
    if node.op == "call_module":
        return first if isinstance(modules[str(node.target)], _VIEW_MODULES) else None
    return first if node.op in _CALLS and _kind(node) in _VIEWS else None


def _reads_sizes(node: fx.Node) -> bool:
    is_attribute = node.target is getattr and node.args[1] not in ("data", "T", "mT", "values")
    return is_attribute or (node.op != "call_module" and _kind(node) in OF_SIZES)


def _kind(node: fx.Node) -> str:
    return _name(node.target)


def _name(target: fx.node.Target) -> str:
    packet = getattr(target, "overloadpacket", None)
    return name_of(target) if packet is None else str(packet.__name__).rstrip("_")


def functional(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return a program in which no call changes a value that another call uses by another name.

    Raises:
        ConversionError: torch has no such program.
    """
    changed = conflict(program.graph, {})
    if changed is None:
        return program
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of torch about its own functions
            return program.run_decompositions({})
    except Exception as error:  # torch raises many types of errors
        pass_out_of_memory(error, changed.name)
        raise ConversionError(f"`{_kind(changed)}` at node {changed.name} of the program: {IN_PLACE}") from None
