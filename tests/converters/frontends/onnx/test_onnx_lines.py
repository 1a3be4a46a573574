"""Networks of lines (C, L) in ONNX files: a bundle keeps the inputs as images of one row."""

import numpy as np
import pytest

from onnx_forms import RAW, RELU, conv, logits, model, n, pixels, session
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

SHAPES = {
    "a": (5, 3, 4), "ab": (5,), "g": (5, 1, 3), "h": (6, 5, 3), "t": (5, 4, 3), "gamma": (5,), "f": (4, 5), "f6": (4, 6),
    "f30": (4, 30), "image": (2, 1, 3, 3), "f2": (4, 2),
}  # fmt: skip


def weights():
    rng = np.random.default_rng(4)
    tensors = {name: (rng.standard_normal(shape) * 0.4).astype(np.float32) for name, shape in SHAPES.items()}
    return {**tensors, "var": np.abs(tensors["gamma"]) + 0.5, "one": np.array([1])}


END = [n("GlobalAveragePool", ["r"], ["p"]), n("Flatten", ["p"], ["q"]), n("Gemm", ["q", "f"], ["y"], transB=1)]
FORMS = {
    "Conv": [conv(("x", "a", "ab")), RELU, *END],
    "Conv with stride, pads and dilation": [conv(("x", "a"), strides=[2], pads=[2, 3], dilations=[2]), RELU, *END],
    "Conv SAME_UPPER": [conv(("x", "a"), auto_pad="SAME_UPPER", strides=[3]), RELU, *END],
    "depthwise": [conv(("x", "a")), n("Relu", ["c"], ["e"]), conv(("e", "g"), "d", group=5), n("Relu", ["d"], ["r"]), *END],
    "MaxPool": [conv(("x", "a")), n("Relu", ["c"], ["e"]), n("MaxPool", ["e"], ["r"], kernel_shape=[3], strides=[2], pads=[1, 0]), *END],
    "AveragePool": [conv(("x", "a")), n("Relu", ["c"], ["e"]),
                    n("AveragePool", ["e"], ["r"], kernel_shape=[3], strides=[2], pads=[1, 1]), *END],
    "BatchNormalization": [conv(("x", "a")), n("BatchNormalization", ["c", "gamma", "ab", "ab", "var"], ["d"]),
                           n("Relu", ["d"], ["r"]), *END],
    "Concat": [conv(("x", "a")), n("Relu", ["c"], ["e"]), n("Concat", ["e", "e"], ["cat"], axis=1),
               n("Split", ["cat"], ["k1", "k2"], axis=1), conv(("k2", "h"), "d"), n("Relu", ["d"], ["r"]),
               *END[:2], n("Gemm", ["q", "f6"], ["y"], transB=1)],
    "Flatten": [conv(("x", "a"), strides=[2]), n("Relu", ["c"], ["r"]), n("Flatten", ["r"], ["q"]), n("Gemm", ["q", "f30"], ["y"], transB=1)],
    "ConvTranspose": [conv(("x", "a"), strides=[3]), n("Relu", ["c"], ["e"]), n("ConvTranspose", ["e", "t"], ["d"], strides=[2]),
                      n("Concat", ["d", "d"], ["cat"], axis=1), n("Slice", ["cat", "zero5", "five", "one"], ["s"]),
                      n("Relu", ["s"], ["r"]), *END],
    "the mean of a line": [conv(("x", "a")), n("Relu", ["c"], ["r"]), n("ReduceMean", ["r"], ["q"], axes=[-1], keepdims=0), END[2]],
    "an axis for images": [n("Unsqueeze", ["x", "one"], ["u"]), conv(("u", "image"), "c"), RELU, *END[:2],
                           n("Gemm", ["q", "f2"], ["y"], transB=1)],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_network_of_lines(form, tmp_path):
    own = {**weights(), "zero5": np.array([0]), "five": np.array([5])}
    path = model(tmp_path / "a.onnx", FORMS[form], shape=(3, 14), own=own)
    source, images = read(path, RAW), pixels((3, 14))
    assert source.shape == ((1, 3, 14) if form == "an axis for images" else (3, 1, 14))
    expected = session(path, images)
    actual = logits(source, images.reshape(-1, *source.shape))
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the inputs"
    assert check_graph(source, None) < 1e-4 * np.abs(expected).max()


def test_channels_last(tmp_path):
    nodes = [n("Transpose", ["x"], ["s"], perm=[0, 2, 1]), conv(("s", "a", "ab")), RELU, *END]
    path = model(tmp_path / "a.onnx", nodes, shape=(14, 3), own=weights())
    source, images = read(path, RAW), pixels((3, 14))
    assert source.shape == (3, 1, 14)
    expected = session(path, images.transpose(0, 2, 1))
    assert np.abs(logits(source, images[:, :, None]) - expected).max() <= 1e-5 * np.abs(expected).max()


FIRST = {
    "an axis after the permutation": (
        (14, 3), [n("Transpose", ["x"], ["moved"], perm=[0, 2, 1]), n("Unsqueeze", ["moved", "two"], ["u"]), conv(("u", "flat", "ab"), "d"),
                  n("Squeeze", ["d", "two"], ["c"]), RELU]),
    "an axis before the permutation": (
        (14, 3), [n("Unsqueeze", ["x", "one"], ["moved"]), n("Transpose", ["moved"], ["u"], perm=[0, 3, 1, 2]),
                  conv(("u", "flat", "ab"), "c"), RELU]),
    "an axis without a permutation": ((3, 14), [n("Unsqueeze", ["x", "two"], ["u"]), conv(("u", "flat", "ab"), "c"), RELU]),
    "features as a line": ((42,), [n("Unsqueeze", ["x", "one"], ["u"]), conv(("u", "single", "ab"), "c"), RELU]),
    "features as a line, channels last": (
        (42,), [n("Unsqueeze", ["x", "two"], ["moved"]), n("Transpose", ["moved"], ["u"], perm=[0, 2, 1]),
                conv(("u", "single", "ab"), "c"), RELU]),
    "features as an image, channels last": (
        (42,), [n("Reshape", ["x", "grid"], ["moved"]), n("Transpose", ["moved"], ["u"], perm=[0, 3, 1, 2]),
                conv(("u", "square", "ab"), "c"), RELU]),
}  # fmt: skip


@pytest.mark.parametrize("form", FIRST)
def test_lines_as_keras_and_its_exporters_write_them(form, tmp_path):
    shape, nodes = FIRST[form]
    own = {**weights(), "two": np.array([2]), "grid": np.array([-1, 6, 7, 1])}
    own |= {"flat": own["a"][:, :, None], "single": own["a"][:, :1], "square": own["a"][:, :1, None]}
    path = model(tmp_path / "a.onnx", [*nodes, *END], shape=shape, own=own)
    source, images = read(path, RAW), pixels((3, 14))
    assert source.shape == ((1, 6, 7) if "image" in form else (1, 1, 42) if "features" in form else (3, 1, 14))
    expected = session(path, (images.transpose(0, 2, 1) if shape == (14, 3) else images).reshape(-1, *shape))
    actual = logits(source, images.reshape(-1, *source.shape))
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    assert check_graph(source, None) < 1e-4 * np.abs(expected).max()


def test_an_open_length(tmp_path):
    path = model(tmp_path / "a.onnx", FORMS["Conv"], shape=(3, "L"), own=weights())
    assert read(path, RAW, shape=(3, 14)).shape == (3, 1, 14)
    with pytest.raises(ConversionError, match="has no fixed shape; give one with --input"):
        read(path, RAW)


def test_a_window_of_two_axes_is_refused(tmp_path):
    nodes = [conv(("x", "a")), n("Relu", ["c"], ["e"]), n("MaxPool", ["e"], ["r"], kernel_shape=[2, 2]), *END]
    with pytest.raises(ConversionError, match="a pool of 2 axes takes a value of 4 axes"):
        read(model(tmp_path / "a.onnx", nodes, shape=(3, 14), own=weights()), RAW)
