"""Branches of the network: connections that bypass other blocks, such as the shortcuts of residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikelet.graph import Graph
from spikelet_gui.models.network.blocks import Block


@dataclass(frozen=True)
class Branch:
    """A connection between two blocks that bypasses at least one row of other blocks.

    Attributes:
        source: Name of the block where it starts.
        target: Name of the block where it ends.
        members: Names of the nodes that only this connection uses, in topological order; empty for a plain connection.
        lane: Index of the vertical line beside the blocks; branches of one lane do not overlap.
    """

    source: str
    target: str
    members: tuple[str, ...]
    lane: int


def branches(graph: Graph, blocks: Sequence[Block]) -> tuple[Branch, ...]:
    """Return the branches, ordered by the row in which they start."""
    by_name = {block.name: block for block in blocks}
    owner = {member: block.name for block in blocks for member in block.members}
    bypasses = []
    for block in blocks:
        for source, members in _feeds(graph, block, owner):
            if block.row - by_name[source].row > 1:
                bypasses.append((by_name[source].row, block.row, source, block.name, members))
    ends: list[int] = []  # by lane, the row in which its last branch ends
    result = []
    for start, end, source, target, members in sorted(bypasses, key=lambda item: (item[0], item[1])):
        lane = next((lane for lane, last in enumerate(ends) if last <= start), len(ends))
        ends[lane:] = [end] if lane == len(ends) else [end, *ends[lane + 1 :]]
        result.append(Branch(source, target, members, lane))
    return tuple(result)


def trunk(graph: Graph, block: Block, bypasses: Sequence[Branch]) -> tuple[str, ...]:
    """Return the members of a block that belong neither to a branch nor to the sum in which it ends."""
    joining = [branch for branch in bypasses if branch.target == block.name]
    branch_members = {member for branch in joining for member in branch.members}
    sums = {name for name in block.members if joining and len(graph.predecessors[name]) > 1}
    return tuple(member for member in block.members if member not in branch_members | sums)


def _feeds(graph: Graph, block: Block, owner: dict[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return (source block, nodes of this connection alone) for every connection into a block."""
    members = set(block.members)
    feeds = []
    for entry in block.members:
        for source in graph.predecessors[entry]:
            if source in members:
                continue
            exclusive, node = [], entry
            while node != block.name and len(graph.predecessors[node]) == 1 and len(graph.successors[node]) == 1:
                exclusive.append(node)
                node = graph.successors[node][0]
            feeds.append((owner[source], tuple(exclusive)))
    return feeds
