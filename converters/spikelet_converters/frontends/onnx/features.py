"""Features (N, F) that have axes of size 1, as (N, 1, F) or (N, F, 1): operators on these are those on the features.

TensorFlow writes a Dense layer of (N, 1, F) as a product of (N, F), whose result it reshapes before it adds the bias;
PyTorch 0.4 writes the norm of features as one of (N, F, 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spikelet_converters.frontends import rearranged
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.step import Import
from spikelet_converters.frontends.values import Value

if TYPE_CHECKING:
    import onnx

_OF_NUMBERS = ("Add", "Clip", "Div", "LeakyRelu", "Mul", "Neg", "Relu", "Sub")
_BROADCAST = ("Add", "Div", "Mul", "Sub")


@contextmanager
def without_ones(state: Import, node: onnx.NodeProto, where: str) -> Iterator[tuple[int, ...]]:
    """Replace the inputs of an operator by the features inside the context, and yield their shape with axes of size 1.

    Raises:
        ConversionError: The operator takes reshaped values that no node has.
    """
    viewed = {name: x for name in node.input if (x := state.values.get(name)) and x.view is not None}
    first = next(iter(viewed.values()))
    assert first.view is not None
    shape = first.view.shape
    features = {name: rearranged.without_ones(x) for name, x in viewed.items()}
    live = [name for name in node.input if name in state.values]
    constants = _without_ones(node, state, shape) if node.op_type in _BROADCAST else {}
    same = all(name in viewed and sizes_of(viewed[name]) == shape for name in live)
    if not (same and all(features.values()) and constants is not None and _takes(node, live, shape)):
        raise rearranged.refused(where, first)
    before = {name: state.constants[name] for name in constants}
    state.values.update({name: x for name, x in features.items() if x is not None})
    state.constants.update(constants)
    try:
        yield shape
    finally:
        state.values.update(viewed)
        state.constants.update(before)


def with_ones(node: onnx.NodeProto, shape: tuple[int, ...], x: Value) -> Value:
    """Return the result of an operator on features with the axes of size 1 that its input has."""
    shape = (*shape[:-1], x.shape[0]) if node.op_type == "MatMul" else shape
    return replace(x, view=np.arange(x.shape[0]).reshape(shape))


def sizes_of(x: Value) -> tuple[int, ...]:
    """Return the shape of a reshaped value."""
    assert x.view is not None
    return x.view.shape


def _takes(node: onnx.NodeProto, live: list[str], shape: tuple[int, ...]) -> bool:
    """Return whether an operator on values of a shape with axes of size 1 is that on features."""
    if node.op_type == "MatMul":
        return live == [node.input[0]] and shape[-1] == max(shape)
    return node.op_type in _OF_NUMBERS or (node.op_type == "BatchNormalization" and shape[0] == max(shape))


def _without_ones(node: onnx.NodeProto, state: Import, shape: tuple[int, ...]) -> dict[str, Constant] | None:
    """Return the constants of an operator as one number each or one per feature, None if they have another shape."""
    constants = {}
    for name in node.input:
        value = state.constants.get(name)
        if value is None:
            continue
        fits = value.ndim <= len(shape) + 1
        whole = (1, *shape)[len(shape) + 1 - value.ndim :] if fits else ()
        if not fits or any(size not in (1, most) for size, most in zip(value.shape, whole, strict=True)):
            return None
        constants[name] = value.reshape(()) if value.size == 1 else value.ravel()
    return constants
