"""Small ONNX networks in the forms that exporters write, with random weights, and their outputs in ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.onnx import read

n = helper.make_node
RAW = Preprocessing(scale=1.0)
SHAPE = (3, 9, 9)


def weights(seed=0):
    rng = np.random.default_rng(seed)

    def f(*shape, scale=0.3):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    return {
        "w": f(4, 3, 3, 3), "b": f(4), "w2": f(4, 4, 3, 3), "w1x1": f(4, 4, 1, 1), "wd": f(4, 1, 3, 3),
        "w4": f(4, 3, 4, 4), "w25": f(4, 3, 2, 5),
        "gamma": np.abs(f(4)) + 0.5, "beta": f(4), "mean": f(4), "var": np.abs(f(4)) + 0.5,
        "negative": np.array([-0.5, 0.7, -1.2, 0.3], np.float32),
        "g3": np.abs(f(3)) + 0.5, "b3": f(3, scale=10), "m3": f(3, scale=10), "v3": np.abs(f(3)) + 0.5,
        "c3": f(1, 3, 1, 1, scale=20), "c4": f(4, 1, 1), "half": np.float32(0.5), "zero": np.float32(0),
        "zero1": np.zeros(1, np.float32), "six1": np.full(1, 1.5, np.float32), "six": np.float32(1.5),
        "low": np.float32(-2), "inf": np.float32(np.inf), "k": np.float32(255),
        "none": np.zeros(8, np.int64), "pad": np.array([0, 0, 1, 2, 0, 0, 0, 1]), "axes": np.array([2, 3]),
        "a2": np.array([2]), "a3": np.array([3]), "flat": np.array([-1, 36]), "n1": np.array([-1]),
        "f10": f(5, 36), "f10t": f(36, 5), "bias": f(5), "row": f(1, 5), "perm": np.array([-1, 4]),
        "f4": f(5, 4), "f4t": f(4, 5),
    }  # fmt: skip


def model(path, nodes, shape=SHAPE, *, batch="N", opset=17, outputs=("y",), kind=TensorProto.FLOAT, own=None, ir=8):
    available = {**weights(), **(own or {})}
    used = {name for node in nodes for name in node.input}
    tensors = [numpy_helper.from_array(np.asarray(available[name]), name) for name in available if name in used]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, [batch, *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "K"]) for name in outputs],
        tensors,
    )
    versions = [helper.make_opsetid("", opset)]
    versions += [helper.make_opsetid(domain, 1) for domain in sorted({node.domain for node in nodes} - {""})]
    onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=ir), path)
    return path


def session(path, images, output=None, kind=np.float32, batch=None):
    """Return the outputs of ONNX Runtime for a file."""
    runtime = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = None if output is None else [output]
    step = batch or len(images)
    parts = [runtime.run(names, {"x": images[i : i + step].astype(kind)})[0] for i in range(0, len(images), step)]
    return np.concatenate(parts)


def pixels(shape, count=6, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.float32)


def logits(source, images):
    analog = Analog(source.graph)
    return analog(torch.from_numpy(images), analog.rectifier(source.relus)).numpy()


def assert_same_logits(path):
    """Compare the graph that is imported from a file with ONNX Runtime, on images that it distinguishes."""
    source, images = read(path, RAW), pixels(SHAPE)
    expected = session(path, images)
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    assert np.allclose(logits(source, images), expected, atol=1e-4 * np.abs(expected).max())
    assert check_graph(source, None) < 1e-2


def conv(inputs=("x", "w", "b"), output="c", **attributes):
    return n("Conv", list(inputs), [output], **attributes)


def tail(source="r", weight="f4"):
    """Return the nodes of a global average pool, a flattening and a linear layer."""
    return [n("GlobalAveragePool", [source], ["g"]), n("Flatten", ["g"], ["f"]),
            n("Gemm", ["f", weight, "bias"], ["y"], transB=1)]  # fmt: skip


def pooled(**attributes):
    """Return the nodes of a convolution, a ReLU, an average pool, a convolution, a ReLU and `tail`."""
    return [conv(pads=[1] * 4), n("Relu", ["c"], ["q"]), n("AveragePool", ["q"], ["r"], **attributes),
            conv(("r", "w2"), "c2"), n("Relu", ["c2"], ["r2"]), *tail("r2")]  # fmt: skip


def body(*nodes, **attributes):
    """Return the nodes of a convolution from x to c, the given nodes from c to r, and `tail`."""
    return [conv(**attributes), *nodes, *tail()]


def branch(source, *nodes):
    """Return a branch of If: the given nodes, of which the last one computes `inner`, or the value of `source`."""
    nodes = nodes or (n("Identity", [source], ["inner"]),)
    return helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)])


RELU = n("Relu", ["c"], ["r"])
NORM = ["gamma", "beta", "mean", "var"]
FORMS = {
    "pads": body(RELU, pads=[1, 1, 1, 1]),
    "asymmetric pads": body(RELU, pads=[0, 2, 1, 0], strides=[2, 1]),
    "SAME_UPPER, stride 2": body(RELU, auto_pad="SAME_UPPER", strides=[2, 2]),
    "SAME_LOWER, stride 2": body(RELU, auto_pad="SAME_LOWER", strides=[2, 2]),
    "SAME_UPPER, even kernel": [conv(("x", "w4"), auto_pad="SAME_UPPER"), RELU, *tail()],
    "SAME_LOWER, even kernel": [conv(("x", "w25"), auto_pad="SAME_LOWER", strides=[1, 2]), RELU, *tail()],
    "VALID": body(RELU, auto_pad="VALID"),
    "depthwise": [*body(RELU)[:2], conv(("r", "wd"), "d", group=4), n("Relu", ["d"], ["e"]), *tail("e")],
    "pool SAME_UPPER": pooled(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "pool SAME_LOWER": pooled(kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER"),
    "pool with zeros that count": pooled(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1),
    "pool with zeros that do not count": pooled(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    "pool with ceil_mode": pooled(kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "pool with ceil_mode and zeros": pooled(
        kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1, count_include_pad=1
    ),
    "pool with ceil_mode without effect": [*pooled(kernel_shape=[3, 3], strides=[3, 3], ceil_mode=1)[:3], *tail()],
    "pool of strides by axis": pooled(kernel_shape=[2, 3], strides=[1, 2]),
    "Pad without zeros": [n("Pad", ["x", "none"], ["p"]), conv(("p", "w", "b")), RELU, *tail()],
    "Pad before Conv": [n("Pad", ["x", "pad"], ["p"]), conv(("p", "w", "b"), pads=[1, 0, 1, 0]), RELU, *tail()],
    "Pad before a pool": [*body(RELU)[:2], n("Pad", ["r", "pad"], ["p"]),
                          n("AveragePool", ["p"], ["e"], kernel_shape=[2, 2]), conv(("e", "w2"), "c2"),
                          n("Relu", ["c2"], ["r2"]), *tail("r2")],
    "Squeeze twice": [*body(RELU)[:2], n("GlobalAveragePool", ["r"], ["g"]), n("Squeeze", ["g", "a3"], ["s"]),
                      n("Squeeze", ["s", "a2"], ["f"]), n("Gemm", ["f", "f4", "bias"], ["y"], transB=1)],
    "ReduceMean": [*body(RELU)[:2], n("ReduceMean", ["r"], ["f"], axes=[-1, -2], keepdims=0),
                   n("MatMul", ["f", "f4t"], ["m"]), n("Add", ["bias", "m"], ["y"])],
    "Sum": [conv(), conv(("x", "w"), "d"), n("Sum", ["c", "d"], ["s"]), n("Relu", ["s"], ["r"]), *tail()],
    "Sum with itself": [conv(), n("Sum", ["c", "c"], ["s"]), n("Relu", ["s"], ["q"]), n("Add", ["q", "q"], ["r"]), *tail()],
    "Sum of three": [conv(), conv(("x", "w"), "d"), n("Sum", ["c", "d", "c4"], ["s"]), n("Relu", ["s"], ["r"]), *tail()],
    "Max(x, 0)": body(n("Max", ["c", "zero"], ["r"])),
    "Max(0, x)": body(n("Max", ["zero1", "c"], ["r"])),
    "Clip with bounds of shape (1,)": body(n("Clip", ["c", "zero1", "six1"], ["r"])),
    "Clip without min after Relu": body(n("Relu", ["c"], ["q"]), n("Clip", ["q", "", "six"], ["r"])),
    "Clip to infinity": body(n("Clip", ["c", "zero", "inf"], ["r"])),
    "Clip below zero after Relu": body(n("Relu", ["c"], ["q"]), n("Clip", ["q", "low", "six"], ["r"])),
    "Relu twice": body(n("Relu", ["c"], ["q"]), n("Relu", ["q"], ["r"])),
    "Relu after a pool of rectified values": [*pooled(kernel_shape=[2, 2])[:3], n("Relu", ["r"], ["e"]), *tail("e")],
    "Relu after a padded pool of rectified values": [
        *pooled(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)[:3], n("Relu", ["r"], ["e"]), *tail("e")
    ],
    "BatchNormalization first": [n("BatchNormalization", ["x", "g3", "b3", "m3", "v3"], ["p"], epsilon=1e-3),
                                 conv(("p", "w", "b")), RELU, *tail()],
    "BatchNormalization after Relu": [*body(RELU)[:2], n("BatchNormalization", ["r", *NORM], ["e"]),
                                      conv(("e", "w2"), "d"), n("Relu", ["d"], ["h"]), *tail("h")],
    "BatchNormalization after Relu before padding": [
        *body(RELU)[:2], n("BatchNormalization", ["r", *NORM], ["e"]), conv(("e", "w2"), "d", pads=[1] * 4),
        n("Relu", ["d"], ["h"]), *tail("h"),
    ],
    "BatchNormalization after a pool": [
        *pooled(kernel_shape=[2, 2])[:3], n("BatchNormalization", ["r", *NORM], ["e"]), n("Relu", ["e"], ["h"]),
        *tail("h"),
    ],
    "pre-activation residual": [
        *body(RELU)[:2], n("BatchNormalization", ["r", *NORM], ["e"]), n("Relu", ["e"], ["h"]),
        conv(("h", "w2"), "d", pads=[1] * 4), n("Add", ["d", "r"], ["s"]),
        n("BatchNormalization", ["s", *NORM], ["t"]), n("Relu", ["t"], ["u"]), *tail("u"),
    ],
    "negative factors": [*body(RELU)[:2], n("BatchNormalization", ["r", "negative", *NORM[1:]], ["e"]),
                         n("Relu", ["e"], ["h"]), *tail("h")],
    "constants at every place": [
        n("Sub", ["x", "c3"], ["p"]), n("Mul", ["half", "p"], ["q"]), conv(("q", "w", "b")), n("Add", ["c4", "c"], ["d"]),
        n("Relu", ["d"], ["e"]), n("Mul", ["e", "half"], ["h"]), n("Sub", ["h", "half"], ["i"]), conv(("i", "w2"), "j"),
        n("Sub", ["half", "j"], ["k2"]), n("Div", ["k2", "half"], ["l"]), n("Relu", ["l"], ["r"]), *tail(),
    ],
    "a value that is used before and after Identity": [
        conv(), n("Identity", ["c"], ["i"]), n("Mul", ["i", "half"], ["d"]), n("Relu", ["d"], ["e"]),
        n("Relu", ["c"], ["h"]), n("Add", ["e", "h"], ["r"]), *tail(),
    ],
    "Identity and Dropout": body(n("Identity", ["c"], ["i"]), n("Dropout", ["i"], ["d"]), n("Relu", ["d"], ["r"])),
    "Transpose back and forth": body(
        RELU, n("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]), n("Relu", ["t"], ["u"]),
        n("Transpose", ["u"], ["v"], perm=[0, 3, 1, 2]),
    )[:-3] + tail("v"),
    "a linear layer of (N, H, W, C)": [
        *body(RELU)[:2], n("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]), n("Reshape", ["t", "flat"], ["f"]),
        n("MatMul", ["f", "f10t"], ["m"]), n("Add", ["m", "row"], ["y"]),
    ],
    "Shape(start, end) and Concat": [
        n("Shape", ["x"], ["s"], start=0, end=1), *body(RELU)[:2],
        n("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), n("Concat", ["s", "n1"], ["sh"], axis=0),
        n("Reshape", ["p", "sh"], ["f"], allowzero=1), n("Gemm", ["f", "f10", "bias"], ["y"], transB=1),
    ],
    "alpha and beta": [*body(RELU)[:2], n("GlobalAveragePool", ["r"], ["g"]), n("Flatten", ["g"], ["f"], axis=-3),
                       n("Gemm", ["f", "f4t", "row"], ["y"], alpha=0.5, beta=2.0)],
}  # fmt: skip
for form in ("pads", "Relu twice"):
    FORMS[f"nodes in another order ({form})"] = FORMS[form][::-1]
