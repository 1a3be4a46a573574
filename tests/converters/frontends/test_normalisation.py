"""Batch norms with numbers that have no meaning, of every source format."""

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from spikelet.errors import ConversionError
from spikelet_converters.frontends.normalisation import normalisation
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.torch import from_module

FIELDS = ("weight", "bias", "running_mean", "running_var")
MESSAGES = {
    np.inf: "its weights contain NaN or infinity; train the network again",
    np.nan: "its weights contain NaN or infinity; train the network again",
    -1.0: "has a variance of -1 with eps = 1e-05; expected a sum above 0; train the network again, or set eps",
}


def test_the_equation_of_torch():
    torch.manual_seed(0)
    layer = nn.BatchNorm1d(5, eps=0.1).eval()
    for name in FIELDS:
        getattr(layer, name).data = torch.rand(5)
    x = torch.randn(3, 5)
    values = (getattr(layer, name).detach().numpy().astype(np.float64) for name in FIELDS)
    gamma, beta, mean, var = values
    gain, shift = normalisation("bn", mean, var, 0.1, gamma, beta)
    assert np.allclose(x.numpy() * gain + shift, layer(x).detach().numpy(), atol=1e-6)
    gain, shift = normalisation("bn", mean, var, 0.1, None, None)
    assert np.allclose(mean * gain + shift, 0)


def network(field, value):
    layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)).eval()
    getattr(layers[1], field).data[1] = value
    return layers


CASES = [(field, value) for field in FIELDS for value in (np.inf, np.nan)] + [("running_var", -1.0)]


@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_torch_network(field, value):
    with pytest.raises(ConversionError, match=rf"module 1 \(BatchNorm2d\): {MESSAGES[value]}"):
        from_module(network(field, value), (1, 5, 5))


@pytest.mark.parametrize(("field", "value"), CASES)
def test_an_onnx_model(field, value, tmp_path):
    state = network(field, value).state_dict()
    weights = {"kernel": state["0.weight"], **{name: state[f"1.{name}"] for name in FIELDS}}
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["a"]),
        helper.make_node("BatchNormalization", ["a", *FIELDS], ["b"], name="norm"),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    ends = (
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)]
        for name, shape in (("x", [None, 1, 5, 5]), ("y", None))
    )
    constants = [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in weights.items()]
    graph = helper.make_graph(nodes, "graph", *ends, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "a.onnx")
    with pytest.raises(ConversionError, match=rf"node norm \(BatchNormalization\): {MESSAGES[value]}"):
        read(tmp_path / "a.onnx")
