"""Normalisations that exporters write as several operators, as they write GroupNorm, in error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx.definitions import makers_of
from spikelet_converters.frontends.refusals import ONNX as ADVICE

if TYPE_CHECKING:
    import onnx

_SQUARES = ("Mul", "Pow", "ReduceL2", "ReduceSumSquare")  # operators that compute a variance from deviations


def normalisation(graph: onnx.GraphProto, node: onnx.NodeProto) -> ConversionError | None:
    """Return the error for a normalisation that begins with an operator, None for another operator."""
    makers = makers_of(graph)
    for user in graph.node:
        deviation = user.op_type == "Sub" and any(
            name in makers and makers[name].op_type == "ReduceMean" for name in user.input
        )
        begins = node.op_type == "ReduceMean" and node.output[0] in user.input
        squares = node.op_type in _SQUARES and user.output[0] in node.input
        normalises = user.op_type == "InstanceNormalization" and node.output[0] in user.input
        if normalises or (deviation and (begins or squares)):
            return ConversionError(f"node {user.name} ({user.op_type}): {ADVICE['InstanceNormalization']}")
    return None
