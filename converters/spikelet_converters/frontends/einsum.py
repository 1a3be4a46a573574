"""Einstein sums of a value and constant weights: their equations, and those of products that are written otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.contractions import EXPECTED, contracted
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import LEFT
from spikelet_converters.frontends.values import Factor, Stack, Value

Operand: TypeAlias = Value | Stack | Factor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(builder: Builder, name: str, where: str, equation: str, operands: Sequence[Operand]) -> Value:
    """Add an Einstein sum.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        equation: The equation, as "bi,oi->bo".
        operands: One value, or a stack of values that are added up, and any number of arrays.

    Raises:
        ConversionError: The equation is not one, or the sum has no form as layers.
    """
    terms, output = _parsed(where, equation, operands)
    stack = next((index for index, operand in enumerate(operands) if isinstance(operand, Stack)), None)
    if stack is not None:
        return _of_stack(builder, name, where, terms, output, list(operands), stack)
    values = [index for index, operand in enumerate(operands) if isinstance(operand, Value)]
    if len(values) != 1:
        raise ConversionError(f"{where}: {equation!r} takes a product of activations; {EXPECTED}")
    x = operands[values[0]]
    assert isinstance(x, Value)
    own = terms.pop(values[0])
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
    other = "".join(dict.fromkeys(letter for term in terms for letter in term if letter in own + output))
    try:
        weight = np.einsum(f"{','.join(terms)}->{other}", *arrays) if arrays else np.ones(())
    except ValueError as error:
        raise ConversionError(f"{where}: {equation!r} does not fit its weights ({error}); {EXPECTED}") from None
    return contracted(builder, name, where, own, x, other, np.asarray(weight, np.float64), output)


def _of_stack(
    builder: Builder, name: str, where: str, terms: list[str], output: str, operands: list[Operand], index: int
) -> Value:  # fmt: skip
    """Add the sum over a stack: that of the sums of its values, each with its part of the weights."""
    stack = operands[index]
    assert isinstance(stack, Stack)
    letter = terms[index][stack.axis]
    once = all(term.count(letter) < 2 for term in terms)
    if letter in output or not once or sum(isinstance(operand, Value | Stack) for operand in operands) > 1:
        raise ConversionError(stack.refusal)
    own = [term.replace(letter, "") for term in terms]
    sums = []
    for number, x in enumerate(stack.values):
        parts: list[Operand] = [
            np.asarray(np.take(operand, number, term.index(letter)))
            if isinstance(operand, np.ndarray) and letter in term else operand
            for term, operand in zip(terms, operands, strict=True)
        ]  # fmt: skip
        parts[index] = x
        sums.append(einsum(builder, f"{name}.{number}", where, f"{','.join(own)}->{output}", parts))
    return builder.add(name, where, sums)


def tensordot(
    builder: Builder, name: str, where: str, first: Operand, second: Operand,
    axes: tuple[Sequence[int], Sequence[int]],
) -> Value:  # fmt: skip
    """Add the sum of the product of a value and weights over pairs of axes; the other axes follow one another."""
    ranks = [_rank(operand) for operand in (first, second)]
    terms = [list(_LETTERS[: ranks[0]]), list(_LETTERS[ranks[0] : sum(ranks)])]
    pairs = [(a % ranks[0], b % ranks[1]) for a, b in zip(*axes, strict=True)]
    for a, b in pairs:
        terms[1][b] = terms[0][a]
    summed = {terms[0][a] for a, _ in pairs}
    output = "".join(letter for term in terms for letter in term if letter not in summed)
    equation = f"{''.join(terms[0])},{''.join(terms[1])}->{output}"
    return einsum(builder, name, where, equation, [first, second])


def product(builder: Builder, name: str, where: str, first: Operand, second: Operand) -> Value:
    """Add the matrix product of a value and weights, in either order, as matmul in NumPy and torch."""
    if isinstance(first, Value | Stack):
        assert isinstance(second, np.ndarray)
        matrix, own = _matrix(second, _rank(first)), _LETTERS[: _rank(first)]
        if matrix.ndim == 2 and isinstance(first, Value):
            return builder.linear(name, where, matrix.T, None, first)
        if matrix.ndim < 3:
            return tensordot(builder, name, where, first, matrix, ([-1], [max(matrix.ndim - 2, 0)]))
        axes, matrix = _leading(where, matrix, own)
        return einsum(builder, name, where, f"{own},{axes}{own[-1]}Z->{own[:-1]}Z", [first, matrix])
    assert isinstance(second, Value | Stack)
    if _rank(second) == 2:
        raise ConversionError(f"{where}: {LEFT}")
    matrix, own = _matrix(first, _rank(second)), _LETTERS[: _rank(second)]
    if matrix.ndim < 2:
        terms, output = own[-2], own[:-2] + own[-1]
    else:
        axes, matrix = _leading(where, matrix, own)
        terms, output = f"{axes}Z{own[-2]}", own.replace(own[-2], "Z")
    return einsum(builder, name, where, f"{terms},{own}->{output}", [matrix, second])


def _leading(where: str, matrix: Factor, own: str) -> tuple[str, Factor]:
    """Return the letters of the axes before the last two of weights, which are those of a value, and the weights.

    Axes of size 1 are left out: such weights are the same for all numbers of the value along the axis.
    """
    if matrix.ndim > len(own):
        raise ConversionError(f"{where}: multiplies {len(own)} axes by weights of {matrix.ndim}; {EXPECTED}")
    named = list(zip(own[len(own) - matrix.ndim : -2], matrix.shape[:-2], strict=True))
    axes = "".join(letter for letter, size in named if size > 1)
    return axes, matrix.reshape([*(size for _, size in named if size > 1), *matrix.shape[-2:]])


def _rank(operand: Operand) -> int:
    if isinstance(operand, Stack):
        return len(sizes(operand.values[0])) + 2
    return len(sizes(operand)) + 1 if isinstance(operand, Value) else operand.ndim


def _matrix(weights: Factor, rank: int) -> Factor:
    """Return weights without leading axes of size 1, which add none to a product with a value of so many axes."""
    extra = weights.ndim <= rank and weights.size == np.prod(weights.shape[-2:])
    return weights.reshape(weights.shape[-2:]) if extra else weights


def _parsed(where: str, equation: str, operands: Sequence[Operand]) -> tuple[list[str], str]:
    """Return the letters of the operands and of the output; an ellipsis is replaced by letters."""
    text = equation.replace(" ", "")
    before, arrow, output = text.partition("->")
    terms = before.split(",")
    if len(terms) != len(operands):
        raise ConversionError(f"{where}: {equation!r} for {len(operands)} operands; {EXPECTED}")
    ranks = [_rank(operand) for operand in operands]
    spare = "".join(letter for letter in _LETTERS[::-1] if letter not in text)
    widths = [rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term]
    most = max([0, *widths])
    for index, rank in enumerate(ranks):
        if "..." in terms[index]:
            width = max(rank - len(terms[index]) + 3, 0)
            terms[index] = terms[index].replace("...", spare[most - width : most])
        if len(terms[index]) != rank:
            raise ConversionError(f"{where}: {equation!r} for an operand of {rank} axes; {EXPECTED}")
    if not arrow:
        letters = "".join(terms)
        once = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1 and letter in text))
        output = f"...{once}" if most else once
    output = output.replace("...", spare[:most])
    if not "".join([*terms, output]).isalpha():
        raise ConversionError(f"{where}: {equation!r} is not an equation that is read; {EXPECTED}")
    return terms, output
