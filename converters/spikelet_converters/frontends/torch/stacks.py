"""Values that torch.stack joins along a new axis, and the calls that scale, rectify and add them up along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Result
from spikelet_converters.frontends.values import Stack, Value

_OF_NUMBERS = (
    "abs", "add", "clamp", "clamp_max", "clamp_min", "clip", "div", "divide", "hardtanh", "leaky_relu", "mul",
    "multiply", "neg", "negative", "relu", "relu6", "rsub", "sub", "subtract", "true_divide",
)  # fmt: skip
"""Operations of each number, and of the constants that are broadcast with it."""

Added = Callable[[Call], Result]


def stacked(call: Call, values: Sequence[object]) -> Stack:
    """Return the values of a call of torch.stack as a stack; constant images are values, too.

    Raises:
        ConversionError: They are not values of one shape, or all of them are constants.
    """
    axis = int(call.number("dim", 0))
    refusal = f"{call.where}: {ADVICE['stack']}"
    like = next((x for x in values if isinstance(x, Value)), None)
    if like is None:
        raise ConversionError(refusal)
    rank = len(sizes(like)) + 2
    parts: list[Value] = []
    for index, x in enumerate(values):
        if isinstance(x, np.ndarray) and x.ndim == rank - 1 and len(like.shape) == 3:
            x = call.builder.constant_like(f"{call.name}.constant{index}", call.where, x, like)
        if not isinstance(x, Value) or sizes(x) != sizes(like):
            raise ConversionError(refusal)
        parts.append(x)
    if not -rank <= axis < rank:
        raise ConversionError(refusal)
    return Stack(tuple(parts), axis % rank, refusal)


def check(arguments: object) -> None:
    """Raise ConversionError if some arguments, or the entries of nested lists, are stacks."""
    if isinstance(arguments, Stack):
        raise ConversionError(arguments.refusal)
    if isinstance(arguments, tuple | list):
        for argument in arguments:
            check(argument)


def of(arguments: Sequence[object]) -> Stack | None:
    """Return the first stack among some arguments."""
    return next((argument for argument in arguments if isinstance(argument, Stack)), None)


def applied(call: Call, stack: Stack, add: Added, kept: Sequence[str]) -> Result | Stack:
    """Add a call that takes a stack, value by value.

    Args:
        call: The call.
        stack: Its first stack.
        add: Adds a call of values.
        kept: Operations whose output is their input.

    Raises:
        ConversionError: The call does neither scale nor add up the values.
    """
    if call.kind in (*_OF_NUMBERS, *kept):
        return replace(stack, values=tuple(_value(add(part)) for part in _calls(call, stack)))
    if call.kind not in ("mean", "sum"):
        raise ConversionError(stack.refusal)
    rank = _rank(stack)
    axes = [axis % rank for axis in call.integers("dim")]
    if stack.axis not in axes or call.get("keepdim", False):
        raise ConversionError(stack.refusal)
    total = call.builder.add(call.name, call.where, list(stack.values))
    if call.kind == "mean":
        total = call.builder.affine(call.where, 1 / len(stack.values), 0.0, total, alone=False)
    rest = [axis - (axis > stack.axis) for axis in axes if axis != stack.axis]
    name = f"{call.name}.rest"
    return add(replace(call, name=name, arguments={**call.arguments, "self": total, "dim": rest})) if rest else total


def _calls(call: Call, stack: Stack) -> list[Call]:
    """Return a call for each value, with its part of constants and of other stacks."""
    rank, count = _rank(stack), len(stack.values)
    calls = []
    for index in range(count):
        arguments: dict[str, object] = {}
        for name, argument in call.arguments.items():
            if isinstance(argument, Stack):
                if argument.axis != stack.axis or len(argument.values) != count:
                    raise ConversionError(stack.refusal)
                arguments[name] = argument.values[index]
            elif isinstance(argument, Value) and (stack.axis > 0 or len(sizes(argument)) + 2 != rank):
                raise ConversionError(stack.refusal)
            elif isinstance(argument, np.ndarray) and stack.axis - rank + argument.ndim >= 0:
                axis = stack.axis - rank + argument.ndim
                arguments[name] = np.asarray(np.take(argument, index if argument.shape[axis] > 1 else 0, axis))
            else:
                arguments[name] = argument
        calls.append(replace(call, name=f"{call.name}.{index}", arguments=arguments, alone=False, last=False))
    return calls


def _rank(stack: Stack) -> int:
    return len(sizes(stack.values[0])) + 2


def _value(result: Result) -> Value:
    assert isinstance(result, Value)
    return result
