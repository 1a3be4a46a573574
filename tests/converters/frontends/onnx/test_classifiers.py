"""Fifteen public forms of classifiers are read unchanged: the imported graph computes the outputs of ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest
import torch

from onnx_forms import logits
from source_networks.classifiers import CLASSIFIERS, as_input, classifier, export, kinds
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

PIXELS = np.random.default_rng(1).integers(0, 256, (5, 1, 28, 28)).astype(np.float32)
ENDINGS = {"Softmax": lambda y: np.log(np.maximum(y, 1e-30)), "LogSoftmax": lambda y: y}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_imported_graph_is_the_network(name, tmp_path):
    torch.manual_seed(3)
    path = export(name, classifier(name, width=4), tmp_path / "a.onnx")
    runtime = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = runtime.run(None, {"x": as_input(name, PIXELS)})[0]
    source = read(path)
    check_graph(source, None)
    images = PIXELS.reshape(5, *source.shape)
    actual = logits(source, images)
    ending = ENDINGS.get(kinds(path)[-1])
    if ending is not None:  # up to a constant
        expected = ending(expected) - ending(expected).mean(1, keepdims=True)
        actual = actual - actual.mean(1, keepdims=True)
    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=2e-4 * np.abs(expected).max())
