"""Find the edges of a recurrent NIR graph that carry the values of the previous time-step.

NIR does not state which edge of a loop has the delay. Here it is the edge after the neurons that close the loop: an
edge from a neuron whose signal reaches, through nodes without a state, a neuron of the same loop that is not farther
from the input. All other edges carry the values of the same time-step. In the networks of the NIR paper, neurons
receive their own spikes through a linear layer; their recurrent input at time-step t is the output at t - 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter

from spikelet.errors import ConversionError

Edge = tuple[str, str]


def delayed(
    names: Sequence[str], edges: Sequence[Edge], neurons: Collection[str], inputs: Collection[str]
) -> set[Edge]:
    """Return the delayed edges.

    Args:
        names: All nodes.
        edges: All edges, as (source, target).
        neurons: Nodes with a state or a threshold.
        inputs: Nodes from which signals start.

    Raises:
        ConversionError: A loop has no neuron, or an edge leads to neurons both before and after its source.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        after[source].append(target)
    depth = _depths(after, inputs)
    reached = {name: _reachable(after, name) for name in names}
    result = set()
    for source, target in edges:
        if source not in neurons or source not in reached[target] | {target}:
            continue
        loop = {name for name in reached[target] | {target} if source in reached[name] or name == source}
        next_neurons = _next_neurons(after, target, loop, neurons)
        earlier = {name for name in next_neurons if depth.get(name, 0) <= depth.get(source, 0)}
        if earlier and earlier != next_neurons:
            others = ", ".join(sorted(next_neurons - earlier))
            raise ConversionError(
                f"edge {source} -> {target}: leads back to {', '.join(sorted(earlier))} and on to {others}, so that it "
                "has no single delay; give each of them an edge of its own"
            )
        if earlier:
            result.add((source, target))
    _check_loops(names, [edge for edge in edges if edge not in result])
    return result


def ordered(names: Sequence[str], edges: Sequence[Edge], delays: Collection[Edge]) -> list[str]:
    """Return the nodes in the order of evaluation."""
    sources: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        if (source, target) not in delays:
            sources[target].append(source)
    return list(TopologicalSorter(sources).static_order())


def _check_loops(names: Sequence[str], edges: Sequence[Edge]) -> None:
    try:
        ordered(names, edges, ())
    except CycleError as error:
        raise ConversionError(
            f"{', '.join(error.args[1][:4])} form a loop without a neuron; a loop needs one, whose output is delayed"
        ) from None


def _depths(after: dict[str, list[str]], inputs: Collection[str]) -> dict[str, int]:
    """Return the smallest number of edges from the inputs, by node."""
    depth = dict.fromkeys(inputs, 0)
    pending = list(inputs)
    for name in pending:
        for target in after[name]:
            if target not in depth:
                depth[target] = depth[name] + 1
                pending.append(target)
    return depth


def _reachable(after: dict[str, list[str]], start: str) -> set[str]:
    """Return the nodes reachable from a node; they include the node itself if it is on a loop."""
    result: set[str] = set()
    pending = [start]
    while pending:
        for target in after[pending.pop()]:
            if target not in result:
                result.add(target)
                pending.append(target)
    return result


def _next_neurons(after: dict[str, list[str]], start: str, loop: set[str], neurons: Collection[str]) -> set[str]:
    """Return the first neurons of a loop on the paths from a node."""
    result, seen, pending = set(), {start}, [start]
    while pending:
        name = pending.pop()
        if name in neurons:
            result.add(name)
            continue
        new = [target for target in after[name] if target in loop and target not in seen]
        seen.update(new)
        pending += new
    return result
