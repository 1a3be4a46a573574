"""Kinds of files that the converters read: checkpoints, weights, NIR, ONNX, studies and published figures."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hostile_data.kinds import Kind
from hostile_data.samples import Files
from studies import STUDY

SHAPE = (1, 6, 6)
PUBLISHED = b"""title = "Others"
about = "a"
differences = ["b"]
[[figure]]
method = "m"
network = "n"
source = "s"
float = 90.5
accuracy = { 1 = 80.1, 2 = 81 }
"""


def _written(name: str, write: Callable[[Path], object]) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return {name: (Path(folder) / name).read_bytes()}


def _model():
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 3))


def checkpoint() -> Files:
    """A checkpoint of the smallest network."""
    from spikelet_converters.source_model.networks import NetworkSpec
    from spikelet_converters.training.checkpoint import Checkpoint

    spec = NetworkSpec(model="vgg5", shape=(1, 8, 8), classes=3, mean=(80.0,), std=(70.0,), levels=4)
    network = spec.build()
    return _written("best.pt", Checkpoint(spec, network.state_dict(), {"data": "d"}, {}).save)


def weights(legacy: bool = False) -> Files:
    """The weights of a module, in the form of torch.save or in the one before."""
    import torch

    buffer = io.BytesIO()
    torch.save({"state_dict": _model().state_dict(), "epoch": 3}, buffer, _use_new_zipfile_serialization=not legacy)
    return {"w.pt": buffer.getvalue()}


def program() -> Files:
    """A program of torch.export."""
    import torch

    exported = torch.export.export(_model().eval(), (torch.zeros(1, *SHAPE),))
    return _written("a.pt2", lambda path: torch.export.save(exported, path))


def module() -> Files:
    """A whole module, pickled."""
    import torch

    buffer = io.BytesIO()
    torch.save(_model(), buffer)
    return {"w.pt": buffer.getvalue()}


def nir_file() -> Files:
    """A chain of the nodes of NIR."""
    import nir

    rng = np.random.default_rng(0)
    nodes = {
        "input": nir.Input(np.array([3])),
        "fc": nir.Affine(rng.standard_normal((4, 3)).astype(np.float32), np.zeros(4, np.float32)),
        "lif": nir.IF(r=np.full(4, 1e4), v_threshold=np.ones(4)),
        "output": nir.Output(np.array([4])),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    return _written("a.nir", lambda path: nir.write(path, nir.NIRGraph(nodes, edges)))


def onnx_file() -> Files:
    """A convolution, a ReLU and a linear layer."""
    from onnx_forms import model, n

    nodes = [
        n("Conv", ["x", "w", "b"], ["a"]),
        n("Relu", ["a"], ["r"]),
        n("GlobalAveragePool", ["r"], ["g"]),
        n("Flatten", ["g"], ["f"]),
    ]
    nodes += [n("Gemm", ["f", "f4", "bias"], ["y"], transB=1)]
    return _written("a.onnx", lambda path: model(path, nodes))


def _study(folder: Path) -> None:
    from spikelet_converters.study.config import read_study

    study = read_study(folder / "s.toml")
    for run in study.runs[:3]:
        run.make_baseline()
        run.as_dict()


def _published(folder: Path) -> None:
    from spikelet_converters.study.published import published_section

    published_section(folder / "p.toml")


def _checkpoint(folder: Path) -> None:
    from spikelet_converters.training.checkpoint import load_checkpoint

    load_checkpoint(folder / "best.pt").network()


def _weights(folder: Path) -> None:
    from spikelet_converters.weights import fit

    fit(folder / "w.pt", _model(), "the module")


def _source(folder: Path) -> None:
    from spikelet_converters.frontends.open import open_source

    source = open_source(str(next(path for path in folder.iterdir() if path.suffix in (".nir", ".onnx", ".pt2"))))
    assert source.graph.nodes


SOURCES: dict[str, Kind] = {
    "study": Kind(lambda: {"s.toml": STUDY.encode()}, {"": "toml"}, _study),
    "published": Kind(lambda: {"p.toml": PUBLISHED}, {"": "toml"}, _published),
    "checkpoint": Kind(checkpoint, {"": "torch"}, _checkpoint, "convert FILE -o /dev/null"),
    "weights": Kind(weights, {"": "torch"}, _weights),
    "weights legacy": Kind(lambda: weights(True), {"": "binary"}, _weights),
    "module": Kind(module, {"": "torch"}, _weights, "convert FILE -o /dev/null"),
    "program": Kind(program, {"": "torch"}, _source),
    "nir": Kind(nir_file, {"": "hdf5"}, _source),
    "onnx": Kind(onnx_file, {"": "onnx"}, _source),
}
