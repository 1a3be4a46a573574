"""Files of several writers: location of weights, names, functions, and forms of single exporters."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from onnx_forms import (
    FORMS,
    NORM,
    RAW,
    RELU,
    SHAPE,
    assert_same_logits,
    body,
    branch,
    conv,
    logits,
    model,
    n,
    pixels,
    session,
    tail,
)
from spikelet.errors import ConversionError
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import Imported, check_graph, source_neuron
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.onnx.constants import EVALUATED

LINE = {
    "a": np.random.default_rng(4).standard_normal((5, 3, 4)).astype(np.float32) * np.float32(0.4),
    "f": np.random.default_rng(5).standard_normal((4, 5)).astype(np.float32),
}


def compare(path, shape=SHAPE, batch=None):
    source, images = read(path, RAW), pixels(shape)
    expected = session(path, images, batch=batch)
    actual = logits(source, images.reshape(-1, *source.shape))
    assert np.abs(actual - expected.reshape(actual.shape)).max() <= 1e-4 * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the inputs"
    assert check_graph(source, None) < 1e-3 * np.abs(expected).max()
    return source


def before(graph, nodes):
    """Put nodes before those of a graph."""
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def as_constants(graph):
    before(graph, [n("Constant", [], [tensor.name], value=tensor) for tensor in graph.initializer])
    del graph.initializer[:]


def as_inputs(graph):
    graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in graph.initializer
    )


def through_identities(graph):
    nodes = []
    for tensor in graph.initializer:
        nodes.append(n("Identity", [f"{tensor.name} stored"], [tensor.name]))
        tensor.name = f"{tensor.name} stored"
    before(graph, nodes)


def as_halves(graph):
    """Store weights in half precision, with a cast to float32."""
    nodes = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            nodes.append(n("Cast", [f"{tensor.name} half"], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(half, f"{tensor.name} half"))
    before(graph, nodes)


def without_a_name(graph):
    graph.name = ""


WRITERS = [as_constants, as_inputs, through_identities, as_halves, without_a_name]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("form", ["line", "constants at every place", "Clip with bounds of shape (1,)"])
def test_weights_of_every_writer(write, form, tmp_path):
    shape, own = (SHAPE, None) if form != "line" else ((3, 14), LINE)
    end = [n("GlobalAveragePool", ["r"], ["p"]), n("Flatten", ["p"], ["q"]), n("Gemm", ["q", "f"], ["y"], transB=1)]
    nodes = FORMS[form] if form != "line" else [conv(("x", "a")), RELU, *end]
    path = model(tmp_path / "a.onnx", nodes, shape, own=own)
    whole = onnx.load(path)
    write(whole.graph)
    if write is as_inputs:
        whole.ir_version = 3
    onnx.save(whole, path)
    if form == "constants at every place":
        assert check_graph(read(path, RAW), None) is not None  # the border is rounded
    else:
        compare(path, shape)


def test_functions_of_the_file_are_inlined(tmp_path):
    nodes = [conv(), n("rectified", ["c"], ["r"], domain="own"), *tail()]
    path = model(tmp_path / "a.onnx", nodes)
    whole = onnx.load(path)
    versions = [helper.make_opsetid("", 17)]
    whole.functions.append(helper.make_function("own", "rectified", ["a"], ["b"], [n("Relu", ["a"], ["b"])], versions))
    onnx.save(whole, path)
    assert len(compare(path).graph.spiking) == 1


PIXELS = {"axes23": np.array([2, 3]), "grid": np.array([0, 2, 2, 7, 7]), "wide": np.array([0, 4, 49]), "index": np.array(0),
          "flat4": np.array([0, 4]), "eq": np.float32(1), "one": np.array([1]), "three": np.array([1, 3, 1, 1]),
          "tiles": np.array([1, 3, 1, 1]), "gray": np.array([[[[0.3]], [[0.6]], [[0.1]]]], np.float32),
          "channels": np.array([0, 2, 0, 0, 0, 2, 0, 0]), "f1": np.array([[0.5, -0.3, 0.2, 0.4]], np.float32),
          "w8": np.random.default_rng(6).standard_normal((4, 8, 3, 3)).astype(np.float32), "i1": np.array([2]),
          "divided": np.array([2, 4]), "k4": np.float32(4), "yes": np.bool_(True),
          "m44": np.random.default_rng(7).standard_normal((4, 4)).astype(np.float32)}  # fmt: skip
GEMM = n("Gemm", ["f", "f4", "bias"], ["y"], transB=1)
MORE = {
    "ReLU6 as Min": body(n("Relu", ["c"], ["q"]), n("Min", ["q", "six"], ["r"])),
    "Min of a number first": body(n("Relu", ["c"], ["q"]), n("Min", ["six1", "q"], ["r"])),
    "Abs": body(n("Abs", ["c"], ["r"])),
    "Clip from below zero, padded": [conv(), n("Clip", ["c", "low", "six"], ["q"]), conv(("q", "w2", "b"), "d", pads=[1] * 4),
                                     n("Relu", ["d"], ["r"]), *tail()],
    "Clip from above zero": body(n("Clip", ["c", "half", "six"], ["r"])),
    "Clip from above only": body(n("Clip", ["c", "", "six"], ["r"])),
    "Min of any value": body(n("Min", ["six", "c", "k4"], ["r"])),
    "the largest of values and numbers": [conv(), conv(("x", "w"), "d"), n("Max", ["c", "half", "d", "zero"], ["r"]), *tail()],
    "Max of one value": body(n("Max", ["c"], ["q"]), n("Relu", ["q"], ["r"])),
    "LeakyRelu without a slope": body(n("LeakyRelu", ["c"], ["r"], alpha=0.0)),
    "an axis added and removed": body(n("Unsqueeze", ["c", "one"], ["u"]), n("Squeeze", ["u", "one"], ["q"]), n("Relu", ["q"], ["r"])),
    "a linear layer of every pixel": [
        *body(RELU)[:2], n("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]), n("MatMul", ["t", "m44"], ["u"]),
        n("Add", ["u", "b"], ["v"]), n("Relu", ["v"], ["e"]), n("ReduceMean", ["e"], ["f"], axes=[1, 2], keepdims=0), GEMM],
    "a branch that shapes decide": body(
        n("Shape", ["c"], ["sh"]), n("Gather", ["sh", "index"], ["size"]), n("Equal", ["size", "index"], ["no"]),
        n("If", ["no"], ["r"], then_branch=branch("c"), else_branch=branch("c", n("Relu", ["c"], ["inner"])))),
    "a branch with weights": body(n("If", ["yes"], ["r"], else_branch=branch("c"), then_branch=branch(
        "c", n("Constant", [], ["number"], value=numpy_helper.from_array(np.float32(1.5))), n("Mul", ["c", "number"], ["scaled"]),
        n("Relu", ["scaled"], ["inner"])))),
    "FusedMatMul": [*body(RELU)[:-1], n("FusedMatMul", ["f", "f4"], ["y"], domain="com.microsoft", alpha=0.5, transB=1)],
    "the larger of two values": [conv(), conv(("x", "w"), "d"), n("Max", ["c", "d"], ["m"]), n("Relu", ["m"], ["r"]), *tail()],
    "pixels as one axis, mean": [*body(RELU)[:2], n("Reshape", ["r", "wide"], ["s"]),
                                 n("ReduceMean", ["s"], ["f"], axes=[2], keepdims=0), GEMM],
    "pixels as one axis, flattened": [*body(RELU)[:2], n("Reshape", ["r", "wide"], ["s"]), n("Reshape", ["s", "square"], ["t"]),
                                      n("GlobalAveragePool", ["t"], ["g"]), n("Flatten", ["g"], ["f"]), GEMM],
    "maxima of rows, then of columns": [*body(RELU)[:2], n("ReduceMax", ["r"], ["s"], axes=[3], keepdims=0),
                                        n("ReduceMax", ["s"], ["f"], axes=[2], keepdims=0), GEMM],
    "one pixel by Gather": [*body(RELU)[:2], n("GlobalAveragePool", ["r"], ["g"]), n("Gather", ["g", "index"], ["h"], axis=3),
                            n("Gather", ["h", "index"], ["f"], axis=2), GEMM],
    "one group of channels": [*body(RELU)[:2], n("Reshape", ["r", "grid"], ["s"]), n("Gather", ["s", "index"], ["t"], axis=1),
                              conv(("t", "w2half"), "d"), n("Relu", ["d"], ["e"]), *tail("e")],
    "channels of zeros": [*body(RELU)[:2], n("Pad", ["r", "channels"], ["p"]), conv(("p", "w8"), "d"),
                          n("Relu", ["d"], ["e"]), *tail("e")],
    "gray to three channels by Expand": [n("Conv", ["x", "gray"], ["u"]), n("Expand", ["u", "three"], ["e"]),
                                         conv(("e", "w", "b")), RELU, *tail()],
    "gray to three channels by Tile": [n("Conv", ["x", "gray"], ["u"]), n("Tile", ["u", "tiles"], ["e"]),
                                       conv(("e", "w", "b")), RELU, *tail()],
    "one logit without an axis": [*body(RELU)[:-1], n("Gemm", ["f", "f1"], ["z"], transB=1), n("Squeeze", ["z", "one"], ["y"])],
    "a shape by Mod": [n("Mod", ["divided", "i1"], ["zeros"]), n("Add", ["zeros", "minus"], ["sh"]), *body(RELU)[:2],
                       n("GlobalAveragePool", ["r"], ["g"]), n("Reshape", ["g", "sh"], ["f"]), GEMM],
}  # fmt: skip


@pytest.mark.parametrize("form", MORE)
def test_forms_of_exporters(form, tmp_path):
    own = {**PIXELS, "square": np.array([0, 4, 7, 7]), "minus": np.array([-1, 4]), "w2half": PIXELS["w8"][:, :2]}
    compare(model(tmp_path / "a.onnx", MORE[form], own=own))


QUANTISED = {
    "4 bits": ({"zero": np.uint8(0), "low": np.uint8(0), "high": np.uint8(15)}, 15),
    "3 bits of signed integers": ({"zero": np.int8(0), "low": np.int8(0), "high": np.int8(3)}, 3),
    "7 bits": ({"zero": np.uint8(0), "low": np.uint8(0), "high": np.uint8(127)}, None),
}


@pytest.mark.parametrize("form", QUANTISED)
@pytest.mark.parametrize("constant", [False, True])
def test_quantisers_of_few_bits_as_brevitas_writes_them(form, constant, tmp_path):
    """QuantizeLinear, Clip, DequantizeLinear (QCDQ): the bounds are integers of the quantiser."""
    own, levels = QUANTISED[form]
    own = {**own, "step": np.float32(6 if form != "7 bits" else 0.75)}
    nodes = [conv(), n("Relu", ["c"], ["e"]), n("QuantizeLinear", ["e", "step", "zero"], ["q"]), n("Clip", ["q", "low", "high"], ["few"]),
             n("DequantizeLinear", ["few", "step", "zero"], ["r"]), *tail()]  # fmt: skip
    path = model(tmp_path / "a.onnx", nodes, own=own)
    if constant:
        whole = onnx.load(path)
        as_constants(whole.graph)
        onnx.save(whole, path)
    source, images = read(path, RAW), pixels(SHAPE)
    assert len(source.graph.spiking) == 1
    assert list(source.levels.values()) == ([] if levels is None else [levels])
    assert check_graph(source, None) is not None
    if levels is not None:
        analog = Analog(source.graph)
        actual = analog(torch.from_numpy(images), source_neuron(analog, {}, source.levels)).numpy()
        expected = session(path, images)
        assert np.abs(actual - expected).max() < 0.02 * np.abs(expected).max(), "but for ties"


AFTER_QUANTISERS = {
    "a bias": [conv(("x", "w")), n("QuantizeLinear", ["c", "step", "zero"], ["q"]), n("DequantizeLinear", ["q", "step", "zero"], ["d"]),
               n("Add", ["d", "c4"], ["e"]), n("Relu", ["e"], ["r"]), *tail()],
    "a factor": [conv(("x", "w")), n("QuantizeLinear", ["c", "step", "zero"], ["q"]), n("DequantizeLinear", ["q", "step", "zero"], ["d"]),
                 n("Mul", ["d", "factors"], ["e"]), n("Relu", ["e"], ["r"]), *tail()],
    "a bias of a sum": [
        conv(("x", "w")), conv(("x", "w"), "c2"), n("Sub", ["c", "c2"], ["t3"]), conv(("x", "w"), "t5"), n("Add", ["t3", "t5"], ["s"]),
        n("QuantizeLinear", ["s", "step", "zero"], ["q"]), n("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        n("Add", ["d", "c4"], ["e"]), n("Relu", ["e"], ["r"]), *tail()],
    "the value itself": [
        conv(("x", "w")), n("Relu", ["c"], ["e"]), n("QuantizeLinear", ["e", "step", "low"], ["q"]),
        n("DequantizeLinear", ["q", "step", "low"], ["d"]), conv(("d", "w2"), "u", pads=[1] * 4), n("Add", ["u", "e"], ["s"]),
        n("Relu", ["s"], ["r"]), *tail()],
    "the current itself": [
        conv(("x", "w")), n("QuantizeLinear", ["c", "step", "zero"], ["q"]), n("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        n("Neg", ["c"], ["e"]), n("Add", ["e", "c4"], ["u"]), n("Relu", ["u"], ["v"]), n("Add", ["d", "v"], ["s"]),
        n("Relu", ["s"], ["r"]), *tail()],
    "a mean of the input": [
        n("QuantizeLinear", ["x", "coarse", "low"], ["q"]), n("DequantizeLinear", ["q", "coarse", "low"], ["d"]),
        n("Sub", ["d", "c3"], ["e"]), conv(("e", "w", "b")), RELU, *tail()],
}  # fmt: skip


@pytest.mark.parametrize("form", AFTER_QUANTISERS)
def test_an_omitted_quantiser_rounds_the_value_that_it_takes(form, tmp_path):
    """It rounds the value before the constants, which are folded into the layer before it, and for its own use alone."""
    own = {"step": np.float32(20), "zero": np.uint8(128), "coarse": np.float32(30), "low": np.uint8(0),
           "factors": np.array([0.5, 2, 0.3, 1], np.float32).reshape(4, 1, 1)}  # fmt: skip
    path = model(tmp_path / "a.onnx", AFTER_QUANTISERS[form], own=own)
    source, images = read(path, RAW), pixels(SHAPE)
    expected = session(path, images)
    assert sum(map(len, source.roundings.values())) == 1
    assert np.abs(Imported(source).logits(images) - expected).max() <= 1e-3 * np.abs(expected).max()


def test_a_quantiser_of_lines(tmp_path):
    own = {**LINE, "step": np.float32(6), "zero": np.int8(-8), "low": np.int8(-8), "high": np.int8(7)}
    nodes = [conv(("x", "a")), n("Relu", ["c"], ["e"]), n("QuantizeLinear", ["e", "step", "zero"], ["q"]),
             n("Clip", ["q", "low", "high"], ["few"]), n("DequantizeLinear", ["few", "step", "zero"], ["d"]),
             n("MaxPool", ["d"], ["r"], kernel_shape=[2]), n("GlobalAveragePool", ["r"], ["p"]), n("Flatten", ["p"], ["f2"]),
             n("Gemm", ["f2", "f"], ["y"], transB=1)]  # fmt: skip
    source = read(model(tmp_path / "a.onnx", nodes, (3, 14), own=own), RAW)
    assert list(source.levels.values()) == [15]
    assert check_graph(source, None) is not None


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
@pytest.mark.parametrize("kind", [TensorProto.UINT4, TensorProto.INT4])
def test_quantisers_of_four_bit_types(kind, domain, tmp_path):
    """ONNX Runtime writes them as operators of its own in files of an opset that has no integers of 4 bits."""
    nodes = [n("DequantizeLinear", ["w_int", "half", "origin"], ["w_float"], domain=domain), conv(("x", "w_float")),
             n("Relu", ["c"], ["e"]), n("QuantizeLinear", ["e", "k", "origin"], ["q"], domain=domain),
             n("DequantizeLinear", ["q", "k", "origin"], ["r"], domain=domain), *tail()]  # fmt: skip
    path = model(tmp_path / "a.onnx", nodes, own={"k": np.float32(60)}, opset=17 if domain else 21, ir=10)
    whole, numbers = onnx.load(path), np.random.default_rng(0).integers(0, 8, 108)
    whole.graph.initializer.append(helper.make_tensor("origin", kind, [], [0]))
    whole.graph.initializer.append(helper.make_tensor("w_int", kind, [4, 3, 3, 3], numbers))
    onnx.save(whole, path)
    source, images = read(path, RAW), pixels(SHAPE)
    assert list(source.levels.values()) == [15 if kind == TensorProto.UINT4 else 7]
    assert check_graph(source, None) is not None
    analog = Analog(source.graph)
    actual = analog(torch.from_numpy(images), source_neuron(analog, {}, source.levels)).numpy()
    expected = session(path, images)
    assert np.abs(actual - expected).max() < 0.02 * np.abs(expected).max(), "but for ties"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([*body(RELU)[:2], n("Tile", ["r", "rows"], ["e"]), *tail("e")], r"\(Tile\): repeats along axis 0; expected the"),
        ([*body(RELU)[:2], n("Expand", ["r", "batches"], ["e"]), *tail("e")], r"\(Expand\): expands to 5 axes; expected 4"),
        ([*body(RELU)[:2], n("Reshape", ["r", "wide"], ["s"]), n("MatMul", ["s", "m49"], ["y"])],
         r"the output: has shape \(N, 4, 3\); expected logits \(N, K\)"),
        ([*body(RELU)[:2], n("Reshape", ["r", "wide"], ["s"]), n("Mul", ["s", "row"], ["y"])], r"\(Mul\): .*expected"),
        ([*body(RELU)[:2], n("Reshape", ["r", "wide"], ["s"]), n("ReduceMean", ["s"], ["y"], axes=[1])],
         r"\(ReduceMean\): a sum or mean over axes \[1\] is not supported; expected the pixels, axis 2"),
        ([*body(RELU)[:2], n("Reshape", ["r", "grid"], ["s"]), n("Pad", ["s", "ten"], ["y"])], r"\(Pad\): pads \(N, 2, 2, 7, 7\)"),
        ([conv(), n("Trunc", ["c", "half", "zero", "six"], ["r"], domain="qonnx.custom_op.general"), *tail()],
         r"\(Trunc\): is an operator of QONNX .*, which ONNX Runtime does not execute; export .*export_onnx_qcdq"),
        ([conv(), n("Relu", ["c"], ["r"], domain="qonnx.custom_op.channels_last"), *tail()],
         r"\(Relu\): is an operator of QONNX .*, which takes images channel last; expected the file before"),
        ([conv(), n("Erf", ["c"], ["r"]), *tail()], r"\(Erf\): .*fine-tune with ReLU in its place"),
    ],
)  # fmt: skip
def test_refusals(nodes, message, tmp_path):
    own = {**PIXELS, "rows": np.array([2, 1, 1, 1]), "batches": np.array([1, 1, 4, 7, 7]), "ten": np.array([0] * 9 + [1]),
           "m49": np.ones((49, 3), np.float32)}  # fmt: skip
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", nodes, own=own), RAW)


def test_operators_on_constants_are_of_onnx():
    assert {schema.name for schema in onnx.defs.get_all_schemas()} >= set(EVALUATED)


def same_names(graph):
    for node in graph.node:
        node.name = "layer"


def batch_of(size):
    def change(graph):
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = size

    return change


def output_twice(graph):
    graph.output.append(graph.output[0])


@pytest.mark.parametrize("change", [same_names, batch_of(0), batch_of(-1), output_twice])
def test_names_and_sizes_that_onnx_runtime_refuses(change, tmp_path):
    path = model(tmp_path / "a.onnx", body(RELU))
    images, plain = pixels(SHAPE), read(path, RAW)
    changed = onnx.load(path)
    change(changed.graph)
    onnx.save(changed, path)
    source = read(path, RAW)
    assert np.array_equal(logits(source, images), logits(plain, images))
    assert check_graph(source, None) < 1e-2


@pytest.mark.parametrize(
    ("sizes", "outputs", "message"),
    [((3, -1, -1), ("y",), "its input x has no fixed shape; give one with --input"), (SHAPE, (), "has no outputs; expected")],
)  # fmt: skip
def test_open_sizes_and_no_outputs_are_refused(sizes, outputs, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", body(RELU), shape=sizes, outputs=outputs), RAW)


def test_a_list_as_long_as_the_batch_is_no_batch(tmp_path):
    """The pads of an image that torch's exporter extends by two zeros, in a file with a batch of 2."""
    nodes = [conv(), n("Relu", ["c"], ["p"]), n("ConstantOfShape", ["length"], ["zeros"], value=numpy_helper.from_array(np.array([0]))),
             n("Concat", ["ends", "zeros", "ends", "zeros"], ["pads"], axis=0), n("Pad", ["p", "pads"], ["r"]), *tail()]  # fmt: skip
    own = {"length": np.array([2]), "ends": np.array([0, 0])}
    compare(model(tmp_path / "a.onnx", nodes, batch=2, own=own), batch=2)


