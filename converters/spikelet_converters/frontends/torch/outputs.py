"""The outputs of a traced network: the one to convert, and the calls that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx

from spikelet.errors import UsageError
from spikelet_converters.frontends.torch.calls import resolved


def chosen(results: object, output: str | None) -> Any:
    """Return one of the outputs of a network, by its index or key; None for a network with one output.

    Raises:
        UsageError: There is no such output.
    """
    if output is None:
        while isinstance(results, tuple | list | Mapping) and len(results) == 1:
            (results,) = results.values() if isinstance(results, Mapping) else results
        return results
    if isinstance(results, Mapping):
        if output in results:
            return results[output]
        raise UsageError(f"the network has no output {output!r}; expected one of {', '.join(map(str, results))}")
    several = results if isinstance(results, tuple | list) else [results]
    if not output.isdecimal() or int(output) >= len(several):
        raise UsageError(f"the network has no output {output!r}; expected a number of 0…{len(several) - 1}")
    return several[int(output)]


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
