"""All torch operations that are read."""

from __future__ import annotations

from dataclasses import replace

from spikelet.errors import ConversionError
from spikelet_converters.frontends import comparisons, rearranged, roundings
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.torch import (
    activations,
    arithmetic,
    casts,
    choices,
    moves,
    parts,
    patches,
    pools,
    products,
    resampling,
    reshapes,
    stacks,
    synapses,
)  # fmt: skip
from spikelet_converters.frontends.torch.calls import Call, Handler, Recorded, Result
from spikelet_converters.frontends.values import Stack, Value

_TABLES = (
    synapses,
    arithmetic,
    activations,
    casts,
    choices,
    pools,
    moves,
    parts,
    patches,
    products,
    reshapes,
    resampling,
)
HANDLERS: dict[str, Handler] = {kind: handler for table in _TABLES for kind, handler in table.HANDLERS.items()}
"""Functions that add a call to the graph, by the name of its operation."""

IDENTITY = (*casts.CASTS, *moves.IDENTITY)
"""Operations whose output is their input."""

OF_VIEWS = (*reshapes.OF_VIEWS, *IDENTITY, "avg_pool1d", "expand", "getitem", "mean", "repeat", "sum", "tile")
"""Operations that take reshaped values which no node has, see `spikelet_converters.frontends.rearranged`."""

_OF_ROUNDED = (
    "add", "clamp", "clip", "div", "divide", "hardtanh", "mul", "multiply", "relu6", "sub", "subtract", "true_divide",
    *IDENTITY,
)  # fmt: skip
"""Operations that take values whose rounding is pending, see `spikelet_converters.frontends.roundings`."""


_OF_COMPARISONS = (
    *choices.HANDLERS, "add", "div", "divide", "mul", "multiply", "rsub", "sub", "subtract", "true_divide", *IDENTITY,
)  # fmt: skip
"""Operations that scale comparisons or choose by them, see `comparisons`."""


_WITHOUT_EFFECT = frozenset((
    "_stacklevel", "copy", "cudnn_enabled", "device", "implicit", "inplace", "layout", "memory_format", "momentum",
    "non_blocking", "output_padding",  # transposed convolutions read it, others take it without use
))  # fmt: skip
"""Arguments that change no number in evaluation mode."""


def added(call: Call) -> Result:
    """Add a call to its graph and return its output or outputs.

    Raises:
        ConversionError: The call has no spiking form, takes a value that no node has, or has an argument that the
            import does not evaluate.
    """
    stack = stacks.of(list(call.arguments.values()))
    if stack is not None and call.kind not in products.HANDLERS:
        return stacks.applied(call, stack, added, IDENTITY)
    viewed = next((x for x in call.values if x.view is not None), None)
    if viewed is not None and call.kind not in OF_VIEWS:
        raise rearranged.refused(call.where, viewed)
    roundings.check(call.values, call.kind, _OF_ROUNDED)
    comparisons.check(call.values, call.kind, _OF_COMPARISONS)
    arguments = Recorded(call.arguments)
    call = replace(call, arguments=arguments)
    if call.builder.ending != "logits" and call.kind in activations.SCALES:
        return activations.scaled(call)
    result = HANDLERS[call.kind](call)
    for name in set(arguments) - arguments.read - _WITHOUT_EFFECT:
        value = dict.get(arguments, name)
        if value is not None and value is not False and not isinstance(value, Value | Stack):
            raise ConversionError(f"{call.where}: its argument {name} = {value} is not supported; leave it out")
    return result


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
