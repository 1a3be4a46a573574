"""Operators of ONNX Runtime, on integers and fused, are read as those on floats: the outputs are those of ONNX Runtime."""

import numpy as np
import onnx
import pytest

from onnx_forms import RAW, RELU, body, conv, model, n, tail, weights
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

M = {"domain": "com.microsoft"}


def scales(activations, weights, per_channel):
    """Return the parameters of a quantised network: scales, zero points and weights."""
    count, rng = 4 if per_channel else 1, np.random.default_rng(0)
    low = 0 if activations is np.uint8 else -128
    zero = 128 if weights is np.uint8 else 0

    def integers(*shape):
        return (rng.integers(-100, 101, shape) + zero).astype(weights)

    own = {"z": np.array(low, activations), "m": np.array(low + 100, activations), "wz": np.full(count, zero, weights)}
    own |= {f"s{letter}": np.float32(scale) for letter, scale in zip("xabcdef", (1, 9, 5, 11, 6, 3, 1), strict=True)}
    own |= {"ws": (rng.random(count) * 0.002 + 0.002).astype(np.float32), "w": integers(4, 3, 3, 3),
            "v": integers(4, 4, 1, 1), "k": rng.integers(-900, 900, 4).astype(np.int32),
            "g": (rng.integers(-100, 101, (4, 5)) + zero).astype(weights), "gs": np.float32(0.004),
            "gz": np.array(zero, weights), "gk": rng.integers(-900, 900, 5).astype(np.int32)}  # fmt: skip
    return own


NETWORK = [
    n("QuantizeLinear", ["x", "sx", "z"], ["x8"]),
    n("QLinearConv", ["x8", "sx", "z", "w", "ws", "wz", "sa", "z", "k"], ["a8"], pads=[1] * 4, strides=[2, 2]),
    n("QLinearConv", ["a8", "sa", "z", "v", "ws", "wz", "sb", "m"], ["b8"]),
    n("QLinearAdd", ["a8", "sa", "z", "b8", "sb", "m", "sc", "z"], ["c8"], **M),
    n("MaxPool", ["c8"], ["p8"], kernel_shape=[2, 2]),
    n("QLinearConv", ["p8", "sc", "z", "v", "ws", "wz", "sd", "z"], ["d8"]),
    n("QLinearAveragePool", ["d8", "sd", "z", "se", "z"], ["e8"], kernel_shape=[2, 2], **M),
    n("QLinearGlobalAveragePool", ["e8", "se", "z", "sf", "z"], ["g8"], **M),
    n("Flatten", ["g8"], ["f8"]),
]
LINEAR = n("QGemm", ["f8", "sf", "z", "g", "gs", "gz", "gk"], ["y"], alpha=0.5, **M)
PRODUCT = [n("QLinearMatMul", ["f8", "sf", "z", "g", "gs", "gz", "sd", "m"], ["y8"]),
           n("DequantizeLinear", ["y8", "sd", "m"], ["y"])]  # fmt: skip


