"""Values whose channels come from several nodes: concatenations, slices and permutations of channels.

Such a value has no node. It refers to channels of its `parts`, and the layers that use it are applied to the parts: a
convolution of a concatenation is a sum of convolutions, a pool of a slice is a slice of a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import axes_of, flat_order, sizes
from spikelet_converters.frontends.values import NONE, NOTHING, ONE, Factor, Value, one_number

Channels = npt.NDArray[np.intp]


def parts_of(x: Value) -> tuple[tuple[Value, ...], Channels]:
    """Return the parts of a value with their axes in order, and the index of each channel among those of the parts."""
    if x.parts:
        assert x.pick is not None
        return x.parts, x.pick
    part = replace(x, axes=None, order=None, grid=None, merged=False)
    return (part,), np.arange(x.shape[0]) if x.order is None else x.order


def composed(parts: Sequence[Value], pick: Channels, axes: tuple[int, ...] | None) -> Value:
    """Return a value with the channels `pick` of several parts.

    Parts that are not used are left out, and parts of one node are joined where each channel has one factor and offset.
    """
    parts = _of_one_node(parts, pick)
    kept: list[Value] = []
    position: dict[int, int] = {}  # first channel of a part in the new numbering, by its index
    starts = np.cumsum([0, *(part.shape[0] for part in parts)])
    renumbered = np.empty_like(pick)
    for index, part in enumerate(parts):
        used = (pick >= starts[index]) & (pick < starts[index + 1])
        if not used.any():
            continue
        same = next((i for i, other in enumerate(kept) if _equal(part, other)), None)
        if same is None:
            same = len(kept)
            kept.append(part)
        position[index] = sum(other.shape[0] for other in kept[:same])
        renumbered[used] = pick[used] - starts[index] + position[index]
    if len(kept) == 1 and np.array_equal(renumbered, np.arange(kept[0].shape[0])):
        return replace(kept[0], axes=axes)
    shape = (len(renumbered), *kept[0].shape[1:])
    return Value("", ONE, shape, NOTHING, axes, None, tuple(kept), renumbered)


def recomposed(x: Value, parts: Sequence[Value], repeats: int = 1) -> Value:
    """Return the output of a layer that computes each channel, or `repeats` channels, from one channel of its input x.

    Args:
        x: Input of the layer.
        parts: Outputs of the layer for the parts of x.
        repeats: Number of output channels for each input channel.
    """
    pick = parts_of(x)[1]
    pick = (pick[:, None] * repeats + np.arange(repeats)).ravel()
    return composed(parts, pick, x.axes)


def check_along_channels(where: str, verb: str, x: Value, axis: int) -> None:
    """Check that an axis of the source's value is that of its channels or features; 0 is the batch."""
    if x.regrouped or axis == 0 or axes_of(x)[axis - 1] != 0:
        raise ConversionError(f"{where}: {verb} along axis {axis}; expected the channels")


def concatenated(where: str, values: Sequence[Value]) -> Value:
    """Concatenate the channels, or features, of several values.

    Raises:
        ConversionError: The values differ in the sizes of other axes.
    """
    first = values[0]
    for x in values:
        if x.shape[1:] != first.shape[1:] or axes_of(x) != axes_of(first):
            shown = " and ".join(str(value.shape) for value in (first, x))
            raise ConversionError(
                f"{where}: concatenates values of shapes {shown}; expected equal sizes of all axes except the channels"
            )
        if x.pads != NONE or x.regrouped or x.maxima:
            raise ConversionError(
                f"{where}: concatenates maxima of values that may be negative; put a ReLU before the max pool"
                if x.maxima else f"{where}: concatenates a value that is padded or reshaped; expected (N, C, H, W)"
            )  # fmt: skip
    parts: list[Value] = []
    picks, start = [], 0
    for x in values:
        value_parts, pick = parts_of(x)
        parts += value_parts
        picks.append(pick + start)
        start += sum(part.shape[0] for part in value_parts)
    return composed(parts, np.concatenate(picks), first.axes)


def selected(x: Value, channels: Channels) -> Value:
    """Return the selected channels, or features, of a value, in the order of `channels`."""
    parts, pick = parts_of(replace(x, pads=NONE))
    return replace(composed(parts, pick[channels], x.axes), pads=x.pads)


def repeated(where: str, x: Value, target: Sequence[int]) -> Value:
    """Return the value broadcast to the sizes `target` of its axes, without the batch: one channel becomes several.

    Raises:
        ConversionError: Another axis than that of the channels changes.
    """
    before = sizes(x)
    changed = [axis for axis, (a, b) in enumerate(zip(before, target, strict=True), 1) if a != b]
    if not changed:
        return x
    check_along_channels(where, "repeats", x, changed[0])
    if len(changed) > 1 or x.shape[0] != 1:
        raise ConversionError(f"{where}: repeats (N, {', '.join(map(str, before))}) to (N, "
                              f"{', '.join(map(str, target))}); expected one channel to become several")  # fmt: skip
    return selected(x, np.zeros(target[changed[0] - 1], np.intp))


def flat_pick(x: Value) -> Channels:
    """Return the index of each feature of the flattened value among those of the flattened, concatenated parts."""
    parts, pick = parts_of(x)
    pixels = int(np.prod(x.shape[1:]))
    natural = (pick[:, None] * pixels + np.arange(pixels)).ravel()
    assert all(int(np.prod(part.shape[1:])) == pixels for part in parts)
    order = flat_order(x)
    return natural if order is None else natural[order]


def by_part(x: Value, values: Factor, fill: float) -> list[Factor]:
    """Split numbers for the channels of a value, (C, …), into those for the channels of each of its parts.

    Channels of the parts that the value does not use get the number `fill`.
    """
    parts, pick = parts_of(x)
    spread = np.full((sum(part.shape[0] for part in parts), *values.shape[1:]), fill, np.float64)
    spread[pick] = values
    return np.split(spread, np.cumsum([part.shape[0] for part in parts])[:-1])


def columns(x: Value, weight: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Split weights (C_out, C_in, …) for a value into weights for each of its parts."""
    parts, pick = parts_of(x)
    total = np.zeros((len(weight), sum(part.shape[0] for part in parts), *weight.shape[2:]))
    np.add.at(total.swapaxes(0, 1), pick, weight.swapaxes(0, 1))
    ends = np.cumsum([part.shape[0] for part in parts])[:-1]
    return np.split(total, ends, axis=1)


def _of_one_node(parts: Sequence[Value], pick: Channels) -> list[Value]:
    """Return the parts; those of one node share factors and offsets unless a channel of it has two different ones."""
    joined = list(parts)
    starts = np.cumsum([0, *(part.shape[0] for part in parts)])
    for node in {part.node for part in parts}:
        same = [index for index, part in enumerate(parts) if part.node == node]
        used = [np.unique(pick[(pick >= starts[i]) & (pick < starts[i + 1])] - starts[i]) for i in same]
        if len(same) == 1 or len(np.unique(np.concatenate(used))) < sum(map(len, used)):
            continue
        factor, offset = parts[same[0]].channels().copy(), parts[same[0]].offsets().copy()
        for index, channels in zip(same, used, strict=True):
            factor[channels] = parts[index].channels()[channels]
            offset[channels] = parts[index].offsets()[channels]
        for index in same:
            joined[index] = replace(parts[index], factor=one_number(factor), offset=one_number(offset))
    return joined


def _equal(a: Value, b: Value) -> bool:
    return a.node == b.node and np.array_equal(a.factor, b.factor) and np.array_equal(a.offset, b.offset)
