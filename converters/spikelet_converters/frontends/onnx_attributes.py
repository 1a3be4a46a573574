"""Attributes of ONNX operators: those that the reader interprets, and the refusal of all others."""

from __future__ import annotations

from typing import Any

from spikelet.errors import ConversionError

# Attributes that the reader interprets, by operator. Any other one could change the meaning, and is refused.
UNDERSTOOD: dict[str, set[str]] = {
    **{kind: set() for kind in ("Add", "Div", "GlobalAveragePool", "Identity", "MatMul", "Mul", "Relu")},
    **{kind: set() for kind in ("Reshape", "Shape", "Sub")},
    "AveragePool": {"auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"},
    "BatchNormalization": {"epsilon", "momentum"},
    "Cast": {"to"},
    "Clip": {"max", "min"},
    "Concat": {"axis"},
    "Constant": {"value", "value_float", "value_floats", "value_int", "value_ints"},
    "ConstantOfShape": {"value"},
    "Conv": {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"},
    "DequantizeLinear": {"axis"},
    "Dropout": {"ratio", "seed"},
    "Flatten": {"axis"},
    "Gather": {"axis"},
    "Gemm": {"alpha", "beta", "transA", "transB"},
    "LogSoftmax": {"axis"},
    "MaxPool": {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"},
    "QuantizeLinear": {"axis"},
    "ReduceMean": {"axes", "keepdims"},
    "ReduceProd": {"axes", "keepdims"},
    "Slice": {"axes", "ends", "starts"},
    "Softmax": {"axis"},
    "Squeeze": {"axes"},
    "Transpose": {"perm"},
    "Unsqueeze": {"axes"},
}
HARMLESS = {  # values of other attributes that change nothing
    "BatchNormalization": {"spatial": 1, "training_mode": 0},
    "DequantizeLinear": {"block_size": 0, "output_dtype": 0},
    "Dropout": {"is_test": 1},
    "Gemm": {"broadcast": 1},
    "QuantizeLinear": {"block_size": 0, "output_dtype": 0, "precision": 0, "saturate": 1},
    "Reshape": {"allowzero": 0},
    "Shape": {"start": 0},
}


def check_attributes(where: str, node: Any, attributes: dict[str, Any]) -> None:
    """Refuse an operator of another domain, and an attribute that the reader does not interpret.

    Raises:
        ConversionError: The message names the attribute.
    """
    if node.domain not in ("", "ai.onnx"):
        raise ConversionError(f"{where}: is an operator of {node.domain}; expected operators of ONNX itself")
    if node.op_type not in UNDERSTOOD:
        return  # refused as a whole, with advice
    harmless = HARMLESS.get(node.op_type, {})
    for name, value in attributes.items():
        if name not in UNDERSTOOD[node.op_type] and (name not in harmless or harmless[name] != value):
            raise ConversionError(
                f"{where}: its attribute {name} = {value!r} is not supported; export the network without it"
            )
