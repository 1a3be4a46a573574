"""The arrays of a program: what a sample keeps, and what a time-step needs while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.lowering.c.plan import Plan, Value, lanes, padded
from spikelet.nodes import IF, Conv2d, Linear, Output

SLACK = 16  # entries that are copied at once; lists have so much room behind them
TILE = 32  # output pixels whose rows are gathered together
TILE_ROOM = 2**18  # entries of the gathered rows


@dataclass(frozen=True)
class Field:
    """One array of a struct. name: C identifier. ctype: of its elements. count: how many. meaning: for a comment."""

    name: str
    ctype: str
    count: int
    meaning: str


def has_sum(plan: Plan, name: str) -> bool:
    """Whether a node has a dense value in memory of its own; of an IF: the current that spikes alone make up."""
    value, node = plan.values[name], plan.graph.nodes[name]
    if isinstance(node, IF):
        return plan.source(name).spikes
    if value.spikes or value.node != name or isinstance(node, Output) or plan.fused(name):
        return False
    return plan.sum_of(name) == name


def sum_place(plan: Plan, name: str) -> str:
    """Where a node's dense value lies, as C: in the state if it outlives the time-step."""
    owner = plan.sum_of(name)
    return f"{'s' if owner in plan.graph.static else 'w'}->{plan.identifiers[owner]}_x"


def state(plan: Plan) -> list[Field]:
    """What one sample keeps from time-step to time-step."""
    found = []
    for name in plan.graph.order:
        id_, value = plan.identifiers[name], plan.values[name]
        if isinstance(plan.graph.nodes[name], IF):
            count = value.pixels * padded(value.channels)
            found.append(Field(f"{id_}_v", "int32_t", count, f"potentials of {name}"))
        elif has_sum(plan, name) and name in plan.graph.static:
            found.append(Field(f"{id_}_x", "int32_t", value.pixels * value.stride, f"{name}, of the last image"))
    found.append(Field("logits", "int32_t", plan.graph.classes, "of the last time-step"))
    found.append(Field("fired", "uint32_t", len(plan.graph.spiking), "spikes of each layer in the last time-step"))
    return found


def work(plan: Plan) -> list[Field]:
    """What one time-step needs while it runs."""
    found = []
    for name in plan.graph.order:
        id_, value = plan.identifiers[name], plan.values[name]
        if value.spikes and value.node == name:
            room = value.pixels * value.capacity + SLACK
            found.append(Field(f"{id_}_count", "row_t", value.pixels, f"spikes of {name}: how many at each pixel"))
            found.append(Field(f"{id_}_list", "row_t", room, "and in which channels"))
        if has_sum(plan, name) and name not in plan.graph.static:
            stride = padded(value.channels) if isinstance(plan.graph.nodes[name], IF) else value.stride
            found.append(Field(f"{id_}_x", "int32_t", value.pixels * stride, f"{name}, dense"))
    rows = [tile(plan, name) * rows_room(plan, name) for name in plan.graph.order if _gathers(plan, name)]
    found.append(Field("rows", "row_t", max([1, *rows]), "weight rows that are to be added"))
    return found


def row_type(plan: Plan) -> str:
    """The C type of an entry of a list: wide enough for every weight row and every channel."""
    largest = max(value.capacity for value in plan.values.values())
    for name in plan.graph.order:
        if _gathers(plan, name):
            largest = max(largest, plan.taps(name)[..., 0].size)
    return "uint16_t" if largest < 2**16 else "uint32_t"


def rows_room(plan: Plan, name: str) -> int:
    """Entries of the rows of one output pixel."""
    kh, kw, *_ = plan.taps(name).shape
    return kh * kw * plan.source(name).capacity + SLACK


def tile(plan: Plan, name: str) -> int:
    """Output pixels whose rows are gathered together. A single block of outputs reads them but once."""
    value: Value = plan.values[name]
    most = TILE if value.channels > lanes(value.channels) else 1
    return max(1, min(most, value.pixels, TILE_ROOM // rows_room(plan, name)))


def _gathers(plan: Plan, name: str) -> bool:
    return isinstance(plan.graph.nodes[name], Conv2d | Linear) and plan.packs(name)
