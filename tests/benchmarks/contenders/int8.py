"""The source network in float and in 8-bit integers, which could be deployed instead of the spiking network.

`float_model` is ONNX: each layer of neurons is clip(x / theta, 0, 1), its rate, and each sum pool an average. ONNX Runtime
quantises it to integers (QDQ: weights per channel, activations unsigned) with calibration images. OpenVINO runs both files.
Their predictions are compared with the labels, since a quantised network may lose accuracy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

CALIBRATION = 64  # images
OPSET = 17


def float_model(graph):
    """Return the network without spikes. Its input is the image, (N, *shape), less the mean.

    A value is the rate of its neurons, or the mean instead of the sum of a pool: `scale` contains the number of terms.
    """
    nodes, constants = [], []
    values, scales = {}, {}  # by id: name of the value, and what it is multiplied by in the spiking network
    for index, (id_, node) in enumerate((id_, graph.nodes[id_]) for id_ in graph.order):
        sources = graph.predecessors[id_]
        name, scale = (values[sources[0]], scales[sources[0]]) if sources else ("image", 1)
        match node:
            case Input():
                mean = node.mean.astype(np.float32).reshape(1, -1, *(1,) * (len(node.shape) - 1))
                name = _append(nodes, constants, index, "Sub", name, mean)
            case Conv2d() | Linear():
                name, scale = (
                    _synapse(nodes, constants, index, name, node, _theta(graph, id_, len(node.bias)), scale),
                    1,
                )
            case Scale():
                factor = node.scale / _theta(graph, id_, len(node.scale)) * scale
                factor = factor.astype(np.float32).reshape(1, -1, *(1,) * (len(graph.shapes[id_]) - 1))
                name, scale = _append(nodes, constants, index, "Mul", name, factor), 1
            case Add() if all(isinstance(graph.nodes[source], Conv2d | Linear | Scale | Add) for source in sources):
                nodes.append(helper.make_node("Sum", [values[source] for source in sources], [f"value{index}"]))
                name, scale = f"value{index}", 1
            case IF() if isinstance(graph.nodes[sources[0]], Conv2d | Linear | Scale | Add):
                name, scale = _append(nodes, constants, index, "Clip", name, np.float32(0), np.float32(1)), 1
            case SumPool2d():
                sizes = {"kernel_shape": node.kernel, "strides": node.stride}
                name = _append(nodes, constants, index, "AveragePool", name, **sizes)
                scale *= node.kernel[0] * node.kernel[1]  # included in the next weights
            case Flatten():
                name = _append(nodes, constants, index, "Flatten", name)
            case Output():
                nodes[-1].output[0] = "logits"
            case other:
                raise ValueError(f"node {id_}: a {other.kind} has no float form here")
        values[id_], scales[id_] = name, scale
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *graph.input.shape])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", graph.classes])]
    body = helper.make_graph(nodes, "float", inputs, outputs, constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def _synapse(nodes, constants, index, source, node, theta, scale):
    """Append a layer whose outputs are divided by the thresholds, and whose inputs are multiplied by `scale`."""
    weight = (node.weight / theta.reshape(-1, *(1,) * (node.weight.ndim - 1)) * scale).astype(np.float32)
    bias = (node.bias / theta).astype(np.float32)
    if isinstance(node, Linear):
        return _append(nodes, constants, index, "Gemm", source, weight, bias, transB=1)
    sizes = {"strides": node.stride, "pads": (*node.padding, *node.padding), "group": node.groups}
    return _append(nodes, constants, index, "Conv", source, weight, bias, **sizes)


def _theta(graph, id_, channels):
    """Return the thresholds of the neurons that read a node, directly or through Add; ones if an Output reads it."""
    following = graph.successors[id_][0]
    if isinstance(graph.nodes[following], Add):
        return _theta(graph, following, channels)
    return graph.neuron(following).theta if isinstance(graph.nodes[following], IF) else np.ones(channels)


def _append(nodes, constants, index, kind, source, *arrays, **attributes):
    names = [f"{kind}{index}_{k}" for k in range(len(arrays))]
    constants += [numpy_helper.from_array(np.asarray(array), name) for name, array in zip(names, arrays, strict=True)]
    nodes.append(helper.make_node(kind, [source, *names], [f"value{index}"], **attributes))
    return f"value{index}"


def quantised(path, images):
    """Write the model of 8-bit integers beside a float one and return its path. images: for calibration, (N, …)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(images[:, None])

        def get_next(self):
            image = next(self.rest, None)
            return None if image is None else {"image": image}

    prepared, out = path.with_suffix(".prepared.onnx"), path.with_suffix(".int8.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(str(prepared), str(out), Images(), quant_format=QuantFormat.QDQ, per_channel=True, **kinds)
    return out


def files(graph, calibration, folder):
    """Write the float and the int8 model to a folder; return their paths by name, and reasons for missing ones."""
    path = Path(folder) / "float.onnx"
    path.write_bytes(float_model(graph).SerializeToString())
    try:
        return {"float": path, "int8": quantised(path, calibration)}, {}
    except (ImportError, RuntimeError, ValueError) as error:
        return {"float": path}, {"int8": f"ONNX Runtime does not quantise it: {error}"}


def runtimes(paths, threads):
    """Return functions from images to logits by name, and the reasons why some are missing."""
    runs, failed = {}, {}
    for name in names(paths):
        try:
            runs[name] = runtime(name, paths, threads)
        except (ImportError, RuntimeError) as error:
            failed[name] = str(error)
    return runs, failed


def names(paths):
    """Return the names of the contenders."""
    return [f"{kind}, {title}" for kind in paths for title in ("ONNX Runtime", "OpenVINO")]


def runtime(name, paths, threads):
    """Return a function from images to logits. name: one of `names`."""
    kind, title = name.split(", ")
    return (_onnx_runtime if title == "ONNX Runtime" else _openvino)(paths[kind], threads)


def _onnx_runtime(path, threads):
    from spikelet.engines.onnx_session import open_session

    session = open_session(path.read_bytes(), threads)
    return lambda images: session.run(None, {"image": images})[0]


def _openvino(path, threads):
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled, requests = core.compile_model(model, "CPU", options), []

    def run(images):
        if not requests:
            requests.append(compiled.create_infer_request())
        return requests[0].infer([images])[compiled.output(0)].copy()

    return run


def accuracy(run, images, labels, batch=50):
    """Return the accuracy of a runtime."""
    parts = [run(images[start : start + batch]) for start in range(0, len(images), batch)]
    return float((np.concatenate(parts).argmax(1) == labels).mean())
