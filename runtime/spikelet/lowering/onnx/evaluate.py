"""Evaluate an audited step model with NumPy in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spikelet.bounds.products import product
from spikelet.lowering.onnx.audit import DTYPES
from spikelet.lowering.onnx.model import Constant, Model, Operation
from spikelet.lowering.onnx.protobuf import External
from spikelet.lowering.onnx.shapes import sizes, whole
from spikelet.nodes import Array

Values = dict[str, npt.NDArray[np.generic]]


class Evaluator:
    """Runs a model. `spikelet.lowering.onnx.shapes.infer` must have accepted it for these inputs.

    Args:
        model: The model.
        files: Content of the files that contain constants, by name.
    """

    def __init__(self, model: Model, files: Mapping[str, memoryview]) -> None:
        self._model = model
        self._fixed: Values = {constant.name: _load(constant, files) for constant in model.constants}
        self._rest: list[Operation] = []
        for operation in model.operations:
            if all(name in self._fixed for name in operation.inputs if name):
                _run(operation, self._fixed)  # the same at every call
            else:
                self._rest.append(operation)

    def run(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Values:
        """Return the outputs by name."""
        values = self._fixed | dict(inputs)
        for operation in self._rest:
            _run(operation, values)
        return {port.name: values[port.name] for port in self._model.outputs}


def _load(constant: Constant, files: Mapping[str, memoryview]) -> Array:
    content = constant.content
    if isinstance(content, External):
        content = files[content.location][content.offset : content.offset + content.length]
    return np.frombuffer(content, np.dtype(constant.dtype).newbyteorder("<")).reshape(constant.shape)


def _run(operation: Operation, values: Values) -> None:
    operands = [values[name] for name in operation.inputs if name]
    with np.errstate(all="ignore"):  # overflow and invalid values become inf and nan, as in other runtimes
        values[operation.outputs[0]] = _result(operation, operands)


def _result(operation: Operation, operands: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    match operation.operator:
        case "Cast":
            return operands[0].astype(DTYPES[whole(operation, "to", 0)])
        case "Flatten":
            axis = whole(operation, "axis", 1)
            rows = int(np.prod(operands[0].shape[:axis], dtype=np.int64))
            return operands[0].reshape(rows, -1) if operands[0].size else operands[0].reshape(rows, 0)
        case "Identity":
            return operands[0]
        case "Where":
            return np.where(operands[0], operands[1], operands[2])
    numbers = [operand.astype(np.float32, copy=False) for operand in operands]
    match operation.operator:
        case "Conv":
            return _conv(operation, *numbers)
        case "AveragePool":
            kernel = sizes(operation, "kernel_shape", (0, 0), 1)
            mean: Array = _windows(operation, numbers[0], kernel).mean((4, 5), dtype=np.float32)
            return mean
        case "Gemm":
            weight = numbers[1].T if whole(operation, "transB", 0) else numbers[1]
            sums: Array = product(numbers[0], weight)
            return sums + numbers[2] if len(numbers) > 2 else sums
        case "Floor":
            return np.floor(numbers[0])
    value: Array = _BINARY[operation.operator](numbers[0], numbers[1])
    return value


_BINARY: dict[str, np.ufunc] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
}


def _conv(operation: Operation, x: Array, weight: Array, bias: Array | None = None) -> npt.NDArray[np.float32]:
    top, left, bottom, right = sizes(operation, "pads", (0, 0, 0, 0), 0)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    group = whole(operation, "group", 1)
    patches = _windows(operation, padded, weight.shape[2:])
    out = np.empty((len(x), len(weight), *patches.shape[2:4]), np.float32)
    inputs, outputs = weight.shape[1], len(weight) // group
    for image, result in zip(patches, out, strict=True):
        for index in range(group):
            channels = image[index * inputs : (index + 1) * inputs]  # (C, H, W, kh, kw)
            rows = slice(index * outputs, (index + 1) * outputs)
            result[rows] = np.tensordot(weight[rows], channels, ((1, 2, 3), (0, 3, 4)))
    return out if bias is None else out + bias[:, None, None]


def _windows(operation: Operation, x: Array, kernel: Sequence[int]) -> Array:
    """Return a view of all windows: (N, C, H, W) -> (N, C, H_out, W_out, kh, kw)."""
    rows, columns = sizes(operation, "strides", (1, 1), 1)
    view: Array = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), (2, 3))
    return view[:, :, ::rows, ::columns]
