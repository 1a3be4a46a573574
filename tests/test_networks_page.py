"""Commands of docs/guides/networks.md and of the README run; the support page agrees with the importers."""

import re
import shlex
import sys
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from torch import nn

from converters_support import onnx_file
from spikelet import cli
from spikelet.data import ImageSet, arrays

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (3, 8, 8)
MODEL = """
from torch import nn
network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
"""
SPIKING = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch as snn
from torch import nn
step = nn.Sequential(nn.Linear(6, 8), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(8, 2))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the pages name."""
    from onnx import helper

    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    images = ImageSet(rng.integers(0, 256, (40, *SHAPE)).astype(np.uint8), rng.integers(0, 3, 40), None, "train")
    arrays.write(folder / "train.npz", images)
    (folder / "model.py").write_text(MODEL)
    (folder / "spiking.py").write_text(SPIKING)
    scope: dict = {}
    exec(MODEL, scope)
    network = scope["network"].eval()
    torch.save(network.state_dict(), folder / "weights.pt")
    torch.export.save(torch.export.export(network, (torch.zeros(2, *SHAPE),)), folder / "model.pt2")
    weights = {"w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32), "v": np.ones((3, 144), np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["y"], transB=1),
    ]
    onnx_file(folder / "model.onnx", nodes, weights, SHAPE)
    one = np.ones(4, np.float32)
    layers = [
        nir.Conv2d((8, 8), weights["w"], 1, 0, 1, 1, one),
        nir.Flatten(start_dim=0, input_type=np.array([4, 6, 6])),
    ]
    named = {"input": nir.Input({"input": np.array(SHAPE)})}
    named |= {"conv": layers[0], "if": nir.IF(np.full((4, 6, 6), 0.01), np.ones((4, 6, 6)))}
    named |= {"flat": layers[1], "fc": nir.Linear(weights["v"]), "output": nir.Output({"output": np.array([3])})}
    names = list(named)
    nir.write(folder / "network.nir", nir.NIRGraph(named, list(zip(names, names[1:])), type_check=False))  # noqa: B905, RUF007
    one, nine = np.ones(4, np.float32), np.full((4, 4), 0.1, np.float32)
    loop = {"input": nir.Input({"input": np.array([4])}), "lif": nir.LIF(one * 1e-3, one * 8, one * 0, one)}
    loop |= {"rec": nir.Linear(nine), "output": nir.Output({"output": np.array([4])})}
    edges = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    nir.write(folder / "braille.nir", nir.NIRGraph(loop, edges, type_check=False))
    np.save(folder / "inputs.npy", rng.integers(0, 2, (6, 2, 4)))
    events = {name: rng.integers(0, high, 50) for name, high in (("t", 1000), ("x", 8), ("y", 8), ("p", 3))}
    np.savez(folder / "events.npz", **events)
    return folder


def commands(page):
    text = (ROOT / page).read_text("utf-8")
    if page == "README.md":
        text = text.partition("## Bring your own network")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("spikelet ")]


@pytest.mark.parametrize("page", ["docs/guides/networks.md", "README.md"])
def test_every_command_of_the_page_works(page, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    lines = commands(page)
    assert len(lines) >= (3 if page == "README.md" else 8)
    for line in lines:
        if "spiking.py" in line:
            pytest.importorskip("snntorch")
        assert cli.main(shlex.split(line, comments=True)[1:]) == 0, line + capsys.readouterr().err
        capsys.readouterr()


def test_the_python_of_the_page_works(folder):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guides" / "networks.md").read_text("utf-8"), re.DOTALL)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    scope = {"network": network, "images": arrays.read(folder / "train.npz"), "path": folder / "python.snnb"}
    for block in (block for block in code if "from spikelet" in block):  # others need programs of `make peers`
        exec(block, scope)
    assert (folder / "python.snnb").exists()


def test_the_support_page_agrees_with_the_readers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import support

    try:
        assert (ROOT / "docs" / "reference" / "support.md").read_text("utf-8") == support.support(), (
            "run: python docs/support.py"
        )
    finally:
        sys.modules.pop("support", None)
