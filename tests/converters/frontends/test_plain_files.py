"""Plain networks from files: the imported graph computes the logits of the source."""

import numpy as np
import torch
from onnx import helper

from converters_support import SHAPE, onnx_file
from source_networks.relu import NORM, every_operator, residual_network, smooth_pixels
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.onnx import read as read_onnx
from spikelet_converters.frontends.torch import from_exported, from_module


def test_three_files_of_one_network_give_one_graph(tmp_path):
    network = residual_network(smooth_pixels())
    exported = torch.export.export(network, (torch.zeros(2, *SHAPE),))
    torch.export.save(exported, tmp_path / "a.pt2")
    a, b = from_module(network, SHAPE, NORM), from_exported(tmp_path / "a.pt2", NORM)
    pixels = torch.randint(0, 256, (4, *SHAPE)).float()
    answers = []
    for source in (a, b):
        analog = Analog(source.graph)
        answers.append(analog(pixels, analog.rectifier(source.relus)).numpy())
    assert np.allclose(answers[0], answers[1], atol=1e-5)
    assert sorted(v is None for v in a.relus.values()) == sorted(v is None for v in b.relus.values())


def test_every_operator_of_onnx_is_read_as_onnx_runtime_runs_it(tmp_path):
    source = read_onnx(every_operator(tmp_path / "a.onnx"), Preprocessing(scale=1.0))
    pixels = np.random.default_rng(1).integers(0, 256, (6, *SHAPE)).astype(np.float32)
    analog = Analog(source.graph)
    logits = analog(torch.from_numpy(pixels), analog.rectifier(source.relus))
    assert np.allclose(logits, source.logits(pixels), atol=1e-5), "logits, not probabilities"
    assert np.allclose(torch.softmax(logits, 1), source.predict(pixels), atol=1e-5)
    assert list(source.relus.values()) == [None, 6.0, None]
    assert source.notes == ("node #16 (Softmax): was left out: it does not change which logit is the largest",)


def test_a_quantised_onnx_file(tmp_path):
    """QuantizeLinear and DequantizeLinear around weights and activations, as exporters write them."""
    rng = np.random.default_rng(0)
    weights = {
        "qw": rng.integers(-127, 128, (4, 192)).astype(np.int8), "sw": np.float32(0.001), "zw": np.int8(0),
        "sa": np.float32(0.02), "za": np.uint8(0), "w2": rng.standard_normal((3, 4)).astype(np.float32),
    }  # fmt: skip
    n = helper.make_node
    nodes = [
        n("Flatten", ["x"], ["f"]), n("DequantizeLinear", ["qw", "sw", "zw"], ["w1"]),
        n("Gemm", ["f", "w1"], ["g"], transB=1), n("Relu", ["g"], ["r"]),
        n("QuantizeLinear", ["r", "sa", "za"], ["q"]), n("DequantizeLinear", ["q", "sa", "za"], ["d"]),
        n("Gemm", ["d", "w2"], ["y"], transB=1),
    ]  # fmt: skip
    source = read_onnx(onnx_file(tmp_path / "a.onnx", nodes, weights), Preprocessing())
    assert [round(cap, 4) for cap in source.relus.values()] == [5.1]
