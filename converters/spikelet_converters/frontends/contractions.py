"""Sums of products of a value and constant weights over any of its axes, as Einstein sums, matmul and tensordot write.

Sums over channels are convolutions of one pixel, sums over all pixels of an axis have a kernel of its size, and a sum
over pixels that gives new pixels has separate weights for every pair of pixels.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import arranged, axes_of, sizes
from spikelet_converters.frontends.pixels import scaled
from spikelet_converters.frontends.values import Factor, Value

EXPECTED = (
    "expected a sum with constant weights over features, channels or pixels, with the batch first, as bi,oi->bo or "
    "bchw,oc->bohw"
)


def contracted(
    builder: Builder, name: str, where: str, own: str, x: Value, other: str, weight: Factor, output: str
) -> Value:  # fmt: skip
    """Add an Einstein sum of a value and constant weights.

    Args:
        builder: The graph under construction.
        name: Name of the layer.
        where: The operation in error messages.
        own: A letter for each axis of the value, that of the batch first.
        x: The value.
        other: A letter for each axis of the weights.
        weight: The weights.
        output: The letters of the result.

    Raises:
        ConversionError: The letters do not fit the operands, or the sum has no form as layers.
    """
    equation = f"{own},{other}->{output}" if other else f"{own}->{output}"
    refusal = ConversionError(f"{where}: sums {equation!r} of (N, {', '.join(map(str, sizes(x)))}); {EXPECTED}")
    if not _fits(own, x, other, weight, output):
        raise refusal
    kept = "".join(sorted(letter for letter in set(other) if letter in own or letter in output))
    weight = np.einsum(f"{other}->{kept}", weight)  # diagonals, and sums of the weights alone
    if x.merged:
        return _with_two_axes(builder, name, where, own, x, kept, weight, output)
    lengths = dict(zip(own[1:], sizes(x), strict=True))
    new = [letter for letter in output if letter not in own]
    if x.grid is not None and own != output:
        raise refusal
    if not new and set(own) == set(output):
        order = [letter for letter in own if letter in kept]
        factors = weight.transpose([kept.index(letter) for letter in order])
        factors = factors.reshape([lengths[letter] if letter in kept else 1 for letter in own[1:]])
        moved = x if not kept and weight == 1 else scaled(builder, name, where, factors, x, alone=False)
        return _permuted(moved, own, output)
    if len(x.shape) == 1:
        if len(new) > 1 or own[1] in output:
            raise refusal
        if own[1] not in kept:  # the sum of the features
            weight, kept = np.multiply.outer(weight, np.ones(x.shape[0])), kept + own[1]
        matrix = weight if kept.index(own[1]) == len(kept) - 1 else weight.T
        return builder.linear(name, where, matrix.reshape(-1, x.shape[0]), None, x)
    return _of_image(builder, name, where, own, builder.padded(name, where, x), kept, weight, output, refusal)


def _fits(own: str, x: Value, other: str, weight: Factor, output: str) -> bool:
    """Return whether the letters are those of the operands, with the batch first in the value and the result."""
    lengths = dict(zip(own[1:], sizes(x), strict=False))
    return (
        len(own) == len(set(own)) == len(sizes(x)) + 1
        and len(other) == weight.ndim
        and output[:1] == own[0] not in other
        and len(output) == len(set(output))
        and set(output) <= {*own, *other}
        and all(lengths.get(letter, size) == size for letter, size in zip(other, weight.shape, strict=True))
    )


def _with_two_axes(
    builder: Builder, name: str, where: str, own: str, x: Value, other: str, weight: Factor, output: str
) -> Value:  # fmt: skip
    """Add the sum of a value whose pixels are one axis, with letters for height and width."""
    pixels = own[1 + int(axes_of(x)[0] == 0)]
    pair = pixels + next(letter for letter in _LETTERS if letter not in own + other + output)
    if pixels in other:
        index = other.index(pixels)
        weight = weight.reshape(*weight.shape[:index], *x.shape[1:], *weight.shape[index + 1 :])
    own, other, output = (letters.replace(pixels, pair) for letters in (own, other, output))
    result = contracted(builder, name, where, own, replace(x, merged=False), other, weight, output)
    return replace(result, merged=True) if pair in output and len(axes_of(result)) == 3 else result


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _of_image(
    builder: Builder, name: str, where: str, own: str, x: Value, other: str, weight: Factor, output: str,
    refusal: ConversionError,
) -> Value:  # fmt: skip
    """Add the sum of an image (C, H, W) in any order of axes; the arguments are those of `contracted`."""
    letters = dict(zip(axes_of(x), own[1:], strict=True))
    spare = [letter for letter in _LETTERS if letter not in own + other + output]
    new = [letter for letter in output if letter not in own]
    before = [letters.get(axis) or spare.pop() for axis in range(3)]
    after = list(before)
    for axis in (0, 1, 2):  # a new axis replaces one that is summed
        if before[axis] not in output:
            after[axis] = new.pop(0) if new else spare.pop()
    if new:
        raise refusal
    channels = before[0] == after[0]
    groups = x.shape[0] if channels else 1
    operands: list[tuple[str, Factor]] = [(other, weight)]
    rows: list[str] = []  # letters of the weights before each axis of pixels, and after it
    columns: list[str] = []
    for axis in (1, 2):
        letter = before[axis]
        if letter in output and letter in other:  # separate weights for every pixel
            columns.append(spare.pop())
            operands.append((letter + columns[-1], np.eye(x.shape[axis])))
        else:
            columns.append(after[axis] if letter not in output else "")
        rows.append("" if letter in output and letter not in other else letter)
    wanted = [after[0], "" if channels else before[0], *rows, *columns]
    known = "".join(text for text, _ in operands)
    sizes_of = dict(zip(before, x.shape, strict=True))
    for letter in {letter for letter in wanted if letter and letter not in known}:
        operands.append((letter, np.ones(sizes_of[letter] if letter in before else 1)))
    extent = {letter: size for text, array in operands for letter, size in zip(text, array.shape, strict=True)}
    shape = [extent[letter] if letter else 1 for letter in wanted]
    builder.check_weights(where, math.prod(shape))
    result = "".join(letter for letter in wanted if letter)
    maps = np.einsum(f"{','.join(text for text, _ in operands)}->{result}", *(array for _, array in operands))
    y = builder.mapped(name, where, maps.reshape(shape), None, groups, replace(x, axes=None))
    axes = tuple(after.index(letter) for letter in output[1:])
    return arranged(y, axes) if set(axes) - {0} else builder.flatten(builder.free_name(f"{name}.flat"), where, y)


def _permuted(x: Value, own: str, output: str) -> Value:
    """Return a value whose axes are in the order of other letters."""
    if own == output:
        return x
    axes = axes_of(x)
    return arranged(x, tuple(axes[own.index(letter) - 1] for letter in output[1:]))
