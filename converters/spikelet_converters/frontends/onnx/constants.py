"""Evaluate ONNX operators with constant inputs, which exporters use for shapes and folded weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.values import BATCH

if TYPE_CHECKING:
    import onnx

Constant = npt.NDArray[np.generic]

LARGEST = 2**28  # largest number of elements of a constant
EVALUATED = frozenset([
    "Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum",
    "DepthToSpace", "DequantizeLinear", "Div", "Einsum", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor",
    "Gather", "GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual", "Identity", "IsInf", "IsNaN", "Less",
    "LessOrEqual", "Log", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "QuantizeLinear",
    "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "Round", "ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign", "Size",
    "Slice", "Softmax", "Softplus", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile",
    "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
])  # fmt: skip

SHAPE_INPUTS = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}  # index of the input that states the shape, by operator
SIZED = ("ConstantOfShape", "Expand", "Pad", "Range", "Tile")  # operators whose values are sizes of the output


def of_one_sample(node: onnx.NodeProto, inputs: list[Constant | None], batch: int | None) -> list[Constant | None]:
    """Return the inputs of an operator with 1 for the size of the batch, if its result has the batch as its first axis.

    Constants that are broadcast to the batch, such as coordinates of pixels, are alike for all samples. A shape of one
    size is that of a list, such as the pads of an image, which may be as long as a fixed batch is.
    """
    if node.op_type == "Range" and [None if value is None else value.tolist() for value in inputs[:2]] == [0, BATCH]:
        return [inputs[0], np.asarray(1), *inputs[2:]]  # the indices of the samples
    index = SHAPE_INPUTS.get(node.op_type)
    shape = inputs[index] if index is not None and index < len(inputs) else None
    if index is None or shape is None or shape.ndim != 1 or not shape.size or shape[0] not in (BATCH, batch):
        return inputs
    if shape.size == 1 and shape[0] != BATCH:
        return inputs
    one = np.concatenate([np.ones_like(shape[:1]), shape[1:]])
    return [*inputs[:index], one, *inputs[index + 1 :]]


def evaluate(node: onnx.NodeProto, where: str, inputs: list[Constant | None], opset: int) -> list[Constant]:
    """Evaluate one operator with the reference implementation of ONNX, which supports all its attributes.

    Args:
        node: The operator.
        where: The node in error messages.
        inputs: Its inputs; None for one that is left out.
        opset: Version of the operators.

    Returns:
        The outputs of the node.

    Raises:
        ConversionError: The operator is not evaluated here, or cannot be evaluated on these inputs.
    """
    from onnx import NodeProto, TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    if node.op_type not in EVALUATED or node.domain not in ("", "ai.onnx", "com.microsoft"):  # see `check_domain`
        raise ConversionError(
            f"{where}: computes a constant with an unsupported operator; simplify the file first "
            "(constant folding, for instance with onnxsim)"
        )
    names = [name for name in dict.fromkeys(node.input) if name]
    by_name = {name: value for name, value in zip(node.input, inputs, strict=True) if name and value is not None}
    weights = [numpy_helper.from_array(np.asarray(by_name[name]), name) for name in names]
    outputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output if name]
    node_of_onnx = NodeProto()
    node_of_onnx.CopyFrom(node)
    node_of_onnx.domain = ""
    graph = helper.make_graph([node_of_onnx], "constant", [], outputs, weights)
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        opset = max(opset, 21)  # earlier versions accept other types and have no reference implementation
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    shape = _shape(model, inputs)
    if np.prod(np.asarray(shape, np.float64)) > LARGEST:
        raise ConversionError(
            f"{where}: computes a constant of shape {shape}, which is too large; expected at most {LARGEST:,} elements"
        )
    try:
        with np.errstate(all="ignore"):
            values = ReferenceEvaluator(model).run(None, {})
    except Exception as error:  # the reference implementation raises many types of errors
        pass_out_of_memory(error, where)
        raise ConversionError(f"{where}: cannot be evaluated ({type(error).__name__}: {one_line(error)})") from None
    return [np.asarray(value) for value in values]


def _shape(model: onnx.ModelProto, inputs: list[Constant | None]) -> list[int]:
    """Return the shape of a constant before it is computed, [] if it cannot be large or is not known."""
    import onnx

    (node,) = model.graph.node
    elements = np.prod([float(np.size(value)) for value in inputs if value is not None])
    if node.op_type not in SIZED and elements <= LARGEST:
        return []
    if node.op_type == "Range":
        start, limit, step = (float(np.ravel(value)[0]) if value is not None else 1.0 for value in inputs[:3])
        return [max(int(np.ceil((limit - start) / step)), 0)] if step else []
    if node.op_type == "ConstantOfShape" and inputs[0] is not None:
        return [int(size) for size in inputs[0].ravel()]
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output[0].type.tensor_type.shape
    except Exception as error:  # shape inference raises many types of errors
        pass_out_of_memory(error, node.op_type)
        return []
    return [int(size.dim_value) for size in inferred.dim]
