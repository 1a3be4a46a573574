"""Avoid saturation in ONNX Runtime, with which the source is run, where weights are int8 and activations uint8."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikelet_converters.frontends.onnx.definitions import Constants
from spikelet_converters.frontends.onnx.microsoft import OPERATORS, key_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx

_WEIGHTS = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3}  # index of the weights; those of the input are before it


def avoided(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same model with weights uint8 where they are int8 and the activations uint8.

    On processors without instructions for these, ONNX Runtime adds pairs of such products in 16 bits, which saturate.
    """
    constants = Constants(model.graph)
    rewriter = Rewriter(model)
    for node in rewriter.graph.node:
        index = _WEIGHTS.get(node.op_type) if key_of(node) in OPERATORS else None
        weights, zero, origin = (constants.get(node.input[i]) for i in (index, index + 2, 2)) if index else (None,) * 3
        if weights is None or weights.dtype != np.int8 or origin is None or origin.dtype != np.uint8:
            continue
        zero = np.zeros((), np.int8) if zero is None else zero
        for position, values in ((3, weights), (5, zero)):
            moved = (np.asarray(values, np.int16) + 128).astype(np.uint8)
            node.input[position] = rewriter.constant(node.output[0], f"unsigned{position}", moved)
    return rewriter.model
