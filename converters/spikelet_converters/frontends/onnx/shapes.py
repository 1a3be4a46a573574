"""Operators that move values and change shapes without arithmetic."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.layout import arranged, axes_of, reshaped, sizes, transposed
from spikelet_converters.frontends.onnx.attributes import integer, integers, real, text
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.step import BATCH, Handler, Step
from spikelet_converters.frontends.values import Value
from spikelet_converters.frontends.windows import NONE, added


def shape_of(step: Step) -> Constant:
    """The shape of a value, with BATCH for the batch."""
    x = step.value(padded=False)
    pads = step.state.pads.get(step.input(0), NONE)
    if pads != NONE:
        x = step.value()
    shape = np.array([BATCH if step.state.batch is None else step.state.batch, *sizes(x)], np.int64)
    start, end = integer(step.attributes, "start", 0), integer(step.attributes, "end", len(shape))
    return shape[start:end]


def _flatten(step: Step) -> Value:
    x = step.value()
    axis = integer(step.attributes, "axis", 1)
    if axis not in (1, 1 - (len(axes_of(x)) + 1)):
        raise ConversionError(f"{step.where}: flattens from axis {axis}; expected 1")
    return step.builder.flatten(step.name, step.where, x)


def _reshape(step: Step) -> Value:
    x = step.value()
    new_sizes = [int(size) for size in step.constant(1).ravel()]
    target = _target(step, new_sizes, x)
    if target is not None and len(target) == 1:
        return step.builder.flatten(step.name, step.where, x)
    if target is not None and x.node == "input" and not step.builder.edges and len(target) == 3:
        return step.builder.reshaped_input(step.where, target, x)
    changed = None if target is None else reshaped(x, target)
    if changed is None:
        shown = [("N" if size == BATCH else str(size)) for size in new_sizes]
        raise ConversionError(
            f"{step.where}: reshapes (N, {', '.join(map(str, sizes(x)))}) to [{', '.join(shown)}]; expected (N, -1), "
            "which flattens, or axes of size 1 that are added or removed"
        )
    return changed


def _target(step: Step, new_sizes: list[int], x: Value) -> Shape | None:
    """Shape of one sample after a Reshape, or None if the batch does not stay first."""
    before = [step.state.batch or BATCH, *sizes(x)]
    if not integer(step.attributes, "allowzero", 0):
        new_sizes = [before[i] if size == 0 and i < len(before) else size for i, size in enumerate(new_sizes)]
    total = int(np.prod(sizes(x)))
    if not new_sizes or min(new_sizes) < -1 or new_sizes.count(-1) > 1 or 0 in new_sizes:
        return None
    rest = new_sizes[1:]
    if new_sizes[0] == -1:
        return tuple(rest) if int(np.prod(rest)) == total else None
    if new_sizes[0] not in (BATCH, step.state.batch):
        return None
    if -1 in rest:
        known = int(np.prod([size for size in rest if size != -1]))
        if total % known:
            return None
        rest = [total // known if size == -1 else size for size in rest]
    return tuple(rest) if int(np.prod(rest)) == total else None


def _squeeze(step: Step) -> Value:
    x = step.value()
    shape = sizes(x)
    rank = len(shape) + 1
    values = step.optional(1)
    all_ones = [index + 1 for index, size in enumerate(shape) if size == 1]
    axes = integers(step.attributes, "axes", all_ones if values is None else [int(axis) for axis in values.ravel()])
    removed = {axis % rank for axis in axes}
    if 0 in removed or any(shape[axis - 1] != 1 for axis in removed):
        raise ConversionError(
            f"{step.where}: removes axes {axes} of (N, {', '.join(map(str, shape))}); expected size 1"
        )
    kept = tuple(axis for index, axis in enumerate(axes_of(x)) if index + 1 not in removed)
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
    changed = None if 0 in new or len(new) < len(axes) else reshaped(x, tuple(target))
    if changed is None:
        raise ConversionError(f"{step.where}: adds axes {axes} to (N, {', '.join(map(str, shape))}), which has no node")
    return changed


def _transpose(step: Step) -> Value:
    x = step.value()
    perm = integers(step.attributes, "perm", list(reversed(range(len(axes_of(x)) + 1))))
    return transposed(step.where, x, perm)


def _pad(step: Step) -> Value:
    """Zeros, which the next convolution adds."""
    x = step.value(padded=False)
    mode = text(step.attributes, "mode", "constant")
    values = step.optional(1)
    pads = integers(step.attributes, "pads", [] if values is None else [int(count) for count in values.ravel()])
    value = step.optional(2)
    constant = real(step.attributes, "value", 0.0) if value is None else float(np.asarray(value).ravel()[0])
    rank = len(axes_of(x)) + 1
    axes = step.optional(3)
    padded = list(range(rank)) if axes is None else [int(axis) % rank for axis in axes.ravel()]
    before, after = [0] * 3, [0] * 3
    if len(pads) != 2 * len(padded):
        raise ConversionError(f"{step.where}: has {len(pads)} pads for {len(padded)} axes")
    for index, axis in enumerate(padded):
        first, last = pads[index], pads[index + len(padded)]
        if not first and not last:
            continue
        if axis == 0 or len(x.shape) != 3 or axes_of(x)[axis - 1] == 0:
            raise ConversionError(f"{step.where}: pads axis {axis}; expected height and width")
        before[axes_of(x)[axis - 1]], after[axes_of(x)[axis - 1]] = first, last
    if any(before) or any(after):
        if mode != "constant" or constant != 0:
            raise ConversionError(
                f"{step.where}: pads by {mode} {constant:g}; expected zeros, which a convolution adds"
            )
        if min(*before, *after) < 0:
            raise ConversionError(f"{step.where}: pads {pads} cut pixels off; expected 0 or more")
    outer = step.state.pads.get(step.input(0), NONE)
    step.state.pads[step.node.output[0]] = added(outer, (before[1], before[2], after[1], after[2]))
    return x


def _identity(step: Step) -> Value:
    return step.value()


def _cast(step: Step) -> Value:
    from onnx import TensorProto

    target = integer(step.attributes, "to", TensorProto.FLOAT)
    x = step.value()
    if target != TensorProto.FLOAT and step.builder.ending != "argmax":
        name = TensorProto.DataType.Name(target)
        raise ConversionError(f"{step.where}: casts to {name}, which rounds; expected FLOAT")
    return x


HANDLERS: dict[str, Handler] = {
    "Cast": _cast,
    "Dropout": _identity,
    "Flatten": _flatten,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
