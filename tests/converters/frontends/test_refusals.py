"""Unsupported layers raise an error that names the layer, its location and an alternative."""

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from converters_support import SHAPE, onnx_file
from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx import read as read_onnx
from spikelet_converters.frontends.torch import from_module, from_program

W = {"w": np.ones((4, 3, 3, 3), np.float32), "k": np.float32(0.1), "v": np.ones((4, 36), np.float32)}


def conv(*nodes, **attributes):
    """Return a convolution from x to c, followed by the given nodes."""
    return [helper.make_node("Conv", ["x", "w"], ["c"], **attributes), *nodes]


def node(kind, inputs=("c",), **attributes):
    return helper.make_node(kind, list(inputs), ["y"], name=f"the_{kind}", **attributes)


def after(kind):
    return helper.make_node(kind, ["y"], ["z"])


ONNX_CASES = [
    ("MaxPool", conv(node("MaxPool", kernel_shape=[2, 2])), "put a ReLU directly before or after it"),
    ("Elu", conv(node("Elu")), "fine-tune with Relu"),
    ("Sigmoid", conv(node("Sigmoid"), after("Relu")), "fine-tune with Relu"),
    ("Softmax", conv(node("Softmax"), after("Relu")), "expected the classes, axis 1 of (N, K)"),
    ("Tanh", conv(node("Tanh"), after("Relu")), "fine-tune with Relu"),
    ("Concat", conv(node("Concat", ["c", "c"], axis=0)), "expected the channels"),
    ("Mul", conv(node("Mul", ["c", "c"])), "fold constant factors into the weights"),
    ("Transpose", conv(node("Transpose", perm=[1, 0, 2, 3])), "expected the batch to stay first"),
    ("InstanceNormalization", conv(node("InstanceNormalization", ["c", "g", "g"])), "use BatchNormalization"),
    ("Resize", conv(node("Resize", ["c", "", "deep"])), "expected sizes of height and width alone"),
    ("Resize", conv(node("Resize", ["c", "", "huge"])), "use a smaller image, or sizes that divide it"),
    (
        "Resize",
        conv(node("Resize", ["c", "box", "s"], coordinate_transformation_mode="tf_crop_and_resize")),
        "another transformation",
    ),
    (
        "DepthToSpace",
        conv(node("DepthToSpace", blocksize=3)),
        "takes (N, C, H, W) with a multiple of 9 channels, found (N, 4, 6, 6)",
    ),
    (
        "SpaceToDepth",
        conv(node("SpaceToDepth", blocksize=4)),
        "divides (6, 6) pixels into blocks of 4; expected a multiple",
    ),
    ("Pad", conv(node("Pad", ["c", "p"], mode="reflect")), "more than the image of (6, 6) pixels has"),
    ("Pad", conv(node("Pad", ["c", "p1", "one"])), "expected zeros, which a convolution adds"),
    (
        "Einsum",
        conv(node("Einsum", ["c", "c"], equation="bchw,bchw->bchw")),
        "takes a product of activations; expected a sum with constant weights",
    ),
    (
        "Einsum",
        conv(node("Einsum", ["c", "row"], equation="bchw,w->chb")),
        "with the batch first",
    ),
    ("Clip", conv(node("Clip", ["c", "k", "k"])), "expected a larger upper bound"),
    ("AveragePool", conv(node("AveragePool", kernel_shape=[5, 5], pads=[2] * 4)), "or count the zeros"),
    ("GlobalMaxPool", conv(node("GlobalMaxPool")), "use --max-pool pairs"),
    ("ReduceMean", conv(node("ReduceMean", axes=[0])), "expected height and width (2, 3)"),
    ("Flatten", conv(node("Flatten", axis=2)), "expected 1"),
    ("Exp", conv(node("Exp")), "write a softmax at the end as one operation"),
    ("Sin", conv(node("Sin")), "see docs/reference/support.md for the supported layers"),
]


@pytest.mark.parametrize(("kind", "nodes", "way_out"), ONNX_CASES, ids=[f"{case[0]}: {case[2]}" for case in ONNX_CASES])
def test_an_onnx_operator(tmp_path, kind, nodes, way_out):
    weights = {
        **W, "v4": np.ones((4, 2, 2, 2), np.float32), "g": np.ones(4, np.float32),
        "s": np.array([1, 1, 2, 2], np.float32), "p": np.array([0, 0, 6, 1, 0, 0, 1, 1]),
        "deep": np.array([1, 2, 1, 1], np.float32), "huge": np.array([1, 1, 1e6, 1e6], np.float32),
        "p1": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "one": np.float32(1), "row": np.ones(6, np.float32),
        "box": np.zeros(8, np.float32),
    }  # fmt: skip
    used = {name for item in nodes for name in item.input}
    path = onnx_file(
        tmp_path / "a.onnx", nodes, {k: v for k, v in weights.items() if k in used}, output=nodes[-1].output[0]
    )
    with pytest.raises(ConversionError) as caught:
        read_onnx(path)
    assert f"node the_{kind} ({kind}): " in str(caught.value)
    assert way_out in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"kernel_shape": [2, 3]}, r"node #0 \(Conv\): kernel_shape differs from the shape of its weights"),
        ({"auto_pad": "SAME"}, r"node #0 \(Conv\): auto_pad SAME is not supported; export it with explicit pads"),
        ({"pads": [1, 1, -1, 0]}, r"node #0 \(Conv\): pads \[1, 1, -1, 0\] remove pixels"),
    ],
)
def test_an_onnx_convolution(tmp_path, attributes, message):
    path = onnx_file(tmp_path / "a.onnx", conv(**attributes), {"w": W["w"]}, output="c")
    with pytest.raises(ConversionError, match=message):
        read_onnx(path)


