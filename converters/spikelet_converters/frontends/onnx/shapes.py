"""Operators that move values and change shapes without arithmetic."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import pieces, rearranged
from spikelet_converters.frontends.layout import arranged, axes_of, sizes
from spikelet_converters.frontends.onnx.attributes import integer, integers, real, text
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.pixels import gathered, padded_by
from spikelet_converters.frontends.values import BATCH, Value

LARGE = 2**31 - 1  # written by exporters for an omitted end


def shape_of(step: Step) -> Constant:
    """Return the shape of a value, with BATCH as the size of the batch."""
    x = step.value(padded=False)
    shape = np.array([BATCH if step.state.batch is None else step.state.batch, *sizes(x)], np.int64)
    start, end = integer(step.attributes, "start", 0), integer(step.attributes, "end", len(shape))
    return shape[start:end]


def _flatten(step: Step) -> Value:
    x = step.value()
    axis = integer(step.attributes, "axis", 1)
    of_one_sample = axis == 0 and step.state.batch == 1  # as OnnxMLTools writes it
    if axis not in (1, 1 - (len(axes_of(x)) + 1)) and not of_one_sample:
        raise ConversionError(f"{step.where}: flattens from axis {axis}; expected 1")
    return step.builder.flatten(step.name, step.where, x)


def _reshape(step: Step) -> Value:
    x = step.value()
    new_sizes = [int(size) for size in step.constant(1).ravel()]
    if not integer(step.attributes, "allowzero", 0):
        before = [step.state.batch or BATCH, *sizes(x)]
        new_sizes = [before[i] if size == 0 and i < len(before) else size for i, size in enumerate(new_sizes)]
    if step.input(1) in step.state.of_one_sample and new_sizes[:1] == [1]:
        new_sizes[0] = BATCH
    return rearranged.reshape(step.builder, step.name, step.where, new_sizes, step.state.batch, x)


def _squeeze(step: Step) -> Value:
    x = step.value()
    shape = sizes(x)
    rank = len(shape) + 1
    values = step.optional(1)
    all_ones = [index + 1 for index, size in enumerate(shape) if size == 1]
    axes = integers(step.attributes, "axes", all_ones if values is None else [int(axis) for axis in values.ravel()])
    removed = {axis % rank for axis in axes}
    if step.state.batch == 1 and step.node.output[0] == step.state.output:
        removed.discard(0)  # the output of one sample
    if 0 in removed or any(shape[axis - 1] != 1 for axis in removed):
        raise ConversionError(
            f"{step.where}: removes axes {axes} of (N, {', '.join(map(str, shape))}); expected size 1"
        )
    if x.view is not None or x.regrouped:
        rest = [size for index, size in enumerate(shape) if index + 1 not in removed]
        return rearranged.reshape(step.builder, step.name, step.where, [BATCH, *rest], None, x)
    kept = tuple(axis for index, axis in enumerate(axes_of(x)) if index + 1 not in removed)
    if not kept and sizes(x) == (1,):
        return x  # one logit
    if len(kept) == 1 and len(x.shape) == 3:
        return step.builder.flatten(step.name, step.where, arranged(x, kept))
    return arranged(x, kept)


def _unsqueeze(step: Step) -> Value:
    x = step.value()
    values = step.optional(1)
    axes = integers(step.attributes, "axes", [] if values is None else [int(axis) for axis in values.ravel()])
    shape = list(sizes(x))
    rank = len(shape) + 1 + len(axes)
    new = {axis % rank for axis in axes}
    target = list(shape)
    for index in sorted(new):
        target.insert(index - 1, 1)
    if 0 in new or len(new) < len(axes):
        raise ConversionError(
            f"{step.where}: adds axes {axes} to (N, {', '.join(map(str, shape))}), which is not supported"
        )
    return rearranged.reshape(step.builder, step.name, step.where, [BATCH, *target], None, x)


def _transpose(step: Step) -> Value:
    x = step.value()
    perm = integers(step.attributes, "perm", list(reversed(range(len(sizes(x)) + 1))))
    return rearranged.transpose(step.where, x, perm)


def _pad(step: Step) -> Value:
    """Record zeros, which the next convolution adds."""
    x = step.value(padded=False)
    mode = text(step.attributes, "mode", "constant")
    values = step.optional(1)
    pads = integers(step.attributes, "pads", [] if values is None else [int(count) for count in values.ravel()])
    value = step.optional(2)
    constant = real(step.attributes, "value", 0.0) if value is None else float(np.asarray(value).ravel()[0])
    rank = len(sizes(x)) + 1
    axes = step.optional(3)
    padded_axes = list(range(rank)) if axes is None else [int(axis) % rank for axis in axes.ravel()]
    if len(pads) != 2 * len(padded_axes):
        raise ConversionError(f"{step.where}: has {len(pads)} pads for {len(padded_axes)} axes")
    pairs = [(0, 0)] * rank
    for index, axis in enumerate(padded_axes):
        pairs[axis] = pads[index], pads[index + len(padded_axes)]
    if pairs[0] != (0, 0):
        raise ConversionError(f"{step.where}: pads axis 0; expected height and width")
    if any(pair != (0, 0) for pair in pairs) and mode in ("reflect", "edge", "wrap") and pairs[1] == (0, 0):
        return padded_by(step.builder, step.name, step.where, mode, pairs[2:], step.value())
    if any(pair != (0, 0) for pair in pairs) and (mode != "constant" or constant != 0):
        raise ConversionError(f"{step.where}: pads by {mode} {constant:g}; expected zeros, which a convolution adds")
    return step.builder.surrounded(step.name, step.where, tuple(pairs[1:]), x)


def _concat(step: Step) -> Value:
    values = [
        step.value(index) if step.depends(index) else step.constant(index) for index in range(len(step.node.input))
    ]
    axis = integer(step.attributes, "axis", 1) % (len(sizes(step.value(step.live[0]))) + 1)
    return pieces.joined(step.builder, step.name, step.where, values, axis)


def _slice(step: Step) -> Value:
    x = step.value()
    rank = len(sizes(x)) + 1

    def numbers(index: int, name: str, default: list[int]) -> list[int]:
        tensor = step.optional(index)
        return integers(step.attributes, name, default) if tensor is None else [int(value) for value in tensor.ravel()]

    starts, ends = numbers(1, "starts", []), numbers(2, "ends", [])
    axes, strides = numbers(3, "axes", list(range(len(starts)))), numbers(4, "steps", [1] * len(starts))
    slices = [slice(None)] * rank
    for axis, first, last, stride in zip((axis % rank for axis in axes), starts, ends, strides, strict=True):
        part = slice(first, last if last > -LARGE else None, stride)
        if stride < 0 < axis:  # a flip
            layer = step.builder.free_name(f"{step.name}.{axis}")
            x = gathered(step.builder, layer, step.where, np.arange(sizes(x)[axis - 1])[part], axis, x)
        else:
            slices[axis] = part
    return step.builder.sliced(step.name, step.where, slices, x)


def _split(step: Step) -> list[Value]:
    x = step.value()
    axis = integer(step.attributes, "axis", 0) % (len(sizes(x)) + 1)
    size, count, tensor = sizes(x)[axis - 1], len(step.node.output), step.optional(1)
    width = -(-size // count)
    even = [min(width, size - start) for start in range(0, size, width)]
    widths = integers(step.attributes, "split", even) if tensor is None else [int(part) for part in tensor.ravel()]
    if len(widths) != count:
        raise ConversionError(f"{step.where}: splits {size} into {widths}; expected {count}, one for each output")
    return pieces.divided(step.builder, step.name, step.where, x, axis, widths)


def _gather(step: Step) -> Value:
    if step.live != [0]:
        raise ConversionError(f"{step.where}: takes values at indices that the network computes; expected constants")
    x, indices = step.value(), step.constant(1)
    axis = integer(step.attributes, "axis", 0) % (len(sizes(x)) + 1)
    if indices.ndim == 0 and axis > 0:
        index = int(indices) % sizes(x)[axis - 1]
        slices = [slice(index, index + 1) if other == axis else slice(None) for other in range(len(sizes(x)) + 1)]
        cut = step.builder.sliced(step.name, step.where, slices, x)
        kept = [size for other, size in enumerate(sizes(cut), 1) if other != axis]
        return step.builder.reshaped(f"{step.name}.rest", step.where, [BATCH, *kept], None, cut)
    if indices.ndim != 1:
        raise ConversionError(f"{step.where}: gathers by indices of {indices.ndim} axes; expected one")
    return gathered(step.builder, step.name, step.where, indices.astype(np.intp), axis, x)


def _identity(step: Step) -> Value:
    return step.value()


def _dropout(step: Step) -> Value:
    training = step.optional(2)
    if training is not None and training.any():
        raise ConversionError(
            f"{step.where}: drops values at random, since the file was exported in training mode; export the network "
            "in evaluation mode"
        )
    return step.value()


def _cast(step: Step) -> Value:
    from onnx import TensorProto

    target = integer(step.attributes, "to", TensorProto.FLOAT)
    x = step.value()
    if target != TensorProto.FLOAT and step.builder.ending != "argmax" and x.compared is None:
        name = TensorProto.DataType.Name(target)
        raise ConversionError(f"{step.where}: casts to {name}, which rounds; expected FLOAT")
    return x


def _expand(step: Step) -> Value:
    x = step.value()
    before, new = (BATCH, *sizes(x)), [int(size) for size in step.constant(1).ravel()]
    if len(new) > len(before):
        raise ConversionError(f"{step.where}: expands to {len(new)} axes; expected {len(before)}")
    new = [1] * (len(before) - len(new)) + new
    target = [b if a == 1 else a for a, b in zip(new, before, strict=True)][1:]
    return rearranged.expanded(step.builder, step.name, step.where, target, x)


def _tile(step: Step) -> Value:
    x, counts = step.value(), [int(count) for count in step.constant(1).ravel()]
    if x.view is not None:
        return rearranged.repeated(step.where, x, counts)
    return pieces.repeated(step.builder, step.name, step.where, x, counts)


HANDLERS: dict[str, Handler] = {
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "CastLike": _identity,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
