"""Run inferences with a model of ONNX Runtime or OpenVINO under callgrind.

usage: int8_runs.py RUNTIME MODEL IMAGES LIBRARY: RUNTIME is onnxruntime or openvino, IMAGES a file of `numpy.save`, (N, C, H, W)
float32, LIBRARY counted.c as a shared library. Each image is one inference, one thread, batch 1; before them, all images are
run once without being counted.
"""

import ctypes
import sys
from collections.abc import Callable

import numpy as np


def main() -> None:
    runtime, model, file, library = sys.argv[1:]
    images = np.load(file)
    run = _onnx_runtime(model) if runtime == "onnxruntime" else _openvino(model)
    counting = ctypes.CDLL(library)
    for image in images:
        run(image[None])
    counting.begin_counting()
    for image in images:
        run(image[None])
    counting.end_counting()


def _onnx_runtime(model: str) -> Callable[[np.ndarray], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})


def _openvino(model: str) -> Callable[[np.ndarray], object]:
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(model), "CPU", options).create_infer_request()
    return lambda image: request.infer([image])


if __name__ == "__main__":
    main()
