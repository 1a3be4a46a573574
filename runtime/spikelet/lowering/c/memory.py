"""The arrays of a program: state per sample, and workspace per time-step."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.lowering.c.plan import Plan, lanes, padded
from spikelet.nodes import IF, Conv2d, Linear, Output

SIZES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4}
TILE_BYTES = 2**14  # of the currents of output pixels that are summed together, before their neurons fire


@dataclass(frozen=True)
class Field:
    """One array of a struct.

    Attributes:
        name: C identifier.
        ctype: C type of the elements.
        count: number of elements.
        meaning: comment.
    """

    name: str
    ctype: str
    count: int
    meaning: str

    def bytes(self, row_type: str) -> int:
        """Return the size in bytes. row_type: C type of an entry of a list of spikes."""
        return self.count * SIZES[row_type if self.ctype == "row_t" else self.ctype]


def has_sum(plan: Plan, name: str) -> bool:
    """Return whether a node has its own dense value in memory; for an IF, the current from spikes."""
    value, node = plan.values[name], plan.graph.nodes[name]
    if isinstance(node, IF):
        return plan.source(name).spikes
    if value.spikes or value.node != name or isinstance(node, Output) or plan.fused(name):
        return False
    return plan.sum_of(name) == name


def sum_place(plan: Plan, name: str) -> str:
    """Return the C expression of a node's dense value: in the state if it outlives the time-step."""
    owner = plan.sum_of(name)
    return f"{'s' if owner in plan.graph.static else 'w'}->{plan.identifiers[owner]}_x"


def state(plan: Plan, window: int = 1) -> list[Field]:
    """Return the state of one sample. window: largest number of time-steps evaluated layer by layer."""
    fields = []
    for name in plan.graph.order:
        id_, value = plan.identifiers[name], plan.values[name]
        if isinstance(plan.graph.nodes[name], IF):
            count = value.pixels * padded(value.channels)
            fields.append(Field(f"{id_}_v", "int32_t", count, f"potentials of {name}"))
        elif has_sum(plan, name) and name in plan.graph.static:
            fields.append(Field(f"{id_}_x", "int32_t", value.pixels * value.stride, f"{name}, of the last image"))
    when = "in the last time-step" if window == 1 else "in each of the last time-steps"
    fields.append(Field("logits", "int32_t", plan.graph.classes * window, when))
    fields.append(Field("fired", "uint32_t", len(plan.graph.spiking) * window, f"spikes of each layer {when}"))
    return fields


def work(plan: Plan) -> list[Field]:
    """Return the workspace of one time-step."""
    fields = []
    for name in plan.graph.order:
        id_, value = plan.identifiers[name], plan.values[name]
        if value.spikes and value.node == name:
            starts = value.height * (value.width + 1)
            fields.append(Field(f"{id_}_start", "row_t", starts, f"spikes of {name}: where those of a pixel begin"))
            fields.append(Field(f"{id_}_list", "row_t", value.height * value.room, "and who fired, by rows of pixels"))
        if has_sum(plan, name) and name not in plan.graph.static:
            stride = padded(value.channels) if isinstance(plan.graph.nodes[name], IF) else value.stride
            fields.append(Field(f"{id_}_x", "int32_t", value.pixels * stride, f"{name}, dense"))
    currents = [tile(plan, name) * padded(plan.outputs(name)) for name in plan.graph.order if _packs(plan, name)]
    fields.append(Field("current", "int32_t", max([1, *currents]), "of the pixels that are summed together"))
    return fields


def row_type(plan: Plan) -> str:
    """Return the C type of a list entry, wide enough for a row of pixels."""
    return "uint16_t" if max(value.room for value in plan.values.values()) < 2**16 else "uint32_t"


def tile(plan: Plan, name: str) -> int:
    """Return the number of output pixels summed together, doubled if a block of weights then stays in the cache."""
    stride = padded(plan.outputs(name))
    pixels = plan.values[name].pixels // plan.spread(name)
    size = TILE_BYTES if stride == lanes(plan.outputs(name)) else 2 * TILE_BYTES
    return max(1, min(pixels, size // (4 * stride)))


def max_height(plan: Plan) -> int:
    """Return the height of the tallest kernel that reads spikes."""
    return max([1, *(int(plan.taps(name).shape[0]) for name in plan.graph.order if _packs(plan, name))])


def _packs(plan: Plan, name: str) -> bool:
    return isinstance(plan.graph.nodes[name], Conv2d | Linear) and plan.packs(name)