def test_a_file_of_the_first_opsets(tmp_path):
    """In opset 6, linear layers state that they broadcast, and norms that they are in evaluation mode."""
    old, new = (
        [conv(), n("BatchNormalization", ["c", *NORM], ["e"], **norm), n("Relu", ["e"], ["r"]), *tail()[:2],
         n("Gemm", ["f", "f4", "bias"], ["y"], transB=1, **linear)]
        for norm, linear in (({"is_test": 1}, {"broadcast": 1}), ({}, {}))
    )  # fmt: skip
    images = pixels(SHAPE)
    source = read(model(tmp_path / "old.onnx", old, opset=6, ir=4, batch=1), RAW)
    expected = read(model(tmp_path / "new.onnx", new, opset=9, batch=1), RAW)
    np.testing.assert_array_equal(logits(source, images), logits(expected, images))
    assert check_graph(source, None) < 1e-2


DENSE = {  # of (N, 1, F): nodes from "u" to "a"
    "bias": [n("MatMul", ["u", "v"], ["m"]), n("Add", ["m", "b1"], ["a"])],
    "bias of three axes, first": [n("MatMul", ["u", "v"], ["m"]), n("Add", ["b3", "m"], ["a"])],
    "scaled": [n("MatMul", ["u", "v"], ["m"]), n("Mul", ["m", "s3"], ["p"]), n("Sub", ["p", "b3"], ["a"])],
    "divided": [n("MatMul", ["u", "v"], ["m"]), n("Div", ["m", "s3"], ["a"])],
    "two rectifiers": [n("MatMul", ["u", "v"], ["m"]), n("Relu", ["m"], ["q"]), n("Add", ["m", "q"], ["a"])],
    "as TensorFlow writes it": [n("Reshape", ["u", "flat"], ["t"]), n("MatMul", ["t", "v"], ["m"]),
                                n("Reshape", ["m", "row"], ["kept"]), n("Add", ["kept", "b1"], ["a"])],
}  # fmt: skip


