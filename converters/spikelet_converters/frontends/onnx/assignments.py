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
    count = indices.shape[-1]
    samples = indices[..., 0].ravel()
    if step.state.batch is not None and isinstance(other, np.ndarray):  # those of the first sample stand for all
        other = other.reshape(-1, *other.shape[indices.ndim - 1 :])[samples == 0]
        indices = indices.reshape(-1, count)[samples == 0]
    elif samples.any():
        raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
    if isinstance(x, Value) and isinstance(other, np.ndarray):
        places = tuple(np.moveaxis(indices, -1, 0))
        mask, numbers = np.zeros((1, *shape), bool), np.zeros((1, *shape))
        try:
            mask[places], numbers[places] = True, other
        except IndexError:
            raise ConversionError(f"{step.where}: assigns beyond (N, {', '.join(map(str, shape))})") from None
        return masks.chosen(step.builder, step.name, step.where, mask, numbers, x, alone=step.alone())
    separate = by_axis(indices)
    if separate is None:
        raise ConversionError(f"{step.where}: {ADVICE['ScatterND']}")
    return pieces.assigned(step.builder, step.name, step.where, x, dict(enumerate(separate[1:], 1)), other)


def _scatter_elements(step: Step) -> Value:
    x, indices, other = _operands(step)
    axis = _axis(step, x)
    places = np.moveaxis(indices, axis, -1)
    places = places.reshape(-1, places.shape[-1])
    if not len(places) or (places != places[0]).any():
        raise ConversionError(f"{step.where}: {ADVICE['ScatterElements']}")
    return pieces.assigned(step.builder, step.name, step.where, x, {axis: places[0]}, other)


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
