"""Operators without a corresponding node: the imported graph computes the outputs of ONNX Runtime.

Concatenations, slices and shuffled channels, max pools, dilation, transposed convolutions.
"""

import numpy as np
import pytest

from onnx_forms import NORM, RAW, RELU, SHAPE, body, conv, logits, model, n, pixels, session, tail
from spikelet.errors import ConversionError
from spikelet.nodes import IF
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read
from spikelet_converters.maxima import maxima


def weights(seed=7):
    rng = np.random.default_rng(seed)

    def f(*shape, scale=0.3):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    return {
        "w8": f(4, 8, 3, 3), "w8g": f(4, 4, 3, 3), "w8d": f(8, 1, 3, 3), "w8m": f(16, 1, 3, 3), "w16": f(4, 16, 1, 1),
        "f8": f(5, 8), "f392": f(5, 392, scale=0.1), "f12": f(5, 12), "w12": f(4, 12, 1, 1), "w2x": f(4, 2, 3, 3),
        "n8": np.array([0.7, -0.4, 1.2, 0.5, -0.9, 0.6, 1.1, 0.8], np.float32), "s8": f(8), "m8": f(8), "v8": np.abs(f(8)) + 0.5,
        "t4": f(4, 4, 3, 3), "t2": f(4, 2, 3, 3), "tg": f(4, 2, 2, 2), "bias4": f(4), "w1": f(4, 4, 1, 1),
        "slopes": np.array([0.1, 0.25, 0.5, 0.75], np.float32).reshape(4, 1, 1), "positive": np.abs(f(4)) + 0.3,
        "grid": np.array([-1, 2, 4, 7, 7]), "back": np.array([-1, 8, 7, 7]), "grid4": np.array([0, 2, 2, 7, 7]),
        "back4": np.array([0, 4, 7, 7]), "i1": np.array([1]), "i2": np.array([2]), "i3": np.array([3]), "i6": np.array([6]),
        "far": np.array([2**63 - 1]), "starts": np.array([1, 2]), "ends": np.array([-1, 6]), "hw": np.array([2, 3]),
        "steps": np.array([2, 1]), "order": np.array([3, 1, 1, 0]), "parts": np.array([1, 3]), "i0": np.array([0]),
        "down": np.array([-1]), "min": np.array([-(2**63)]), "two": np.float32(2),
    }  # fmt: skip


def two(*nodes):
    """Return two rectified convolutions, their concatenation `k`, the given nodes, and the tail of 8 channels after `r`."""
    return [conv(), n("Relu", ["c"], ["e"]), conv(("x", "w"), "d"), n("Relu", ["d"], ["h"]),
            n("Concat", ["e", "h"], ["cat"], axis=1), *nodes]  # fmt: skip


def rectified(*nodes):
    """Return a rectified convolution `e`, the given nodes, and the tail after `r`."""
    return [conv(), n("Relu", ["c"], ["e"]), *nodes, *tail()]