@pytest.mark.parametrize("form", DENSE)
def test_dense_layers_of_features_with_an_axis_of_size_1(form, tmp_path):
    """Flattened pixels become (N, 1, F), to which Keras applies Dense as to a sequence of one."""
    rng = np.random.default_rng(0)
    own = {"v": rng.standard_normal((196, 8)) * 0.1, "b1": rng.standard_normal(8), "v2": rng.standard_normal((8, 3))}
    own |= {"b3": own["b1"].reshape(1, 1, 8), "s3": rng.uniform(0.5, 2, (1, 1, 8))}
    own = {name: value.astype(np.float32) for name, value in own.items()}
    own |= {
        "row": np.array([-1, 1, 8]),
        "flat": np.array([-1, 196]),
        "line": np.array([-1, 1, 196]),
        "end": np.array([1]),
    }
    nodes = [
        conv(), n("Relu", ["c"], ["r"]), n("Reshape", ["r", "line"], ["u"]), *DENSE[form], n("Relu", ["a"], ["h"]),
        n("MatMul", ["h", "v2"], ["o"]), n("Squeeze", ["o", "end"], ["y"]),
    ]  # fmt: skip
    assert_same_logits(model(tmp_path / "a.onnx", nodes, own=own))


def test_constants_of_another_shape_than_the_features_are_refused(tmp_path):
    own = {"line": np.array([-1, 1, 196]), "b1": np.ones((1, 196, 1), np.float32)}
    nodes = [conv(), n("Relu", ["c"], ["r"]), n("Reshape", ["r", "line"], ["u"]), n("Add", ["u", "b1"], ["y"])]
    with pytest.raises(ConversionError, match=r"Add\): takes \(N, 1, 196\), reshaped from \(N, 196\)"):
        read(model(tmp_path / "a.onnx", nodes, own=own), RAW)


def test_one_sample_is_flattened_from_the_batch_on(tmp_path):
    """OnnxMLTools writes Flatten with axis 0, which is that of axis 1 for a batch of 1."""
    nodes = [*body(RELU)[:3], n("Flatten", ["g"], ["f"], axis=0), tail()[2]]
    compare(model(tmp_path / "a.onnx", nodes, batch=1), batch=1)
    with pytest.raises(ConversionError, match="flattens from axis 0; expected 1"):
        read(model(tmp_path / "b.onnx", nodes), RAW)


def test_norms_of_features_with_another_axis(tmp_path):
    """PyTorch 0.4 writes the norm of features (N, F) as one of (N, F, 1)."""
    nodes = [*body(RELU)[:-1], n("Unsqueeze", ["f"], ["u"], axes=[2]), n("BatchNormalization", ["u", *NORM], ["v"]),
             n("Relu", ["v"], ["s"]), n("Squeeze", ["s"], ["h"], axes=[2]), n("Gemm", ["h", "f4", "bias"], ["y"], transB=1)]  # fmt: skip
    compare(model(tmp_path / "a.onnx", nodes, opset=11))
