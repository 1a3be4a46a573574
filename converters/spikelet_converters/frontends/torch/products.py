"""Torch operations that multiply values by constant weights: matmul, tensordot, inner and einsum."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.einsum import Operand, einsum, product, tensordot
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.torch.resampling import entries
from spikelet_converters.frontends.values import Stack, Value


def _factors(call: Call) -> tuple[Operand, Operand]:
    """Return the two factors of a call, of which one is a value and the other constant weights."""
    first, second = (value for _, value in list(call.arguments.items())[:2])
    pair = [
        factor if isinstance(factor, Value | Stack) else np.asarray(factor, np.float64) for factor in (first, second)
    ]
    if all(isinstance(factor, Value | Stack) for factor in pair):
        raise ConversionError(f"{call.where}: {ADVICE['matmul']}")
    return pair[0], pair[1]


def _matmul(call: Call) -> Value:
    return product(call.builder, call.name, call.where, *_factors(call))


def _tensordot(call: Call) -> Value:
    first, second = _factors(call)
    if "dims_self" in call.arguments:
        axes = call.integers("dims_self"), call.integers("dims_other")
        return tensordot(call.builder, call.name, call.where, first, second, axes)
    dims = call.get("dims", 2)
    if isinstance(dims, int):
        dims = list(range(-dims, 0)), list(range(dims))
    if not isinstance(dims, tuple | list) or len(dims) != 2:
        raise ConversionError(f"{call.where}: sums over {dims}; expected the axes of both factors")
    pairs = [list(axes) if isinstance(axes, tuple | list) else [axes] for axes in dims]
    return tensordot(call.builder, call.name, call.where, first, second, (pairs[0], pairs[1]))


def _inner(call: Call) -> Value:
    return tensordot(call.builder, call.name, call.where, *_factors(call), ([-1], [-1]))


def _einsum(call: Call) -> Value:
    arguments = [argument for _, argument in call.arguments.items()]
    equation, *operands = [entry for argument in arguments for entry in entries(argument)]
    if not isinstance(equation, str) or not all(
        isinstance(operand, Value | Stack | np.ndarray) for operand in operands
    ):
        raise ConversionError(f"{call.where}: expected an equation, a value and constant weights")
    return einsum(call.builder, call.name, call.where, equation, operands)  # type: ignore[arg-type]


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("matmul", "mm"), _matmul),
    "einsum": _einsum,
    "inner": _inner,
    "tensordot": _tensordot,
}
"""Functions that add a call to the graph, by the name of its operation."""
