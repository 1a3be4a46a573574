"""Files of sklearn-onnx, with operators of ai.onnx.ml around the network, and classes of one pixel."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_forms import RAW, logits
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

n = helper.make_node
F, HIDDEN = 12, 16
CLASSES = {"numbers": [3, 5, 8], "names": ["cat", "dog", "fox"]}
SCALER = {"offset": np.linspace(-3, 3, F).tolist(), "scale": np.linspace(0.5, 2, F).tolist()}


def written(path, *, classes="numbers", zip_map=True, scaler=False, outputs=("label", "probabilities"), scaling=None):
    """A perceptron as sklearn-onnx writes MLPClassifier, alone or behind StandardScaler."""
    rng = np.random.default_rng(0)
    weights = {
        "c0": rng.normal(0, 0.2, (F, HIDDEN)), "i0": rng.normal(0, 0.2, (1, HIDDEN)),
        "c1": rng.normal(0, 0.2, (HIDDEN, 3)), "i1": rng.normal(0, 0.2, (1, 3)),
    }  # fmt: skip
    weights["c1"] -= weights["c1"].mean(1, keepdims=True)  # so that every class is predicted
    tensors = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    labels = CLASSES[classes]
    kind, strings = (TensorProto.INT64, "int64s") if classes == "numbers" else (TensorProto.STRING, "strings")
    tensors.append(helper.make_tensor("classes", kind, [3], labels))
    tensors.append(numpy_helper.from_array(np.array([-1]), "shape"))
    first = [n("Scaler", ["x"], ["s"], domain="ai.onnx.ml", **(scaling or SCALER))] if scaler else []
    nodes = [
        *first, n("MatMul", ["s" if scaler else "x", "c0"], ["m0"]), n("Add", ["m0", "i0"], ["a0"]),
        n("Relu", ["a0"], ["r0"]), n("MatMul", ["r0", "c1"], ["m1"]), n("Add", ["m1", "i1"], ["a1"]),
        n("Softmax", ["a1"], ["p"], axis=1), n("ArgMax", ["p"], ["index"], axis=1),
        n("ArrayFeatureExtractor", ["classes", "index"], ["picked"], domain="ai.onnx.ml"),
        n("Reshape", ["picked", "shape"], ["label"]),
    ]  # fmt: skip
    zipped = n("ZipMap", ["p"], ["probabilities"], domain="ai.onnx.ml", **{f"classlabels_{strings}": labels})
    nodes.append(zipped if zip_map else n("Identity", ["p"], ["probabilities"]))
    keys = helper.make_map_type_proto(kind, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    entries = {
        "label": helper.make_tensor_value_info("label", kind, [None]),
        "probabilities": helper.make_value_info("probabilities", helper.make_sequence_type_proto(keys))
        if zip_map
        else helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
    }
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, F])],
        [entries[name] for name in outputs], tensors,
    )  # fmt: skip
    versions = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=8), path)
    return path


def expected_of(path, inputs):
    """Labels and probabilities (N, K) of ONNX Runtime."""
    label, probabilities = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(
        None, {"x": inputs}
    )
    if isinstance(probabilities, list):
        probabilities = np.array([list(row.values()) for row in probabilities])
    return label, probabilities


@pytest.mark.parametrize("scaler", [False, True])
@pytest.mark.parametrize("zip_map", [False, True])
@pytest.mark.parametrize("classes", CLASSES)
def test_the_probabilities_are_converted_and_the_labels_name_the_classes(tmp_path, classes, zip_map, scaler):
    path = written(tmp_path / "a.onnx", classes=classes, zip_map=zip_map, scaler=scaler)
    inputs = np.random.default_rng(1).integers(0, 2, (40, F)).astype(np.float32) * 3
    label, probabilities = expected_of(str(path), inputs)
    assert len(set(map(str, label))) > 1
    source = read(path, RAW)
    assert check_graph(source, None) < 1e-3
    assert source.labels == tuple(map(str, CLASSES[classes]))
    scores = logits(source, inputs)
    assert [source.labels[index] for index in scores.argmax(1)] == list(map(str, label))
    softmax = np.exp(scores - scores.max(1, keepdims=True))
    assert np.allclose(softmax / softmax.sum(1, keepdims=True), probabilities, atol=1e-4)


@pytest.mark.parametrize("name", ["label", "probabilities"])
def test_an_output_by_its_name(tmp_path, name):
    path = written(tmp_path / "a.onnx")
    source = read(path, RAW, output=name)
    assert source.ending == ("argmax" if name == "label" else "softmax")
    assert check_graph(source, None) is not None
    inputs = np.random.default_rng(1).integers(0, 256, (40, F)).astype(np.float32)
    label = expected_of(str(path), inputs)[0]
    assert [CLASSES["numbers"][index] for index in logits(source, inputs).argmax(1)] == label.tolist()


def test_the_label_alone(tmp_path):
    source = read(written(tmp_path / "a.onnx", outputs=["label"]), RAW)
    assert (source.ending, source.labels) == ("argmax", ("3", "5", "8"))
    assert check_graph(source, None) is not None


@pytest.mark.parametrize("last", ["p", "argmax"])
def test_a_binary_classifier(last, tmp_path):
    """The probabilities 1 - p and p of a sigmoid, as MLPClassifier has them for two classes."""
    rng = np.random.default_rng(0)
    weights = {"c0": rng.normal(0, 0.2, (F, HIDDEN)), "c1": rng.normal(0, 0.2, (HIDDEN, 1)), "one": np.ones(())}
    weights["c1"] -= weights["c1"].mean()
    weights["c0"] -= weights["c0"].mean(0)  # so that both classes are predicted
    tensors = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    nodes = [
        n("MatMul", ["x", "c0"], ["m0"]), n("Relu", ["m0"], ["r0"]), n("MatMul", ["r0", "c1"], ["z"]),
        n("Sigmoid", ["z"], ["s"]), n("Sub", ["one", "s"], ["t"]), n("Concat", ["t", "s"], ["p"], axis=1),
        n("ArgMax", ["p"], ["argmax"], axis=1, keepdims=0),
    ]  # fmt: skip
    kind = TensorProto.FLOAT if last == "p" else TensorProto.INT64
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, F])],
        [helper.make_tensor_value_info(last, kind, [None, 2] if last == "p" else [None])], tensors,
    )  # fmt: skip
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    source = read(path, RAW)
    assert source.graph.classes == 2
    assert check_graph(source, None) < 1e-3
    inputs = rng.integers(0, 256, (30, F)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": inputs})[0]
    predictions = logits(source, inputs).argmax(1)
    assert np.array_equal(predictions, expected if last == "argmax" else expected.argmax(1))
    assert len(set(predictions)) == 2


def test_a_damaged_scaler_is_refused_by_name(tmp_path):
    scaling = {"offset": [0.0] * 5, "scale": [1.0]}
    with pytest.raises(ConversionError, match=r"Scaler\.offset.*expected one number, or one per channel|node .*Sub"):
        read(written(tmp_path / "a.onnx", scaler=True, scaling=scaling), RAW)


@pytest.mark.parametrize("flat", [None, "Flatten", "Squeeze", "Reshape"])
@pytest.mark.parametrize("ending", ["Softmax", "LogSoftmax", None])
def test_classes_of_one_pixel(tmp_path, ending, flat):
    """A convolution as the last layer, with its softmax over channels, as MATLAB and squeezenet have it."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 0.05, (4, 1, 3, 3)), "v": rng.normal(0, 0.5, (3, 4, 6, 6))}
    tensors = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    tensors += [numpy_helper.from_array(np.array([2, 3]), "axes"), numpy_helper.from_array(np.array([0, -1]), "shape")]
    nodes = [n("Conv", ["x", "w"], ["c"]), n("Relu", ["c"], ["r"]), n("Conv", ["r", "v"], ["a"])]
    if ending:
        nodes.append(n(ending, ["a"], ["s"], axis=1))
    if flat:
        extra = {"Squeeze": ["axes"], "Reshape": ["shape"]}.get(flat, [])
        nodes.append(n(flat, ["s" if ending else "a", *extra], ["f"]))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1, 8, 8])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["N", 3] + ([] if flat else [1, 1]))],
        [tensor for tensor in tensors if any(tensor.name in node.input for node in nodes)],
    )  # fmt: skip
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    inputs = rng.integers(0, 256, (30, 1, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": inputs})[0].reshape(30, 3)
    source = read(path, RAW)
    assert check_graph(source, None) < 1e-3
    assert source.ending == ({"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(ending, "logits"))
    assert np.array_equal(logits(source, inputs).argmax(1), expected.argmax(1))
    assert len(set(expected.argmax(1))) > 1