def test_an_onnx_file_of_open_shape(tmp_path):
    path = onnx_file(tmp_path / "a.onnx", conv(), {"w": W["w"]}, shape=(3, "H", "W"), output="c")
    with pytest.raises(ConversionError, match="has no fixed shape; give one with --input CxHxW"):
        read_onnx(path)
    with pytest.raises(ConversionError, match="is open.*, found --input 4x8x8"):
        read_onnx(path, shape=(4, 8, 8))


class Forward(nn.Module):
    """A convolution followed by the function of a test."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, x):
        return self.function(self.conv(x))


TORCH_CASES = [
    ("max_pool2d", lambda x: nn.functional.max_pool2d(x, 2), "--max-pool pairs"),
    ("softmax", lambda x: torch.softmax(x, 1), "expected the classes, axis 1 of (N, K)"),
    ("softmax", lambda x: torch.relu(torch.softmax(x, 1)), "one at the end, of the logits, is left out"),
    ("mul", lambda x: x * x, "fold the factor into the weights"),
    ("cat", lambda x: torch.cat([x, x], 0), "expected the channels"),
    ("exp", torch.exp, "write a softmax at the end as one operation"),
    ("sin", torch.sin, "see docs/reference/support.md for the supported layers"),
]


@pytest.mark.parametrize(
    ("kind", "function", "way_out"), TORCH_CASES, ids=[f"{case[0]} {case[2]}" for case in TORCH_CASES]
)
def test_a_call_of_an_exported_program(kind, function, way_out):
    program = torch.export.export(Forward(function).eval(), (torch.zeros(2, *SHAPE),))
    with pytest.raises(ConversionError, match=f"`{kind}` at node {kind}.* of the exported program") as caught:
        from_program(program)
    assert way_out in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "way_out"),
    [
        (nn.ELU(), "its output may be negative"),
        (nn.GELU(), "fine-tune with ReLU in its place"),
        (nn.SiLU(), "fine-tune with ReLU in its place"),
        (nn.Sigmoid(), "use ReLU, which a spike rate approximates"),
        (nn.GroupNorm(2, 4), "use batch norm"),
        (nn.LayerNorm([4, 6, 6]), "use batch norm, which is folded into weights, and train again"),
        (nn.InstanceNorm2d(4), "use batch norm"),
        (nn.Upsample(scale_factor=1e6), "use a smaller image, or sizes that divide it"),
        (nn.ReflectionPad2d(6), "more than the image of (6, 6) pixels has"),
        (nn.PixelShuffle(3), "with a multiple of 9 channels, found (N, 4, 6, 6)"),
        (nn.LazyConv2d(4, 3), "call the network once on an input"),
        (nn.LocalResponseNorm(2), "use batch norm"),
        (nn.LPPool2d(2, 2), "use AvgPool2d"),
        (nn.FractionalMaxPool2d(2, output_size=3), "use MaxPool2d"),
        (nn.Softmax(1), "one at the end, of the logits, is left out"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_torch_layer(layer, way_out):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), layer, nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(ConversionError, match=rf"module 2 \({type(layer).__name__}") as caught:
        from_module(network, SHAPE)
    assert way_out in str(caught.value)


@pytest.mark.parametrize(
    "widen", [lambda x: x[:, :, None, None], lambda x: x.view(-1, 4, 1, 1), lambda x: x.unsqueeze(-1).unsqueeze(-1)]
)
def test_features_that_become_an_image(widen):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

        def forward(self, x):
            x = torch.relu(self.conv(x))
            return torch.relu(x + widen(self.fc(x.mean((2, 3))))).flatten(1)

    with pytest.raises(
        ConversionError, match=r"expected features to stay \(N, 4\); .* Conv2d with a kernel of 1 in place"
    ):
        from_module(Network(), SHAPE)


def test_pixels_that_become_features():
    class Network(nn.Module):
        def forward(self, x):
            return torch.relu(x).flatten(2).transpose(1, 2)

    with pytest.raises(ConversionError, match=r"the output: takes pixels as one axis \(N, C, H·W\); expected"):
        from_module(Network(), SHAPE)


def test_channels_that_are_shuffled_along_another_axis():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Permuted(), nn.ChannelShuffle(3), nn.Flatten())
    with pytest.raises(ConversionError, match=r"ChannelShuffle\): shuffles along axis 1"):
        from_module(network, SHAPE)


class Permuted(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 1, 3)


def test_a_call_is_named_with_its_line():
    """The innermost line outside torch; the call of a module that torch's containers make has none."""

    class Network(nn.Module):
        def forward(self, x):
            return self.shifted(x.flatten(1))

        def shifted(self, x):
            return torch.sin(x)

    line = Network.shifted.__code__.co_firstlineno + 1
    with pytest.raises(ConversionError) as caught:
        from_module(Network(), SHAPE)
    assert f'"{__file__}", line {line}, in shifted return torch.sin(x)' in str(caught.value)
    with pytest.raises(ConversionError) as caught:
        from_module(nn.Sequential(nn.Flatten(), nn.GELU()), SHAPE)
    assert ", line " not in str(caught.value)
