"""Operators that replace a part of a value at constant indices.

A file of torch's exporter has ScatterND between two transpositions, which `gathers` replaces by ScatterND with an
`axis`; it has ScatterElements for one channel or row; and the earlier exporter writes the coordinates of every number.
"""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import masks, pieces
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.onnx.attributes import integer, text
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.gathers import by_axis
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.values import Value


def _scatter_nd(step: Step) -> Value:
    x, indices, other = _operands(step)
    if "axis" in step.attributes:
        if indices.ndim != 2 or indices.shape[1] != 1:
            raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
        return pieces.assigned(step.builder, step.name, step.where, x, {_axis(step, x): indices[:, 0]}, other)
    shape = sizes(x) if isinstance(x, Value) else x.shape[1:]
    if step.state.batch is not None and isinstance(other, np.ndarray):
        indices, other = _of_first_sample(step, indices, other, step.state.batch)
    elif indices[..., 0].any() or (step.state.batch or 1) > 1:
        raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
    if isinstance(x, Value) and isinstance(other, np.ndarray):
        coordinates = tuple(np.moveaxis(indices, -1, 0))
        mask, numbers = np.zeros((1, *shape), bool), np.zeros((1, *shape))
        try:
            mask[coordinates], numbers[coordinates] = True, other
        except IndexError:
            raise ConversionError(f"{step.where}: assigns beyond (N, {', '.join(map(str, shape))})") from None
        except ValueError:
            raise ConversionError(
                f"{step.where}: assigns numbers {other.shape} at indices {indices.shape} of "
                f"(N, {', '.join(map(str, shape))}), which do not fit"
            ) from None
        return masks.chosen(step.builder, step.name, step.where, mask, numbers, x, alone=step.alone())
    separate = by_axis(indices)
    if separate is None:
        raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
    return pieces.assigned(step.builder, step.name, step.where, x, dict(enumerate(separate[1:], 1)), other)


def _of_first_sample(step: Step, indices: Constant, numbers: Constant, batch: int) -> tuple[Constant, Constant]:
    """Return the indices and numbers of the first sample of a fixed batch, which are those of every sample.

    Raises:
        ConversionError: Another sample has others.
    """
    entries = indices.reshape(-1, indices.shape[-1])
    rows = numbers.reshape(-1, *numbers.shape[indices.ndim - 1 :])
    samples = [entries[:, 0] == sample for sample in range(batch)]
    if len(rows) != len(entries) or not all(
        np.array_equal(entries[sample, 1:], entries[samples[0], 1:]) and np.array_equal(rows[sample], rows[samples[0]])
        for sample in samples
    ):
        raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
    return entries[samples[0]], rows[samples[0]]


def _scatter_elements(step: Step) -> Value:
    x, indices, other = _operands(step)
    axis = _axis(step, x)
    shape = (step.state.batch or len(indices), *(sizes(x) if isinstance(x, Value) else x.shape[1:]))
    rows = np.moveaxis(indices, axis, -1)
    rows = rows.reshape(-1, rows.shape[-1])
    whole = indices.ndim == len(shape) and np.delete(indices.shape, axis).tolist() == np.delete(shape, axis).tolist()
    if not whole or not len(rows) or (rows != rows[0]).any():
        raise ConversionError(f"{step.where}: {ADVICE['ScatterElements']}")
    return pieces.assigned(step.builder, step.name, step.where, x, {axis: rows[0]}, other)


def _axis(step: Step, x: pieces.Piece) -> int:
    return integer(step.attributes, "axis", 0) % (x.ndim if isinstance(x, np.ndarray) else len(sizes(x)) + 1)


def _operands(step: Step) -> tuple[pieces.Piece, Constant, pieces.Piece]:
    """Return the value or constants of which a part is replaced, the indices, and the new part."""
    if text(step.attributes, "reduction", "none") != "none" or step.depends(1):
        raise ConversionError(f"{step.where}: {ADVICE[step.node.op_type]}")
    before, new = (step.value(index) if step.depends(index) else step.constant(index) for index in (0, 2))
    return before, step.constant(1).astype(np.intp), new


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("Scatter", "ScatterElements"), _scatter_elements),
    "ScatterND": _scatter_nd,
}
