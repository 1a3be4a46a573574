"""Constants and memory of a program by node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spikelet.lowering.c.program import Program

SHARED = "shared"  # by several nodes


@dataclass(frozen=True)
class Share:
    """Constants and memory of one node of a network.

    Attributes:
        node: Name of the node, or "shared".
        function: Name of its C function, or "".
        constants: Bytes of parameters.
        memory: Bytes of an instance.
    """

    node: str
    function: str
    constants: int
    memory: int


def shares(program: Program) -> list[Share]:
    """Return the share of every node in the order of evaluation, followed by arrays that several nodes use.

    Nodes without constants and memory are omitted. Bytes for the alignment of arrays are not counted.
    """
    constants = _by_identifier((parameter.name, parameter.values.nbytes) for parameter in program.parameters)
    arrays = [*program.state, *program.work]
    memory = _by_identifier((field.name, field.bytes) for field in arrays)
    rows = [
        Share(name, f"run_{identifier}", constants.pop(identifier, 0), memory.pop(identifier, 0))
        for name, identifier in program.plan.identifiers.items()
    ]
    rows.append(Share(SHARED, "", sum(constants.values()), sum(memory.values())))
    return [row for row in rows if row.constants or row.memory]


def _by_identifier(sizes: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the sum of sizes by the part of a name before its suffix, which contains no underscore."""
    totals: dict[str, int] = {}
    for name, size in sizes:
        identifier = name.rpartition("_")[0]
        totals[identifier] = totals.get(identifier, 0) + size
    return totals
