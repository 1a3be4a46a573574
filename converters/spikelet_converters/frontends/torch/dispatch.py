"""All torch operations that are read."""

from __future__ import annotations

from spikelet_converters.frontends import comparisons, rearranged, roundings
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.torch import (
    activations,
    arithmetic,
    choices,
    moves,
    pools,
    resampling,
    reshapes,
    synapses,
)  # fmt: skip
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import Value

_TABLES = (synapses, arithmetic, activations, choices, pools, moves, reshapes, resampling)
HANDLERS: dict[str, Handler] = {kind: handler for table in _TABLES for kind, handler in table.HANDLERS.items()}
"""Functions that add a call to the graph, by the name of its operation."""

OF_VIEWS = (*reshapes.OF_VIEWS, *moves.IDENTITY)
"""Operations that take reshaped values which no node has, see `spikelet_converters.frontends.rearranged`."""

_OF_ROUNDED = (
    "add", "clamp", "clip", "div", "divide", "hardtanh", "mul", "multiply", "relu6", "sub", "subtract", "true_divide",
    *moves.IDENTITY,
)  # fmt: skip
"""Operations that take values whose rounding is pending, see `spikelet_converters.frontends.roundings`."""


_OF_COMPARISONS = (
    *choices.HANDLERS, "add", "bool", "div", "divide", "int", "mul", "multiply", "rsub", "sub", "subtract",
    "true_divide", *moves.IDENTITY,
)  # fmt: skip
"""Operations that scale comparisons or choose by them, see `comparisons`."""


def added(call: Call) -> Value | list[Value]:
    """Add a call to its graph and return its output or outputs.

    Raises:
        ConversionError: The call has no spiking form, or takes a value that no node has.
    """
    viewed = next((x for x in call.values if x.view is not None), None)
    if viewed is not None and call.kind not in OF_VIEWS:
        raise rearranged.refused(call.where, viewed)
    roundings.check(call.values, call.kind, _OF_ROUNDED)
    comparisons.check(call.values, call.kind, _OF_COMPARISONS)
    if call.builder.ending != "logits" and call.kind in activations.SCALES:
        return activations.scaled(call)
    return HANDLERS[call.kind](call)


def returned(builder: Builder, values: list[Value]) -> Value:
    """Make the value that the network returns the output of the graph, see `Builder.output`.

    Raises:
        ConversionError: It is a value that no node has.
    """
    viewed = next((x for x in values if x.view is not None), None)
    if viewed is not None:
        raise rearranged.refused("the output", viewed)
    roundings.check(values, "the output")
    comparisons.check(values, "the output")
    return builder.output(values)