@pytest.mark.parametrize("ending", [[LINEAR], PRODUCT], ids=["QGemm", "QLinearMatMul"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("types", [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)], ids=str)
def test_integers(types, per_channel, ending, tmp_path):
    path = model(tmp_path / "a.onnx", [*NETWORK, *ending], own=scales(*types, per_channel))
    source = read(path, RAW)
    assert check_graph(source, None) < 1e-3
    assert len(source.graph.spiking) == 4  # of three convolutions and sums, and of the max pool


def few_bits(bits, zero, block=16):
    """Return a network of one product with weights of a few bits, with zero points that are left out, packed or real."""
    blocks, rng = 36 // block + 1, np.random.default_rng(bits)
    own = {"q": rng.integers(0, 256, (4, blocks, block * bits // 8)).astype(np.uint8),
           "qs": (rng.random(4 * blocks) * 0.01).astype(np.float32),
           "packed": rng.integers(0, 256, 4 * -(-blocks * bits // 8)).astype(np.uint8),
           "real": rng.random((4, blocks)).astype(np.float32) * 9, "b4": rng.random(4).astype(np.float32)}  # fmt: skip
    inputs = ["f", "q", "qs", *([] if zero is None else [zero])]
    nodes = [conv(strides=[3, 3]), RELU, n("Flatten", ["r"], ["f"]),
             n("MatMulNBits", inputs, ["y"], N=4, K=36, bits=bits, block_size=block, **M)]  # fmt: skip
    return nodes, own


@pytest.mark.parametrize(("bits", "zero"), [(4, None), (4, "packed"), (4, "real"), (8, None), (8, "packed")])
def test_few_bits(bits, zero, tmp_path):
    nodes, own = few_bits(bits, zero)
    assert check_graph(read(model(tmp_path / "a.onnx", nodes, own=own), RAW), None) < 1e-3


def test_constants_that_are_declared_as_inputs(tmp_path):
    """Files of IR 3 declare all of them, also those of operators that are replaced."""
    nodes, own = few_bits(4, "packed")
    path = model(tmp_path / "a.onnx", nodes, own=own)
    file = onnx.load(path)
    file.ir_version = 3
    file.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in file.graph.initializer
    )
    onnx.save(file, path)
    assert check_graph(read(path, RAW), None) < 1e-3


@pytest.mark.parametrize(("activation", "parameters"), [("Relu", None), ("LeakyRelu", [0.2]), ("Clip", [0.0, 2.0])])
def test_fused(activation, parameters, tmp_path):
    options = {"activation": activation} | ({"activation_params": parameters} if parameters else {})
    nodes = [conv(), n("Relu", ["c"], ["q"]), n("Conv", ["q", "w1x1"], ["t"]),
             n("FusedConv", ["q", "w1x1", "", "t"], ["r"], **options, **M), *tail()]  # fmt: skip
    assert check_graph(read(model(tmp_path / "a.onnx", nodes), RAW), None) < 1e-3


def test_joined(tmp_path):
    own = scales(np.uint8, np.uint8, per_channel=False)
    own["g"] = np.concatenate([own["g"]] * 2)
    joined = [n("QLinearConcat", ["sd", "z", "d8", "sd", "z", "p8", "sc", "z"], ["j8"], axis=1, **M),
              n("QLinearGlobalAveragePool", ["j8", "sd", "z", "sf", "z"], ["g8"], **M)]  # fmt: skip
    nodes = [*NETWORK[:6], *joined, NETWORK[-1], LINEAR]
    source = read(model(tmp_path / "a.onnx", nodes, own=own), RAW)
    assert check_graph(source, None) is not None  # values of two scales are at ties


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([n("QLinearConv", ["x8", "sx", "z", "w", "r", "wz", "sa", "z"], ["y"])], "its input 4 .r. to be a constant"),
        ([n("QLinearGlobalAveragePool", ["x8", "sx", "z", "sa", "z"], ["y"], channels_last=1, **M)],
         "takes channels last; the file was optimised for one processor"),
        ([n("NhwcMaxPool", ["x8"], ["y"], **M)], "the file was optimised for one processor; .* ORT_ENABLE_EXTENDED"),
        ([n("MatMulNBits", ["r", "w", "ws"], ["y"], N=4, K=36, bits=3, block_size=16, **M)], "has weights of 3 bits"),
        ([n("MatMulNBits", ["r", "w", "ws"], ["y"], N=4, K=36, bits=4, block_size=16, **M)], "does not fit its operator"),
        ([n("MatMulNBits", ["r", "w", "ws"], ["y"], N=4, K=36, block_size=0, **M)], "does not fit its operator .*zero"),
        ([n("QGemm", ["x8"], ["y"], **M)], "its input 1 .. to be a constant"),
        ([n("QLinearAdd", [], ["y"], **M)], "its input 1 .. to be a constant"),
        ([n("FusedConv", ["r", "w1x1"], ["y"], activation="HardSigmoid", **M)], "is followed by HardSigmoid"),
        ([n("DynamicQuantizeLinear", ["r"], ["y", "s", "t"])], "its scale depends on the current input"),
    ],
)  # fmt: skip
def test_refusals(nodes, message, tmp_path):
    own = scales(np.uint8, np.uint8, per_channel=False)
    network = [*body(RELU)[:2], n("QuantizeLinear", ["r", "sx", "z"], ["x8"]), *nodes]
    with pytest.raises(ConversionError, match=f"^node #[0-3] .*{message}"):
        read(model(tmp_path / "a.onnx", network, own={**own, "w": weights()["w"]}), RAW)
