"""Attributes of ONNX operators are interpreted or refused by name, also before a final softmax."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters_support import onnx_file
from spikelet.errors import ConversionError
from spikelet.nodes import Conv2d
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read as read_onnx
from spikelet_converters.frontends.onnx.constants import evaluate

RNG = np.random.default_rng(3)
WEIGHTS = {
    "w": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32) / 5,
    "b": RNG.normal(size=4).astype(np.float32),
    "fc": RNG.normal(size=(64, 5)).astype(np.float32),
}


def model(path, *, conv=(), pool=(), flatten=(), gemm=(), ending=(), pooling="AveragePool", size=8):
    """Return a convolution, ReLU, pool and linear layer; the arguments are attributes of the operators."""
    nodes = [
        helper.make_node(
            "Conv", ["x", "w", "b"], ["c"], **{"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], **dict(conv)}
        ),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node(pooling, ["r"], ["p"], **{"kernel_shape": [2, 2], "strides": [2, 2], **dict(pool)}),
        helper.make_node("Flatten", ["p"], ["f"], **dict(flatten)),
        helper.make_node("Gemm", ["f", "fc"], ["y"], **dict(gemm)),
    ]
    if ending:
        nodes[-1].output[0] = "logits"
        nodes.append(helper.make_node(ending[0], ["logits"], ["y"], **dict(ending[1])))
    stride = dict(pool).get("strides", [2])[0]
    columns = 4 * (-(-size // stride) if "SAME" in dict(pool).get("auto_pad", "") else size // 2) ** 2
    weights = WEIGHTS | {"fc": np.resize(WEIGHTS["fc"], (columns, 5))}
    return onnx_file(path, nodes, weights, (3, size, size))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
def test_a_pool_that_auto_pad_does_not_pad_is_read(mode, tmp_path):
    path = model(tmp_path / "a.onnx", pool={"auto_pad": mode})
    assert check_graph(read_onnx(path), None) < 1e-3


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, 8), (3, 2, 8), (2, 1, 8), (2, 2, 9), (2, 2, 7)])
def test_a_pool_that_auto_pad_pads_is_read(mode, kernel, stride, size, tmp_path):
    pool = {"auto_pad": mode, "kernel_shape": [kernel] * 2, "strides": [stride] * 2}
    path = model(tmp_path / "a.onnx", pool=pool, size=size)
    assert check_graph(read_onnx(path), None) < 1e-3


@pytest.mark.parametrize(
    ("options", "attribute"),
    [
        ({"conv": {"activation": "Relu"}}, "activation = 'Relu'"),
        ({"pool": {"p": 3}}, "p = 3"),
        ({"flatten": {"order": 1}}, "order = 1"),
        ({"gemm": {"transC": 1}}, "transC = 1"),
        ({"ending": ("Softmax", {"temperature": 2.0})}, "temperature = 2.0"),
    ],
)
def test_an_attribute_that_is_not_interpreted_is_refused_by_name(options, attribute, tmp_path, monkeypatch):
    monkeypatch.setattr("onnx.checker.check_model", lambda model: None)  # which refuses those that ONNX does not define
    with pytest.raises(ConversionError, match=f"its attribute {attribute} is not supported"):
        read_onnx(model(tmp_path / "a.onnx", **options))


def test_an_operator_of_another_domain_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("onnx.checker.check_model", lambda model: None)
    with pytest.raises(ConversionError, match=r"\(Gemm\): is an operator of com\.microsoft"):
        read_onnx(model(tmp_path / "a.onnx", gemm={"domain": "com.microsoft"}))


@pytest.mark.parametrize("ending", ["Softmax", "LogSoftmax"])
class TestEnding:
    def test_is_left_out_and_the_logits_are_compared(self, ending, tmp_path):
        source = read_onnx(model(tmp_path / "a.onnx", ending=(ending, {"axis": 1})))
        plain = read_onnx(model(tmp_path / "b.onnx"))
        pixels = RNG.integers(0, 256, (4, 3, 8, 8)).astype(np.float32) / 255
        assert np.array_equal(source.logits(pixels), plain.predict(pixels))
        assert check_graph(source, None) < 1e-3

    @pytest.mark.parametrize("planted", ["weight", "bias"])
    def test_a_wrong_layer_before_it_is_detected(self, ending, planted, tmp_path):
        source = read_onnx(model(tmp_path / "a.onnx", ending=(ending, {"axis": -1})))
        nodes = dict(source.graph.nodes)
        name = next(name for name, node in nodes.items() if isinstance(node, Conv2d))
        changed = getattr(nodes[name], planted).copy()
        changed[0] += 0.5
        nodes[name] = replace(nodes[name], **{planted: changed})
        wrong = replace(source, graph=replace(source.graph, nodes=nodes))
        with pytest.raises(ConversionError, match="computes other outputs than the network"):
            check_graph(wrong, None)

    def test_over_another_axis_is_refused(self, ending, tmp_path):
        path = model(tmp_path / "a.onnx", ending=(ending, {"axis": 0}))
        with pytest.raises(ConversionError, match=rf"\({ending}\): is along axis 0; expected the classes, axis 1"):
            read_onnx(path)


CONSTANTS = {
    "Cast": ([np.array([1.7, -2.2], np.float32)], {"to": TensorProto.INT64}),
    "Squeeze": ([np.zeros((1, 2, 1), np.int64), np.array([0])], {}),
    "ReduceProd": ([np.arange(1, 7).reshape(2, 3)], {"axes": [1], "keepdims": 0}),
    "ReduceProd, axes kept": ([np.arange(1, 7).reshape(2, 3)], {"axes": [0]}),
    "ConstantOfShape": ([np.array([2, 3])], {"value": numpy_helper.from_array(np.array([7], np.int64))}),
    "ConstantOfShape of zeros": ([np.array([2])], {}),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_a_constant_is_computed_with_the_attributes_of_its_operator(case):
    inputs, attributes = CONSTANTS[case]
    operator = case.split(maxsplit=1)[0].rstrip(",")
    names = [f"i{index}" for index in range(len(inputs))]
    node = helper.make_node(operator, names, ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for n, v in zip(names, inputs, strict=True)
        ],
        [helper.make_empty_tensor_value_info("y")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, dict(zip(names, inputs, strict=True)))
    (actual,) = evaluate(node, "node", inputs, 13)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert np.array_equal(actual, expected)
