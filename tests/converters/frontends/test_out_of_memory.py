"""An import that runs out of memory raises an error that states this, whichever library it happens in."""

import nir
import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch

from converters_support import SHAPE, onnx_file
from spikelet.errors import ConversionError, OutOfMemory
from spikelet_converters.frontends.open import open_source

ERRORS = [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes")]
MODULE = """
from torch import nn

class Network(nn.Module):
    def forward(self, x):
        raise MemoryError
"""


@pytest.mark.parametrize("error", ERRORS, ids=["Python", "torch"])
@pytest.mark.parametrize(
    ("suffix", "package", "function"),
    [
        ("nir", nir, "dict2NIRNode"),
        ("onnx", onnx, "load"),
        ("onnx", onnxruntime, "InferenceSession"),
        ("pt2", torch.export, "load"),
    ],
)
def test_a_library_that_runs_out_of_memory(suffix, package, function, error, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise error

    path = tmp_path / f"a.{suffix}"
    if suffix == "onnx":
        weight = np.ones((3, int(np.prod(SHAPE))), np.float32)
        nodes = [
            onnx.helper.make_node("Flatten", ["x"], ["flat"]),
            onnx.helper.make_node("Gemm", ["flat", "w"], ["y"], transB=1),
        ]
        onnx_file(path, nodes, {"w": weight})
    elif suffix == "nir":
        nodes = {"input": nir.Input({"input": np.array([3])}), "output": nir.Output({"output": np.array([3])})}
        nir.write(path, nir.NIRGraph(nodes, [("input", "output")]))
    else:
        path.write_bytes(b"PK")
    monkeypatch.setattr(package, function, fail)
    with pytest.raises(OutOfMemory, match="out of memory"):
        open_source(str(path))


@pytest.mark.parametrize("text", [MODULE, "raise MemoryError"], ids=["forward", "file"])
def test_code_of_the_user_that_runs_out_of_memory(text, tmp_path):
    (tmp_path / "model.py").write_text(text)
    with pytest.raises(OutOfMemory, match="out of memory"):
        open_source(f"{tmp_path / 'model.py'}:Network", shape=(3, 8, 8))


HUGE = {
    "ConstantOfShape": (["sizes"], "[1048576, 1048576]"),
    "Expand": (["one", "sizes"], "[1048576, 1048576]"),
    "Tile": (["one", "sizes"], "[1048576, 1048576]"),
    "Pad": (["one", "pads"], "[2097153, 2097153]"),
    "Range": (["start", "limit", "step"], "[20000000000]"),
    "MatMul": (["column", "row"], "[262144, 4194304]"),
    "Mul": (["column", "row"], "[262144, 4194304]"),
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_constant_that_is_too_large_is_no_lack_of_memory(kind, tmp_path, monkeypatch):
    """Its shape is computed before its values, so that the error states what the file asks for."""
    inputs, shape = HUGE[kind]
    constants = {
        "sizes": np.array([1 << 20, 1 << 20]), "one": np.ones((1, 1), np.float32),
        "pads": np.array([0, 0, 1 << 21, 1 << 21]), "start": np.float32(0), "limit": np.float32(1e10),
        "step": np.float32(0.5), "column": np.zeros((1 << 18, 1), np.float32), "row": np.zeros((1, 1 << 22), np.float32),
    }  # fmt: skip
    nodes = [onnx.helper.make_node(kind, inputs, ["k"]), onnx.helper.make_node("Add", ["x", "k"], ["y"])]
    onnx_file(tmp_path / "a.onnx", nodes, {name: np.asarray(constants[name]) for name in inputs})
    monkeypatch.setattr(onnx.reference, "ReferenceEvaluator", None)  # nothing is computed
    with pytest.raises(ConversionError) as caught:
        open_source(str(tmp_path / "a.onnx"))
    assert f"node #0 ({kind}): computes a constant of shape {shape}, which is too large" in str(caught.value)


def test_a_large_constant_that_fits_is_computed(tmp_path):
    """Shapes are inferred for large constants only, and a constant of a known size is read."""
    nodes = [
        onnx.helper.make_node("Expand", ["one", "sizes"], ["k"]),
        onnx.helper.make_node("Mul", ["k", "w"], ["v"]),
        onnx.helper.make_node("Flatten", ["x"], ["f"]),
        onnx.helper.make_node("MatMul", ["f", "v"], ["a"]),
        onnx.helper.make_node("Relu", ["a"], ["r"]),
        onnx.helper.make_node("MatMul", ["r", "u"], ["y"]),
    ]
    features = int(np.prod(SHAPE))
    constants = {
        "one": np.full((1, 1), 0.5, np.float32), "sizes": np.array([features, 4]),
        "w": np.ones((features, 4), np.float32), "u": np.eye(4, 3, dtype=np.float32),
    }  # fmt: skip
    onnx_file(tmp_path / "a.onnx", nodes, constants)
    assert open_source(str(tmp_path / "a.onnx")).graph.classes == 3