CONV8 = [conv(("cat", "w8", "b"), "q", pads=[1] * 4), n("Relu", ["q"], ["r"]), *tail()]
GLOBAL8 = [n("GlobalAveragePool", ["r"], ["g"]), n("Flatten", ["g"], ["f"]), n("Gemm", ["f", "f8"], ["y"], transB=1)]
RAW8 = [conv(), conv(("x", "w"), "d"), n("Concat", ["c", "d"], ["cat"], axis=1)]  # of currents
NORM8 = ["n8", "s8", "m8", "v8"]
FORMS = {
    "Concat, Conv": two(*CONV8),
    "Concat, pool, Conv": two(n("AveragePool", ["cat"], ["p"], kernel_shape=[3, 3], pads=[1] * 4), conv(("p", "w8"), "q"),
                              n("Relu", ["q"], ["r"]), *tail()),
    "Concat, Conv in groups": two(conv(("cat", "w8g"), "q", group=2), n("Relu", ["q"], ["r"]), *tail()),
    "Concat, depthwise": two(conv(("cat", "w8d"), "q", group=8), n("Relu", ["q"], ["r"]), *GLOBAL8),
    "Concat, depthwise with two outputs": two(conv(("cat", "w8m"), "q", group=8), n("Relu", ["q"], ["s"]),
                                              conv(("s", "w16"), "u"), n("Relu", ["u"], ["r"]), *tail()),
    "Concat, linear": two(n("Flatten", ["cat"], ["f"]), n("Gemm", ["f", "f392", "bias"], ["y"], transB=1)),
    "Concat, global pool, linear": two(n("Identity", ["cat"], ["r"]), *GLOBAL8),
    "Concat of currents, Relu": [*RAW8, n("Relu", ["cat"], ["r"]), *GLOBAL8],
    "Concat of currents, batch norm, Relu": [*RAW8, n("BatchNormalization", ["cat", *NORM8], ["t"]), n("Relu", ["t"], ["r"]),
                                             *GLOBAL8],
    "Concat of currents, max pool, Relu": [*RAW8, n("MaxPool", ["cat"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
                                           n("Relu", ["m"], ["r"]), *GLOBAL8],
    "Concat, batch norm, Relu": two(n("BatchNormalization", ["cat", *NORM8], ["t"]), n("Relu", ["t"], ["r"]), *GLOBAL8),
    "Concat, Conv, batch norm": two(conv(("cat", "w8"), "q"), n("BatchNormalization", ["q", *NORM], ["t"]),
                                    n("Relu", ["t"], ["r"]), *tail()),
    "Concat of Concat": two(n("Concat", ["cat", "e"], ["u"], axis=-3), conv(("u", "w12"), "q"), n("Relu", ["q"], ["r"]), *tail()),
    "Concat with itself": rectified(n("Concat", ["e", "e"], ["cat"], axis=1), conv(("cat", "w8"), "q"), n("Relu", ["q"], ["r"])),
    "Concat of images": [n("Concat", ["x", "c"], ["u"], axis=1), conv(("x", "w", "b"), pads=[1] * 4),
                         conv(("u", "w7"), "q"), n("Relu", ["q"], ["r"]), *tail()],
    "Concat of features": two(n("GlobalAveragePool", ["e"], ["g"]), n("Flatten", ["g"], ["f1"]),
                              n("GlobalAveragePool", ["cat"], ["g2"]), n("Flatten", ["g2"], ["f2"]),
                              n("Concat", ["f2", "f1"], ["f"], axis=-1), n("Gemm", ["f", "f12"], ["y"], transB=1)),
    "Concat channels last": two(n("Transpose", ["cat"], ["t"], perm=[0, 2, 3, 1]), n("Flatten", ["t"], ["f"]),
                                n("Gemm", ["f", "f392", "bias"], ["y"], transB=1)),
    "Concat, sum": two(n("Concat", ["h", "e"], ["l"], axis=1), n("Add", ["cat", "l"], ["t"]), conv(("t", "w8"), "q"),
                       n("Relu", ["q"], ["r"]), *tail()),
    "Concat, sum with a layer": two(conv(("cat", "w8d"), "q", group=8, pads=[1] * 4), n("Add", ["cat", "q"], ["t"]),
                                    n("Relu", ["t"], ["r"]), *GLOBAL8),
    "channels shuffled": two(n("Reshape", ["cat", "grid"], ["g5"]), n("Transpose", ["g5"], ["t5"], perm=[0, 2, 1, 3, 4]),
                             n("Reshape", ["t5", "back"], ["u"]), conv(("u", "w8"), "q"), n("Relu", ["q"], ["r"]), *tail()),
    "channels of one layer shuffled": rectified(
        n("Reshape", ["e", "grid4"], ["g5"]), n("Transpose", ["g5"], ["t5"], perm=[0, 2, 1, 3, 4]),
        n("Reshape", ["t5", "back4"], ["u"]), conv(("u", "w2"), "q"), n("Relu", ["q"], ["r"])),
    "Split": rectified(n("Split", ["e"], ["s1", "s2"], axis=1), conv(("s2", "w2x"), "q"), n("Relu", ["q"], ["r"])),
    "Split by sizes": rectified(n("Split", ["e", "parts"], ["s1", "s3"], axis=1), n("Concat", ["s3", "s1"], ["cat"], axis=1),
                                conv(("cat", "w2"), "q"), n("Relu", ["q"], ["r"])),
    "Slice of channels": rectified(n("Slice", ["e", "i1", "i3", "i1"], ["s"]), conv(("s", "w2x"), "q"), n("Relu", ["q"], ["r"])),
    "Slice of every second channel": rectified(n("Slice", ["e", "i1", "far", "i1", "i2"], ["s"]), conv(("s", "w2x"), "q"),
                                               n("Relu", ["q"], ["r"])),
    "Slice of channels backwards": rectified(n("Slice", ["e", "down", "min", "i1", "down"], ["s"]), conv(("s", "w2"), "q"),
                                             n("Relu", ["q"], ["r"])),
    "Slice of pixels": rectified(n("Slice", ["e", "starts", "ends", "hw"], ["s"]), conv(("s", "w2"), "q"), n("Relu", ["q"], ["r"])),
    "Slice of every second row": rectified(n("Slice", ["e", "starts", "ends", "hw", "steps"], ["s"]), conv(("s", "w1"), "q"),
                                           n("Relu", ["q"], ["r"])),
    "Slice of the image": [n("Slice", ["x", "i2", "i6", "i3"], ["s"]), conv(("s", "w", "b")), RELU, *tail()],
    "Gather": rectified(n("Gather", ["e", "order"], ["s"], axis=1), conv(("s", "w2"), "q"), n("Relu", ["q"], ["r"])),
    "a channel of the image": [n("Slice", ["x", "i1", "i2", "i1"], ["s"]), n("Mul", ["s", "two"], ["t"]),
                               n("Concat", ["t", "x"], ["u"], axis=1), conv(("u", "w4x"), "c"), RELU, *tail()],
    "dilation": body(RELU, dilations=[2, 1]),
    "dilation and stride": body(RELU, dilations=[1, 3], strides=[2, 1], pads=[0, 3, 1, 2]),
    "MaxPool": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[2, 2], strides=[2, 2])),
    "MaxPool with pads": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)),
    "MaxPool with pads on one side": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[3, 2], strides=[2, 1], pads=[0, 1, 1, 0])),
    "MaxPool with ceil_mode": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    "MaxPool with ceil_mode and pads": rectified(
        n("MaxPool", ["e"], ["r"], kernel_shape=[3, 3], strides=[3, 2], pads=[1, 1, 0, 0], ceil_mode=1)),
    "MaxPool SAME_LOWER": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")),
    "MaxPool with dilation": rectified(n("MaxPool", ["e"], ["r"], kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 2, 0, 2])),
    "MaxPool twice": rectified(n("MaxPool", ["e"], ["m"], kernel_shape=[2, 2]), n("MaxPool", ["m"], ["r"], kernel_shape=[3, 3])),
    "MaxPool before Relu": body(n("MaxPool", ["c"], ["m"], kernel_shape=[2, 2], strides=[2, 2]), n("Relu", ["m"], ["r"])),
    "MaxPool with pads before Relu": body(n("MaxPool", ["c"], ["m"], kernel_shape=[3, 3], pads=[1] * 4), n("Relu", ["m"], ["r"])),
    "MaxPool before batch norm and Relu": body(
        n("MaxPool", ["c"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        n("BatchNormalization", ["m", "positive", *NORM[1:]], ["t"]), n("Relu", ["t"], ["r"])),
    "MaxPool twice before Relu": body(n("MaxPool", ["c"], ["m"], kernel_shape=[2, 2]),
                                      n("MaxPool", ["m"], ["m2"], kernel_shape=[2, 2], strides=[2, 2]), n("Relu", ["m2"], ["r"])),
    "MaxPool after a clipped Relu": body(n("Clip", ["c", "zero", "six"], ["e"]), n("MaxPool", ["e"], ["r"], kernel_shape=[2, 2])),
    "MaxPool after batch norm": rectified(n("BatchNormalization", ["e", "positive", *NORM[1:]], ["t"]),
                                          n("MaxPool", ["t"], ["m"], kernel_shape=[3, 3], pads=[1] * 4), conv(("m", "w2"), "q"),
                                          n("Relu", ["q"], ["r"])),
    "MaxPool after AveragePool": rectified(n("AveragePool", ["e"], ["p"], kernel_shape=[2, 2]),
                                           n("MaxPool", ["p"], ["r"], kernel_shape=[2, 2])),
    "MaxPool of a sum": rectified(conv(("x", "w"), "d"), n("Relu", ["d"], ["h"]), n("Add", ["e", "h"], ["s"]),
                                  n("MaxPool", ["s"], ["r"], kernel_shape=[2, 2])),
    "MaxPool of Concat": two(n("MaxPool", ["cat"], ["r"], kernel_shape=[3, 3], pads=[1] * 4), *GLOBAL8),
    "Relu after MaxPool": rectified(n("MaxPool", ["e"], ["m"], kernel_shape=[2, 2]), n("Relu", ["m"], ["r"])),
    "GlobalMaxPool": rectified(n("GlobalMaxPool", ["e"], ["r"])),
    "ReduceMax": [conv(), n("Relu", ["c"], ["e"]), n("ReduceMax", ["e"], ["f"], axes=[2, 3], keepdims=0),
                  n("Gemm", ["f", "f4", "bias"], ["y"], transB=1)],
    "ReduceSum": [conv(), n("Relu", ["c"], ["e"]), n("ReduceSum", ["e", "hw"], ["f"], keepdims=0),
                  n("Gemm", ["f", "f4", "bias"], ["y"], transB=1)],
    "ReduceMean of an axis after the other": [
        *rectified(n("ReduceMean", ["e"], ["m"], axes=[3], keepdims=0), n("ReduceMean", ["m"], ["f2"], axes=[2], keepdims=0))[:-3],
        n("Gemm", ["f2", "f4", "bias"], ["y"], transB=1),
    ],
    "LeakyRelu": body(n("LeakyRelu", ["c"], ["r"], alpha=0.2)),
    "PRelu": body(n("PRelu", ["c", "slopes"], ["r"])),
    "LeakyRelu after Relu": rectified(n("LeakyRelu", ["e"], ["r"], alpha=0.2)),
    "Neg": body(n("Neg", ["c"], ["d"]), n("Relu", ["d"], ["r"])),
    "Sub of values": [conv(), conv(("x", "w"), "d"), n("Sub", ["c", "d"], ["s"]), n("Relu", ["s"], ["e"]),
                      n("Sub", ["e", "c"], ["t"]), n("Relu", ["t"], ["r"]), *tail()],
    "ConvTranspose": rectified(n("ConvTranspose", ["e", "t4", "bias4"], ["q"]), n("Relu", ["q"], ["r"])),
    "ConvTranspose with pads": rectified(n("ConvTranspose", ["e", "t4"], ["q"], pads=[1, 0, 2, 1]), n("Relu", ["q"], ["r"])),
    "ConvTranspose with dilation": rectified(n("ConvTranspose", ["e", "t4"], ["q"], dilations=[2, 1]), n("Relu", ["q"], ["r"])),
    "ConvTranspose in groups": rectified(n("ConvTranspose", ["e", "t2"], ["q"], group=2), n("Relu", ["q"], ["r"])),
    "ConvTranspose of one pixel": rectified(n("GlobalAveragePool", ["e"], ["p"]), n("ConvTranspose", ["p", "t4"], ["q"], strides=[2, 2]),
                                            n("Relu", ["q"], ["r"])),
    "ConvTranspose with stride": rectified(
        n("AveragePool", ["e"], ["p"], kernel_shape=[3, 3], strides=[2, 2]),
        n("ConvTranspose", ["p", "t4", "bias4"], ["q"], strides=[2, 1], pads=[1, 1, 0, 1], output_padding=[1, 0]),
        n("Relu", ["q"], ["r"])),
    "ConvTranspose with stride in groups": rectified(
        n("AveragePool", ["e"], ["p"], kernel_shape=[4, 4], strides=[2, 2]),
        n("ConvTranspose", ["p", "tg"], ["q"], strides=[2, 2], group=2), n("Relu", ["q"], ["r"])),
}  # fmt: skip
MORE = {"w7": (4, 7, 3, 3), "w4x": (4, 4, 3, 3)}


def own():
    rng = np.random.default_rng(9)
    return {
        **weights(),
        **{name: (rng.standard_normal(shape) * 0.2).astype(np.float32) for name, shape in MORE.items()},
    }


MOVES = {
    "blocks": np.array([-1, 4, 3, 2, 3, 2]), "deep": np.array([-1, 16, 3, 3]),
    "grid6": np.array([-1, 2, 2, 2, 7, 7]), "large": np.array([0, 2, 14, 14]),
}  # fmt: skip


def to_channels(perm):
    """Return a network that moves blocks of 2 x 2 pixels to channels, as PixelUnshuffle is exported."""
    return body(n("Relu", ["c"], ["q"]), n("Slice", ["q", "start", "end", "hw"], ["p"]), n("Reshape", ["p", "blocks"], ["v"]),
                n("Transpose", ["v"], ["u"], perm=perm), n("Reshape", ["u", "deep"], ["s"]), conv(("s", "from16"), "t"),
                n("Relu", ["t"], ["r"]))  # fmt: skip


def to_pixels(perm):
    """Return a network that moves groups of four channels to blocks of 2 x 2 pixels."""
    return body(conv(("c", "to8"), "q"), n("Reshape", ["q", "grid6"], ["v"]), n("Transpose", ["v"], ["u"], perm=perm),
                n("Reshape", ["u", "large"], ["s"]), conv(("s", "to4"), "t"), n("Relu", ["t"], ["r"]))  # fmt: skip


RESAMPLED = {
    "Resize by scales": (body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "", "twice"], ["r"], mode="nearest")), 17),
    "Resize to sizes": ([n("Shape", ["x"], ["n"], end=1), n("Concat", ["n", "tall"], ["goal"], axis=0),
                         *body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "", "", "goal"], ["r"], mode="linear"))], 18),
    "Resize of axes": (body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "", "", "goal2"], ["r"], axes=[2, 3])), 18),
    "Resize, cubic": (body(n("Resize", ["c", "", "twice"], ["q"], mode="cubic"), n("Relu", ["q"], ["r"])), 13),
    "Resize, opset 11": (body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "empty", "twice"], ["r"],
                              coordinate_transformation_mode="asymmetric", nearest_mode="floor")), 11),
    "Resize, opset 11, to sizes": (
        [n("Shape", ["x"], ["s"]), n("Gather", ["s", "first"], ["n"]), n("Concat", ["n", "tall"], ["goal"], axis=0),
         *body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "empty", "empty", "goal"], ["r"]))], 11
    ),
    "Resize, opset 10": (body(n("Relu", ["c"], ["q"]), n("Resize", ["q", "twice"], ["r"], mode="nearest")), 10),
    "Upsample, opset 9": (body(n("Relu", ["c"], ["q"]), n("Upsample", ["q", "twice"], ["r"], mode="nearest")), 9),
    "Upsample, opset 7": (body(n("Relu", ["c"], ["q"]), n("Upsample", ["q"], ["r"], scales=[1.0, 1.0, 2.0, 3.0])), 7),
    "DepthToSpace, DCR": (body(conv(("c", "to8"), "q"), n("DepthToSpace", ["q"], ["s"], blocksize=2),
                               conv(("s", "to4"), "t"), n("Relu", ["t"], ["r"])), 17),
    "DepthToSpace, CRD": (body(conv(("c", "to8"), "q"), n("DepthToSpace", ["q"], ["s"], blocksize=2, mode="CRD"),
                               conv(("s", "to4"), "t"), n("Relu", ["t"], ["r"])), 17),
    "SpaceToDepth": (body(n("Relu", ["c"], ["q"]), n("Slice", ["q", "start", "end", "hw"], ["p"]),
                          n("SpaceToDepth", ["p"], ["s"], blocksize=2), conv(("s", "from16"), "t"),
                          n("Relu", ["t"], ["r"])), 17),
    "SpaceToDepth by reshapes": (to_channels([0, 1, 3, 5, 2, 4]), 17),
    "SpaceToDepth by reshapes, blocks first": (to_channels([0, 3, 5, 1, 2, 4]), 17),
    "DepthToSpace by reshapes": (to_pixels([0, 1, 4, 2, 5, 3]), 17),
    "DepthToSpace by reshapes, columns first": (to_pixels([0, 1, 4, 3, 5, 2]), 17),
    "Pad, reflect": (body(n("Relu", ["c"], ["q"]), n("Pad", ["q", "around"], ["r"], mode="reflect")), 17),
    "Pad, edge": (body(n("Pad", ["c", "around"], ["q"], mode="edge"), n("Relu", ["q"], ["r"])), 17),
    "Pad, wrap": (body(n("Relu", ["c"], ["q"]), n("Pad", ["q", "around"], ["r"], mode="wrap")), 19),
    "Einsum": (body(n("Einsum", ["c", "f4"], ["q"], equation="bchw,oc->bohw"), conv(("q", "from5"), "t"),
                    n("Relu", ["t"], ["r"])), 17),
    "Einsum of features": ([*body(RELU)[:2], n("GlobalAveragePool", ["r"], ["g"]), n("Flatten", ["g"], ["f"]),
                            n("Einsum", ["f4", "f"], ["y"], equation="oi,bi->bo")], 17),
}  # fmt: skip


