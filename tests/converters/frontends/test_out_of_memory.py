"""An import that runs out of memory raises an error that states this, whichever library it happens in."""

import nir
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from converters_support import SHAPE, onnx_file
from spikelet.errors import OutOfMemory
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
        ("nir", nir, "read"),
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
    else:
        path.write_bytes(b"")
    monkeypatch.setattr(package, function, fail)
    with pytest.raises(OutOfMemory, match="out of memory"):
        open_source(str(path))


@pytest.mark.parametrize("text", [MODULE, "raise MemoryError"], ids=["forward", "file"])
def test_code_of_the_user_that_runs_out_of_memory(text, tmp_path):
    (tmp_path / "model.py").write_text(text)
    with pytest.raises(OutOfMemory, match="out of memory"):
        open_source(f"{tmp_path / 'model.py'}:Network", shape=(3, 8, 8))
