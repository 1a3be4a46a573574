"""Einstein sums of a value and constant weights, as linear layers, convolutions of one pixel or factors by channel."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import axes_of, sizes, window_of
from spikelet_converters.frontends.values import Factor, Value

EXPECTED = "expected one that sums features or channels with constant weights, as bi,oi->bo or bchw,oc->bohw"


def einsum(builder: Builder, name: str, where: str, equation: str, operands: list[Value | Factor]) -> Value:
    """Add an Einstein sum.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        equation: The equation, as "bi,oi->bo".
        operands: One value and one array.

    Raises:
        ConversionError: The sum is not a layer with weights over features or channels.
    """
    terms, output = _parsed(where, equation, operands)
    values = [index for index, operand in enumerate(operands) if isinstance(operand, Value)]
    if len(operands) != 2 or len(values) != 1:
        raise ConversionError(f"{where}: {equation!r} takes a product of activations; {EXPECTED}")
    x, weight = operands[values[0]], operands[1 - values[0]]
    assert isinstance(x, Value)
    assert isinstance(weight, np.ndarray)
    own, other = terms[values[0]], terms[1 - values[0]]
    rank = len(sizes(x)) + 1
    if len(own) != rank or len(set(own)) != rank or len(set(other)) != len(other) or weight.ndim != len(other):
        raise ConversionError(f"{where}: {equation!r} for values of {rank} and {weight.ndim} axes; {EXPECTED}")
    summed = [letter for letter in other if letter in own]
    if len(summed) != 1 or own.index(summed[0]) == 0 or axes_of(x)[own.index(summed[0]) - 1] != 0 or x.regrouped:
        raise ConversionError(f"{where}: {equation!r} does not sum channels alone; {EXPECTED}")
    if own == output and len(other) == 1:
        return builder.affine(where, weight, 0.0, x, alone=False)
    new = [letter for letter in other if letter != summed[0]]
    if len(new) != 1 or own.replace(summed[0], new[0]) != output:
        raise ConversionError(f"{where}: {equation!r} moves or sums other axes; {EXPECTED}")
    matrix = weight if other[0] == new[0] else weight.T
    if rank == 2:
        return builder.linear(name, where, matrix, None, x)
    axes = rank - 2
    kernel = matrix.reshape(*matrix.shape, *(1,) * axes)
    ones = (1,) * axes
    return builder.convolution(name, where, kernel, None, window_of(x, ones, ones, (0,) * 2 * axes), 1, x)


def _parsed(where: str, equation: str, operands: list[Value | Factor]) -> tuple[list[str], str]:
    """Return the letters of the operands and of the output; an ellipsis is replaced by letters."""
    text = equation.replace(" ", "")
    before, arrow, output = text.partition("->")
    terms = before.split(",")
    if len(terms) != len(operands):
        raise ConversionError(f"{where}: {equation!r} for {len(operands)} operands; {EXPECTED}")
    spare = [letter for letter in "ABCDEFGHIJ" if letter not in text]
    for index, operand in enumerate(operands):
        if "..." in terms[index]:
            rank = len(sizes(operand)) + 1 if isinstance(operand, Value) else operand.ndim
            letters = "".join(spare[: max(rank - len(terms[index]) + 3, 0)])
            terms[index], output = terms[index].replace("...", letters), output.replace("...", letters)
    if not arrow:
        letters = "".join(terms)
        output = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if not "".join([*terms, output]).isalpha():
        raise ConversionError(f"{where}: {equation!r} is not an equation that is read; {EXPECTED}")
    return terms, output
