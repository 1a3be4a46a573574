"""Evaluate an ONNX model with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet import onnx_runtime
from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.fixed_batch import in_batches

if TYPE_CHECKING:
    import onnx

Outputs = npt.NDArray[np.float32]
Arrange = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def predictor(path: Path, model: onnx.ModelProto, arrange: Arrange, output: str | None = None) -> Callable[
    [npt.NDArray[np.float32]], Outputs
]:  # fmt: skip
    """Return a function that evaluates a model with ONNX Runtime, in float32 and without its optimisations.

    Args:
        path: The file, which may have external data beside it.
        model: The model.
        arrange: Converts inputs (N, *shape of the bundle) to inputs of the model.
        output: Name of a tensor to return instead of the model's output.

    Raises:
        ConversionError: ONNX Runtime refuses the model.
        MissingDependency: ONNX Runtime is not installed.
    """
    onnxruntime = onnx_runtime.load()
    import onnx

    if output is not None:
        copied = onnx.ModelProto()
        copied.CopyFrom(model)
        copied.graph.ClearField("output")
        copied.graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
        model = copied
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = onnx_runtime.default_threads()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many types of errors
        pass_out_of_memory(error, str(path))
        raise ConversionError(f"{path}: ONNX Runtime cannot load it ({one_line(error)})") from None
    entry = session.get_inputs()[0]
    size = (entry.shape or [None])[0]  # a number if the file was exported for a fixed batch
    is_float = entry.type == "tensor(float)"

    def run(part: npt.NDArray[np.generic]) -> Outputs:
        try:
            (value,) = session.run(None, {entry.name: part})
        except Exception as error:  # ONNX Runtime raises many types of errors
            pass_out_of_memory(error, str(path))
            raise ConversionError(f"{path}: ONNX Runtime cannot evaluate it ({one_line(error)})") from None
        outputs = np.asarray(value)
        return outputs if outputs.shape[:1] == part.shape[:1] else outputs[None]  # of one sample, without an axis

    def predict(inputs: npt.NDArray[np.float32]) -> Outputs:
        arranged = arrange(inputs)
        if not is_float:
            arranged = np.rint(arranged).astype(_INPUT_TYPES[entry.type])
        return in_batches(run, arranged, size if isinstance(size, int) and size > 0 else None)

    return predict


_INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(double)": np.float64,
}
