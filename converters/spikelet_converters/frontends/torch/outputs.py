"""Outputs of a traced network and of its calls: which one is converted, what it depends on, and who uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch import fx

from spikelet.errors import UsageError
from spikelet_converters.frontends.torch.calls import resolved, values_of


def chosen(results: object, output: str | None) -> Any:
    """Return one of the outputs of a network, by its index or key; None for a network with one output.

    Without an index or key, entries that are no values, such as a loss of None, do not count.

    Raises:
        UsageError: There is no such output.
    """
    results = fields_of(results)
    if output is None:
        while isinstance(results, tuple | list | Mapping):
            entries = list(results.values() if isinstance(results, Mapping) else results)
            entries = [entry for entry in entries if entry is not None and not isinstance(entry, int | float | str)]
            if len(entries) != 1:
                break
            results = fields_of(entries[0])
        return results
    if isinstance(results, Mapping):
        if output in results:
            return results[output]
        if output.isdecimal() and int(output) < len(results):
            return list(results.values())[int(output)]
        raise UsageError(f"the network has no output {output!r}; expected one of {', '.join(map(str, results))}")
    several = results if isinstance(results, tuple | list) else [results]
    if not output.isdecimal() or int(output) >= len(several):
        raise UsageError(f"the network has no output {output!r}; expected a number of 0…{len(several) - 1}")
    return several[int(output)]


def fields_of(results: object) -> object:
    """Return the outputs of a named tuple or a dataclass by name, and others as they are."""
    if isinstance(results, tuple) and hasattr(results, "_asdict"):
        return results._asdict()
    if dataclasses.is_dataclass(results) and not isinstance(results, type | Mapping):
        return {entry.name: getattr(results, entry.name) for entry in dataclasses.fields(results)}
    return results


def with_fields(graph: fx.Graph) -> fx.Graph:
    """Return a traced graph that returns the fields of a named tuple or a dataclass as a dictionary."""
    output = next(node for node in graph.nodes if node.op == "output")

    def fields(value: fx.node.Argument) -> Any:
        kind = value.target if isinstance(value, fx.Node) else None
        if not isinstance(kind, type):
            return value
        assert isinstance(value, fx.Node)
        names = [entry.name for entry in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else getattr(
            kind, "_fields", None
        )  # fmt: skip
        return value if names is None else {**dict(zip(names, value.args, strict=False)), **value.kwargs}

    output.args = (fx.node.map_aggregate(output.args[0], fields),)
    for node in reversed(list(graph.nodes)):
        if not node.users and isinstance(node.target, type):
            graph.erase_node(node)
    return graph


def needed(results: object) -> set[fx.Node]:
    """Return the nodes of a traced graph that some of its outputs depend on."""
    reached: set[fx.Node] = set()
    pending: list[fx.Node] = []
    resolved(results, pending.append)
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending += node.all_input_nodes
    return reached


def alone(step: fx.Node, value: Callable[[fx.Node], object]) -> bool:
    """Return whether no other call uses the input of a call, by any of the names of its node of the graph.

    Calls such as a slice of all channels, a concatenation of one value or two reshapes that cancel out have another
    name for the same node.

    Args:
        step: The call.
        value: What a call that was read returns, None for another call.
    """
    sources = [source for source in step.all_input_nodes if values_of(value(source))]
    inputs = [x for source in sources for x in values_of(value(source))]
    if len(sources) != 1 or len(inputs) != 1 or not inputs[0].node:
        return False  # channels of several nodes
    while sources:
        source = sources.pop()
        if sum(value(user) is None or bool(values_of(value(user))) for user in source.users) != 1:  # without its sizes
            return False
        sources += [before for before in source.all_input_nodes if _holds(value(before), inputs[0].node)]
    return True


def _holds(value: object, node: str) -> bool:
    """Return whether some channels of a value are those of a node."""
    return any(part.node == node for x in values_of(value) for part in (x, *x.parts))


AFTER_THE_END = (
    "argmax", "log", "log_softmax", "_log_softmax", "softmax", "_softmax", "flatten", "reshape", "squeeze", "view",
    "add", "div", "divide", "mul", "multiply", "sub", "subtract", "true_divide",
)  # fmt: skip
"""Operations that may follow a function of the logits at the end of a network: of probabilities, shapes and scales."""


def last(step: fx.Node, passes_on: Callable[[fx.Node], bool], name: Callable[[fx.Node], str]) -> bool:
    """Return whether the network returns the output of a call, directly or through calls that do not change it.

    Args:
        step: The call.
        passes_on: Whether the output of a call is its input.
        name: Name of the operation of a call.
    """
    return all(
        user.op == "output" or ((passes_on(user) or name(user) in AFTER_THE_END) and last(user, passes_on, name))
        for user in step.users
    )
