"""QuantizeLinear and DequantizeLinear around activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.layout import per_channel
from spikelet_converters.frontends.onnx.attributes import RANGES, integer
from spikelet_converters.frontends.onnx.constants import Constant
from spikelet_converters.frontends.onnx.definitions import tensors_of
from spikelet_converters.frontends.onnx.qonnx import is_quantiser
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.source import PERTURBATION
from spikelet_converters.frontends.values import Rounding, Value

if TYPE_CHECKING:
    import onnx


OF_INTEGERS = (
    "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity", "MaxPool", "Reshape", "Slice", "Split",
    "Squeeze", "Tile", "Transpose", "Unsqueeze",
)  # fmt: skip
"""Operators that move integers, whose outputs have the scale and the zero point of their input."""


def _quantise(step: Step) -> Value:
    x = step.value()
    scale, zero = step.constant(1), step.optional(2)
    step.state.quantisers[step.node.output[0]] = (scale, zero)
    kind = "uint8" if zero is None else zero.dtype.name
    if kind not in RANGES:
        raise ConversionError(f"{step.where}: quantises to {kind}; expected integers of 4, 8 or 16 bits")
    low, high = _limits(step, kind)
    size, origin = (
        np.asarray(value, np.float64).reshape(()) if scale.size == 1 else _along_axis(step, value, x)
        for value in (scale, np.zeros(1) if zero is None else zero)
    )
    return step.builder.quantised(step.name, step.where, Rounding(size, origin, low, high), x, alone=step.alone())


def _limits(step: Step, kind: str) -> tuple[int, int]:
    """Return the smallest and the largest integer: those of the type, or of a following Clip for fewer bits."""
    low, high = RANGES[kind]
    clip = step.state.clips.get(step.node.output[0])
    if clip is None:
        return low, high
    bounds = [step.state.constants.get(name) if name else None for name in (*clip.input[1:], "", "")[:2]]
    low = low if bounds[0] is None else max(low, int(np.ravel(bounds[0])[0]))
    high = high if bounds[1] is None else min(high, int(np.ravel(bounds[1])[0]))
    step.state.quantisers[clip.output[0]] = step.state.quantisers[step.node.output[0]]
    return low, high


def _along_axis(step: Step, values: Constant, x: Value) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rank = len(x.shape) + 1
    shape = [1] * rank
    shape[integer(step.attributes, "axis", 1) % rank] = values.size
    return per_channel(step.where, np.asarray(values).reshape(shape), x)


def _dequantise(step: Step) -> Value:
    name = step.input(0)
    if name not in step.state.quantisers and step.value().node == "input":
        return _scaled_input(step)
    if name not in step.state.quantisers:
        raise ConversionError(f"{step.where}: its input is not the output of QuantizeLinear; expected the QDQ format")
    scale, zero = step.state.quantisers[name]
    own_scale, own_zero = step.constant(1), step.optional(2)
    origin, own_origin = (np.zeros(()) if value is None else value for value in (zero, own_zero))
    if not (np.array_equal(scale.ravel(), own_scale.ravel()) and np.array_equal(origin.ravel(), own_origin.ravel())):
        raise ConversionError(
            f"{step.where}: has another scale or zero point than the QuantizeLinear before it; expected the same"
        )
    return step.value()


def _scaled_input(step: Step) -> Value:
    """Return scale (x - zero point) of an input of integers, as networks of TensorFlow Lite take it."""
    x, zero = step.value(), step.optional(2)
    scale, origin = (
        _along_axis(step, value, x) if value.size > 1 else np.asarray(value, np.float64).reshape(())
        for value in (step.constant(1), np.zeros(1) if zero is None else zero)
    )
    return step.builder.affine(step.where, scale, -scale * origin, x, alone=step.alone())


HANDLERS: dict[str, Handler] = {"DequantizeLinear": _dequantise, "QuantizeLinear": _quantise}


def has_scales(model: onnx.ModelProto) -> bool:
    """Return whether a model contains quantisers of activations whose scales are constants."""
    return next(_quantisers(model.graph), None) is not None


def scales_changed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model whose activations are quantised with scales that are changed by up to PERTURBATION.

    In the model itself, values are often at a tie between two integers: a mean of integers is quantised with their own
    scale, or all scales are powers of two. With scales that have no common divisor, ties are rare.
    """
    from onnx import numpy_helper

    changed = type(model)()
    changed.CopyFrom(model)
    rng = np.random.default_rng(0)
    scales: dict[str, str] = {}  # name of the new scale by name of the integers
    for node, tensor in list(_quantisers(changed.graph)):
        scales[node.output[0]] = name = f"{node.output[0]}.changed_scale"
        scale = numpy_helper.to_array(tensor)
        moved = np.asarray(scale, np.float32) * rng.uniform(1 - PERTURBATION, 1 + PERTURBATION, scale.shape)
        changed.graph.initializer.append(numpy_helper.from_array(np.asarray(moved, np.float32), name))
        node.input[1] = name
    for node in changed.graph.node:
        if node.op_type in ("Clip", *OF_INTEGERS) and node.input[0] in scales:
            scales.update(dict.fromkeys(node.output, scales[node.input[0]]))
        elif node.op_type == "DequantizeLinear" and node.input[0] in scales:
            node.input[1] = scales[node.input[0]]
    return changed


def _quantisers(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, onnx.TensorProto]]:
    """Yield the quantisers of activations, with their scales if these are constants."""
    tensors = tensors_of(graph)
    for node in graph.node:
        if (node.op_type == "QuantizeLinear" or is_quantiser(node)) and node.input[0] not in tensors:
            scale = tensors.get(node.input[1])
            if scale is not None:
                yield node, scale