@pytest.mark.parametrize("form", RESAMPLED)
def test_pixels_are_moved_and_weighed_as_onnx_runtime_does(form, tmp_path):
    nodes, opset = RESAMPLED[form]
    rng = np.random.default_rng(3)
    own = {
        "twice": np.array([1, 1, 2, 2], np.float32), "tall": np.array([4, 5, 9]), "first": np.array([0]), "goal2": np.array([5, 9]),
        "empty": np.zeros(0, np.float32), "start": np.array([1, 0]), "end": np.array([7, 6]), "hw": np.array([2, 3]),
        "around": np.array([0, 0, 1, 2, 0, 0, 3, 1]), **MOVES,
        "to8": rng.normal(0, 0.5, (8, 4, 1, 1)).astype(np.float32),
        "to4": rng.normal(0, 0.5, (4, 2, 3, 3)).astype(np.float32),
        "from16": rng.normal(0, 0.5, (4, 16, 1, 1)).astype(np.float32),
        "from5": rng.normal(0, 0.5, (4, 5, 1, 1)).astype(np.float32),
    }  # fmt: skip
    path = model(tmp_path / "a.onnx", nodes, own=own, opset=opset)
    source, expected = read(path, RAW), session(path, pixels(SHAPE))
    assert np.abs(logits(source, pixels(SHAPE)) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    assert check_graph(source, None) < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    path = model(tmp_path / "a.onnx", FORMS[form], own=own())
    source, expected = read(path, RAW), session(path, pixels(SHAPE))
    assert np.abs(logits(source, pixels(SHAPE)) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    assert check_graph(source, None) < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("form", [form for form in FORMS if "MaxPool" in form and form != "ReduceMax"])
def test_a_max_pool_becomes_neurons_of_spikes(form, tmp_path):
    graph = read(model(tmp_path / "a.onnx", FORMS[form], own=own()), RAW).graph
    pools = maxima(graph)
    assert len(pools) >= 1
    for layer in pools:
        node = graph.nodes[layer]
        assert isinstance(node, IF)
        assert (node.reset, node.tie, node.theta.max(), node.v_init.max()) == ("zero", ">=", 1, 0)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (to_channels([0, 2, 4, 1, 3, 5]), r"\(Reshape\): takes \(N, 3, 3, 4, 2, 2\), reshaped from \(N, 4, 6, 6\); .*, as Pixel"),
        (to_channels([0, 1, 2, 3, 4, 5]), r"\(Reshape\): takes \(N, 4, 3, 2, 3, 2\), .* a convolution whose stride is its"),
        (to_pixels([0, 1, 4, 5, 2, 3]), r"\(Reshape\): takes \(N, 2, 7, 7, 2, 2\), reshaped"),
        (body(n("Reshape", ["c", "grid4x"], ["v"]), n("Relu", ["v"], ["r"])), r"\(Relu\): takes \(N, 2, 2, 7, 7, 1\), reshaped"),
        ([conv(), n("Reshape", ["c", "grid4x"], ["y"])], r"the output y: takes \(N, 2, 2, 7, 7, 1\), reshaped"),
        (body(n("Reshape", ["c", "groups"], ["v"]), n("InstanceNormalization", ["v", "i1", "i1"], ["u"]), n("Relu", ["u"], ["r"])),
         r"\(InstanceNormalization\): it normalises by statistics of the current input; use BatchNorm"),
        (body(n("ReduceMean", ["c"], ["m"], axes=[1, 2, 3]), n("Sub", ["c", "m"], ["u"]), n("Mul", ["u", "u"], ["r"])),
         r"\(Sub\): it normalises by statistics of the current input; use BatchNorm"),
    ],
)  # fmt: skip
def test_values_of_other_axes_are_refused_by_what_takes_them(nodes, message, tmp_path):
    own = {
        **MOVES, "start": np.array([1, 0]), "end": np.array([7, 6]), "hw": np.array([2, 3]),
        "from16": np.ones((4, 16, 1, 1), np.float32), "to8": np.ones((8, 4, 1, 1), np.float32),
        "to4": np.ones((4, 2, 3, 3), np.float32), "grid4x": np.array([-1, 2, 2, 7, 7, 1]), "groups": np.array([0, 2, -1]),
        "i1": np.ones(2, np.float32),
    }  # fmt: skip
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", nodes, own=own, opset=17), RAW)
