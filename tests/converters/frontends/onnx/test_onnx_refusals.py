"""ONNX files that are refused: the message names the node, the expected and the actual value."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_forms import NORM, RAW, RELU, SHAPE, body, branch, conv, model, n, tail
from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx import read

OWN = {
    "w1d": np.ones((4, 3, 3), np.float32), "w3d": np.ones((1, 4, 5), np.float32), "two": np.float32(2),
    "rows": np.ones((2, 5), np.float32), "short": np.ones(3, np.float32), "mask": np.array([2, 2]),
    "wide": np.array([-1, 4, 7, 7, 1, 1]), "moved": np.array([4, -1]), "odd": np.array([-1, 2, 2, 49]),
    "axis0": np.array([0]), "axis1": np.array([1]), "huge": np.array([2**20, 2**20]),
    "channel": np.array([0, 1, 0, 0, 0, 0, 0, 0]), "cut": np.array([0, 0, -9, 0, 0, 0, 0, 0]),
    "three": np.array([0, 0, 1]), "s": np.float32(0.1), "s2": np.float32(0.2), "z": np.uint8(0),
    "zero_i": np.array([0]), "one_i": np.array([1]), "three_i": np.array([3, 3]),
    "row3": np.ones((4, 5, 1), np.float32), "training": np.bool_(True),
    "wide5": np.ones((64, 3, 2, 2), np.float32), "wide_t": np.ones((64, 64, 3, 3), np.float32),
    "zi": np.int32(0), "k1": np.array([1], np.int64),
}  # fmt: skip
CASES = {
    "an export in training mode": (
        body(n("Dropout", ["c", "half", "training"], ["d"]), n("Relu", ["d"], ["r"])),
        r"\(Dropout\): drops values at random, .* export the network in evaluation mode",
    ),
    "one axis": ([conv(("x", "w1d"), "y")], r"#0 \(Conv\): a convolution of 1 axes takes a value of 3 axes"),
    "a convolution of (N, F)": (
        [*body(RELU)[:2], *tail()[:2], conv(("f", "w1x1"), "y")],
        r"#4 \(Conv\): a convolution of 2 axes takes a value of 4 axes, found \(N, 4\)",
    ),
    "weights that are computed": ([conv(), n("Conv", ["x", "c"], ["y"])], "input 1 to be constant weights"),
    "transA": ([*body(RELU)[:-1], n("Gemm", ["f", "f4t"], ["y"], transA=1)], "transposes its input; expected transA = 0"),
    "a bias per row": ([*body(RELU)[:-1], n("Gemm", ["f", "f4t", "rows"], ["y"])], r"has a bias of shape \(2, 5\)"),
    "a short bias": ([*body(RELU)[:-1], n("Gemm", ["f", "f4t", "short"], ["y"])], "a bias of 3 numbers; expected 5"),
    "other features": ([*body(RELU)[:-1], n("Gemm", ["f", "f10"], ["y"], transB=1)], r"expected an input of shape \(36,\)"),
    "a product of values": (body(n("Mul", ["c", "c"], ["r"])), "a product of activations has no spiking form"),
    "a matrix product of values": ([conv(), n("MatMul", ["c", "c"], ["y"])], "a product of activations"),
    "weights on the left": ([*body(RELU)[:-1], n("MatMul", ["f4t", "f"], ["y"])], "on its left, W x; expected x W"),
    "batch norm in training mode": (
        body(n("BatchNormalization", ["c", *NORM], ["d"], training_mode=1), n("Relu", ["d"], ["r"])),
        "training_mode = 1 is not supported; expected 0; export the network in evaluation mode",
    ),
    "a jump": (body(n("ThresholdedRelu", ["c"], ["r"])), "it jumps at its threshold, .* fine-tune with Relu"),
    "tanh inside": (body(n("Tanh", ["c"], ["r"])), r"\(Tanh\): it has no exact spiking form here; fine-tune with Relu"),
    "weights of three axes": ([*body(RELU)[:-1], n("MatMul", ["f", "w3d"], ["y"])], "multiplies 2 axes by weights of 3; expected"),
    "a division by a value": (body(n("Div", ["two", "c"], ["r"])), "a product of activations"),
    "a Gemm of three axes": ([*body(RELU)[:-1], n("Gemm", ["f", "row3"], ["y"])], "expected weights of two axes, found shape"),
    "a sum of shapes": ([conv(), conv(("x", "w", "b"), "d", pads=[1] * 4), n("Add", ["c", "d"], ["y"])],
                        r"adds shapes \(4, 7, 7\) and \(4, 9, 9\)"),
    "a minimum": (body(n("Min", ["c", "c"], ["r"])), "a minimum of activations has no spiking form here"),
    "a power": (body(n("Pow", ["c", "two"], ["r"])), "a power of activations has no spiking form here; fine-tune"),
    "a rounding": (body(n("Round", ["c"], ["r"])), "a rounding of activations is not supported; leave it out and calibrate"),
    "an operator without advice": (body(n("Sin", ["c"], ["r"])), "see docs/reference/support.md"),
    "a rounding that is not clipped": (body(n("Floor", ["c"], ["q"]), n("Relu", ["q"], ["r"])), r"#1 \(Floor\): a rounding of"),
    "a rounding that is clipped from above": (body(n("Round", ["c"], ["q"]), n("Clip", ["q", "", "two"], ["r"])),
                                              r"#1 \(Round\): a rounding of"),
    "a rounding that is clipped between integers": (body(n("Floor", ["c"], ["q"]), n("Clip", ["q", "zero", "six"], ["r"])),
                                                    r"#2 \(Clip\): clips integers from 0 to 1.5; expected from 0 to a whole"),
    "a branch on values": (body(n("If", ["c"], ["r"], then_branch=branch("c"), else_branch=branch("c"))),
                           r"#1 \(If\): a network that branches on values has no fixed graph"),
    "an upper bound below": (body(n("Clip", ["c", "zero", "low"], ["r"])), "clips from 0 to -2; expected a larger upper bound"),
    "axes swapped": ([*body(RELU)[:2], n("Transpose", ["r"], ["t"], perm=[0, 1, 3, 2]), conv(("t", "w1x1"), "y")],
                     "takes a value whose axes were permuted"),
    "batch norm of pixels": (
        [*body(RELU)[:2], n("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]), n("BatchNormalization", ["t", *NORM], ["y"])],
        "normalises an axis that is not the channels",
    ),
    "an output channels last": ([*body(RELU)[:2], n("Transpose", ["r"], ["y"], perm=[0, 2, 3, 1])],
                                r"the output: has shape \(N, 7, 7, 4\); expected logits \(N, K\): average or"),
    "a reshape of pixels": ([*body(RELU)[:2], n("Reshape", ["r", "odd"], ["y"])], r"to \[-1, 2, 2, 49\]; expected"),
    "a reshape of the batch": ([*body(RELU)[:2], n("Reshape", ["r", "moved"], ["y"])], r"to \[4, -1\]; expected \(N, -1\)"),
    "more axes": ([*body(RELU)[:2], n("Reshape", ["r", "wide"], ["y"])], "expected"),
    "an axis that is not 1": ([*body(RELU)[:2], n("Squeeze", ["r", "a2"], ["y"])], r"removes axes \[2\] of .*expected size 1"),
    "an axis before the batch": ([*body(RELU)[:2], n("Unsqueeze", ["r", "axis0"], ["y"])], "adds axes"),
    "zeros in channels of the input": ([n("Pad", ["x", "channel"], ["p"]), conv(("p", "w"), "y")], "expected 3 input channels, found 4"),
    "all pixels cut off": ([n("Pad", ["x", "cut"], ["p"]), conv(("p", "w"), "y")], "takes pixels 9:9:1 of 9"),
    "zeros of three axes": ([n("Pad", ["x", "three"], ["p"]), conv(("p", "w"), "y")], "has 3 pads for 4 axes"),
    "a mean of samples": ([*body(RELU)[:2], n("ReduceMean", ["r"], ["y"], axes=[0])], "a sum or mean over axes"),
    "a pool of one axis": ([*body(RELU)[:2], n("AveragePool", ["r"], ["y"], kernel_shape=[2])], "of 1 axes takes a value of 3 axes"),
    "maxima of currents": ([conv(), n("MaxPool", ["c"], ["m"], kernel_shape=[2, 2]), conv(("m", "w2"), "y")],
                           r"#1 \(MaxPool\): takes maxima of values that may be negative"),
    "scaled maxima of currents": (
        [conv(), n("MaxPool", ["c"], ["m"], kernel_shape=[2, 2]), n("Mul", ["m", "low"], ["y"])],
        "scales maxima by -2; expected a factor above 0",
    ),
    "a concatenation of samples": (body(n("Relu", ["c"], ["e"]), n("Concat", ["e", "e"], ["r"], axis=0)),
                                   "concatenates along axis 0; expected the channels"),
    "a concatenation with a constant": (body(n("Relu", ["c"], ["e"]), n("Concat", ["e", "w1x1"], ["r"], axis=1)),
                                        r"takes constants of shape \(4, 4, 1, 1\) with a value of shape \(N, 4, 7, 7\)"),
    "a concatenation of images of two sizes": (
        [conv(), conv(("x", "w", "b"), "d", pads=[1] * 4), n("Concat", ["c", "d"], ["y"], axis=1)],
        r"shapes \(4, 7, 7\) and \(4, 9, 9\); expected equal sizes",
    ),
    "a slice of the batch": (body(n("Slice", ["c", "zero_i", "one_i", "zero_i"], ["r"])), "takes a slice of the batch"),
    "a gather of samples": (body(n("Gather", ["c", "one_i"], ["r"], axis=0)),
                            "gathers along axis 0; expected the channels"),
    "a split of other sizes": ([conv(), n("Split", ["c", "three_i"], ["y", "u"], axis=1)],
                               "splits 4 channels into"),
    "a large transposed convolution": (
        [conv(("x", "wide5"), "c"), n("ConvTranspose", ["c", "wide_t"], ["y"], strides=[2, 2])],
        "every pixel of its output has separate weights",
    ),
    "a maximum of channels": ([*body(RELU)[:2], n("ReduceMax", ["r"], ["y"], axes=[1, 2])], "a maximum over axes"),
    "a softmax of pixels": ([*body(RELU)[:2], n("Softmax", ["r"], ["y"], axis=1)], "expected the classes"),
    "a softmax of the batch": ([*body(RELU)[:-1], n("Softmax", ["f"], ["y"], axis=0)], "is along axis 0; expected the classes"),
    "an argmax of an argmax": ([*body(RELU)[:-1], n("ArgMax", ["f"], ["a"], axis=1), n("ArgMax", ["a"], ["y"], axis=-1)], "an ArgMax inside the network"),
    "a sigmoid of a softmax": ([*body(RELU)[:-1], n("Softmax", ["f"], ["a"], axis=1), n("Sigmoid", ["a"], ["y"])], "a softmax inside the network"),
    "an argmax of the batch": ([*body(RELU)[:-1], n("ArgMax", ["f"], ["y"], axis=0)], "is along axis 0; expected the classes"),
    "top k": ([*body(RELU)[:-1], n("TopK", ["f", "k1"], ["y", "i"])], "leave it out: a bundle returns the logits of all"),
    "other integers": (body(n("QuantizeLinear", ["c", "s", "zi"], ["q"]), n("DequantizeLinear", ["q", "s", "zi"], ["r"])),
                       "quantises to int32; expected integers of 4, 8 or 16 bits"),
    "another scale behind": (
        body(n("Relu", ["c"], ["e"]), n("QuantizeLinear", ["e", "s", "z"], ["q"]), n("DequantizeLinear", ["q", "s2", "z"], ["r"])),
        "has another scale or zero point than the QuantizeLinear before it",
    ),
    "integers of a layer": (body(n("DequantizeLinear", ["c", "s"], ["r"])), "expected the QDQ format"),
    "a constant that is too large": ([n("ConstantOfShape", ["huge"], ["h"]), n("Add", ["x", "h"], ["y"])],
                                     r"#0 \(ConstantOfShape\): computes a constant of shape \[1048576, 1048576\]"),
    "a random constant": ([n("RandomNormal", [], ["h"], shape=[1]), n("Add", ["x", "h"], ["y"])],
                          r"#0 \(RandomNormal\): computes a constant with an unsupported operator"),
    "a constant that cannot be computed": ([n("Reshape", ["two", "mask"], ["h"]), n("Add", ["x", "h"], ["y"])],
                                           r"#0 \(Reshape\): cannot be evaluated"),
    "an output of constants": ([n("Identity", ["two"], ["y"]), *body(RELU)[:2]], "does not depend on the input"),
    "a second output that is used": (body(n("Dropout", ["c"], ["d", "m"]), n("Where", ["m", "d", "d"], ["r"])),
                                     "its output m is used; expected the first output only"),
    "a cycle": ([n("Add", ["x", "b2"], ["a"]), n("Relu", ["a"], ["b2"]), n("Relu", ["b2"], ["y"])], "depends on itself"),
    "an input that nothing computes": ([n("Add", ["x", "nowhere"], ["y"])], "nothing computes nowhere"),
    "another domain": (body(n("QLinearSoftmax", ["c"], ["r"], domain="com.microsoft")), "is an operator of com.microsoft"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_refused_by_name(case, tmp_path):
    nodes, message = CASES[case]
    with pytest.raises(ConversionError, match=message) as caught:
        read(model(tmp_path / "a.onnx", nodes, own=OWN), RAW)
    text = str(caught.value)
    assert "node #" in text or "a.onnx" in text or text.startswith("the output"), "what it is about"


def test_batch_norm_with_the_statistics_of_the_batch(tmp_path):
    nodes = body(n("BatchNormalization", ["c", *NORM], ["q", "m", "v", "sm", "sv"]), n("Relu", ["q"], ["r"]))
    with pytest.raises(
        ConversionError, match=r"\(BatchNormalization\): normalises by the batch; export the network in eval"
    ):
        read(model(tmp_path / "a.onnx", nodes, opset=9, ir=4), RAW)


def test_sparse_weights(tmp_path):
    path = model(tmp_path / "a.onnx", [*body(RELU)[:-1], n("Gemm", ["f", "sparse"], ["y"])])
    whole = onnx.load(path)
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    places = numpy_helper.from_array(np.array([3], np.int64))
    whole.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, 5]))
    onnx.save(whole, path)
    with pytest.raises(ConversionError, match="sparse is a sparse tensor; expected dense weights"):
        read(path, RAW)


def test_a_network_of_two_inputs(tmp_path):
    path = model(tmp_path / "a.onnx", body(RELU, n("Add", ["r", "second"], ["s"]))[:3] + tail("s"))
    whole = onnx.load(path)
    whole.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1]))
    onnx.save(whole, path)
    with pytest.raises(ConversionError, match="expected one input, found x, second; a bundle has one"):
        read(path, RAW)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 2, 9, 9), r"has shape \(N, 3, 2, 9, 9\); expected images"),
        (("C", 9, 9), "has no fixed shape; give one"),
        ((), r"its input x has one axis, N, and none for the features of a sample; expected \(N, F\)"),
    ],
)
def test_inputs_of_other_shapes(shape, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", body(RELU), shape=shape), RAW)


@pytest.mark.parametrize("kind", [TensorProto.BOOL, TensorProto.STRING, TensorProto.COMPLEX64])
def test_inputs_of_other_types(kind, tmp_path):
    nodes = [
        n("Identity", ["x"], ["i"]),
        n("Cast", ["i"], ["t"], to=TensorProto.FLOAT),
        conv(("t", "w")),
        RELU,
        *tail(),
    ]
    with pytest.raises(ConversionError, match="takes values of type|not a valid ONNX model"):
        read(model(tmp_path / "a.onnx", nodes, kind=kind), RAW)


def test_damaged_files(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model at all")
    with pytest.raises(ConversionError, match=r"a\.onnx: not a valid ONNX model"):
        read(tmp_path / "a.onnx", RAW)
    whole = model(tmp_path / "b.onnx", body(RELU)).read_bytes()
    (tmp_path / "b.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConversionError, match=r"b\.onnx: not a valid ONNX model"):
        read(tmp_path / "b.onnx", RAW)


def test_files_with_weights_beside_them(tmp_path):
    """torch.onnx.export(dynamo=True) writes two files."""
    plain, data = onnx.load(model(tmp_path / "a.onnx", body(RELU))), tmp_path / "a.data"
    onnx.save(plain, tmp_path / "a.onnx", save_as_external_data=True, location=data.name, size_threshold=0)
    assert len(read(tmp_path / "a.onnx", RAW).graph.spiking) == 1
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    for change, message in (
        (
            lambda: data.rename(tmp_path / "b"),
            r"a\.onnx: stores its weights in a\.data; expected this file in the same",
        ),
        (lambda: data.symlink_to(tmp_path / "b"), r"in a\.data, a link; expected a copy of the file itself"),
        (lambda: (data.unlink(), data.write_bytes(pointer)), r"a\.data: is a Git LFS pointer"),
        (lambda: data.write_bytes(b""), r"a\.data: is empty"),
        (lambda: data.write_bytes(b"a"), r"a\.onnx: not a valid ONNX model"),
    ):
        change()
        with pytest.raises(ConversionError, match=message):
            read(tmp_path / "a.onnx", RAW)


def test_another_shape_than_the_file_has(tmp_path):
    path = model(tmp_path / "a.onnx", body(RELU), shape=SHAPE)
    with pytest.raises(ConversionError, match="expected the file's input shape 3x9x9, found --input 1x9x9"):
        read(path, RAW, shape=(1, 9, 9))
