"""Run inferences with a model of ONNX Runtime or OpenVINO, for an instruction counter.

usage: int8_runs.py RUNTIME MODEL IMAGES RUNS: RUNTIME is onnxruntime or openvino, IMAGES a file of `numpy.save`, (N, C, H, W) float32.
Inferences take the images in turn, one thread, batch 1.
"""

import sys

import numpy as np


def main() -> None:
    runtime, model, file, runs = sys.argv[1:]
    images = np.load(file)
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        for run in range(int(runs)):
            session.run(None, {"image": images[run % len(images)][None]})
        return
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(model), "CPU", options).create_infer_request()
    for run in range(int(runs)):
        request.infer([images[run % len(images)][None]])


if __name__ == "__main__":
    main()
