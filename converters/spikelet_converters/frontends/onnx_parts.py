"""Input shape, padding and constants of an ONNX file, and its evaluation by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.source import Predict

Constant = npt.NDArray[Any]


def input_shape(path: Path, graph: Any, shape: Shape | None) -> Shape:
    """The shape of one input, from the file or from the argument."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [tensor for tensor in graph.input if tensor.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise ConversionError(f"{path}: expected one input, found {names}; a bundle has one")
    sizes = tuple(d.dim_value for d in inputs[0].type.tensor_type.shape.dim)[1:]
    if 0 in sizes or not sizes:
        if shape is None:
            raise ConversionError(f"{path}: its input {inputs[0].name} has no fixed shape; give one with --input CxHxW")
        return shape
    if shape is not None and shape != sizes:
        raise ConversionError(f"{path}: expected the file's input shape {sizes}, found --input {shape}")
    return sizes


def padding(where: str, attributes: dict[str, Any], kernel: Shape) -> tuple[int, int]:
    """Zero padding on both sides, (height, width)."""
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        if any(s != 1 for s in attributes.get("strides", [1])) or any(k % 2 == 0 for k in kernel):
            raise ConversionError(f"{where}: pads by auto_pad {auto} unevenly; export it with explicit pads")
        return kernel[0] // 2, kernel[1] // 2
    pads = [0] * 4 if auto == "VALID" else attributes.get("pads", [0] * 4)
    if pads[:2] != pads[2:]:
        raise ConversionError(f"{where}: pads {pads} differ on both sides; expected equal padding")
    return pads[0], pads[1]


def padded_automatically(attributes: dict[str, Any], kernel: Shape, stride: Shape, shape: Shape) -> bool:
    """Whether `auto_pad` pads an image (C, H, W) for these windows: if ceil(size / stride) windows reach beyond it."""
    if not attributes.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        return False
    return any((-(-n // s) - 1) * s + k > n for n, k, s in zip(shape[1:], kernel, stride, strict=True))


def channels(where: str, constant: Constant) -> Constant:
    """A constant with one number, or one per channel, as () or (C,)."""
    if constant.size == 1:
        return np.asarray(constant.ravel()[0], np.float64)
    per_channel = constant.ndim == 1 or constant.size == max(constant.shape)
    if not per_channel or (constant.ndim >= 3 and constant.shape[-3] != constant.size):
        raise ConversionError(f"{where}: a constant of shape {constant.shape}; expected one number, or one per channel")
    return np.asarray(constant.ravel(), np.float64)


def predictor(path: Path, model: Any, output: str) -> Predict | None:
    """A function that evaluates a tensor of the file with ONNX Runtime, or None if that is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    content: str | bytes = str(path)
    if output != model.graph.output[0].name:
        from onnx import ModelProto, helper

        changed = ModelProto()
        changed.CopyFrom(model)
        del changed.graph.output[:]
        changed.graph.output.append(helper.make_empty_tensor_value_info(output))
        content = changed.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    single = entry.shape[0] == 1  # exported for one image at a time

    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts = np.split(inputs, len(inputs)) if single else [inputs]
        return np.concatenate([session.run(None, {entry.name: part})[0] for part in parts])

    return predict
