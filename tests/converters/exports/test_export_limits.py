"""Exports refuse a network whose text or model needs more memory than the limits permit, before they build it."""

import numpy as np
import pytest

from c_projects import c_project
from counts.calls import peak_bytes
from networks import Builder, small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.deploy.firmware import c_files
from spikelet.files.atomic import write_files
from spikelet.limits import MAX_MEMORY
from spikelet.lowering.c import project
from spikelet.lowering.c.project import CHUNK, numbers
from spikelet.nodes import Flatten, SumPool2d
from spikelet.verify import record_golden


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bundles by name: a small network, one with many copies without a closed form, and one with a large pool."""
    folder = tmp_path_factory.mktemp("limits")
    rng = np.random.default_rng(0)
    copied = Builder((3, 2, 2), rng)
    copied.neuron("if1", copies=40)
    pooled = Builder((1, 99, 99), rng)
    pooled.add("pool", SumPool2d((99, 99), (1, 1)))
    pooled.neuron("if1")
    for name, graph in (("small", small_graph()), ("copied", copied.graph()), ("pooled", pooled.graph())):
        pixels = np.zeros((1, *graph.input.shape), np.float32)
        manifest = Manifest(name, None, 8, exact_steps(graph))
        write(Bundle(graph, manifest, record_golden(graph, pixels, 1), ""), folder / f"{name}.snnb")
    return folder


EXPORTS = {"c": "C source of", "c --mcu": "C source of", "nir": "the network as NIR", "onnx": "an ONNX model of"}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize(("name", "limit"), [("small", 2_000), ("copied", 20_000), ("pooled", 30_000)])
def test_exports_beyond_the_limit_are_refused(files, export, name, limit, tmp_path, monkeypatch, capsys):
    """The pool is a convolution in ONNX only; the other formats write a channel for each copy."""
    pytest.importorskip("nir")
    form, *options = export.split()
    line = [
        "export",
        form,
        str(files / f"{name}.snnb"),
        str(tmp_path / ("out.nir" if form == "nir" else "out")),
        *options,
    ]
    monkeypatch.setenv(MAX_MEMORY, str(limit))
    applies = {"small": True, "copied": form != "onnx", "pooled": form in ("onnx", "nir")}[name]
    assert cli.main(line) == (1 if applies else 0)
    if applies:
        message = capsys.readouterr().err
        assert "the limit is at most" in message
        assert EXPORTS[export] in message or "the expanded network" in message
        assert not (tmp_path / "out").exists()
    monkeypatch.setenv(MAX_MEMORY, "100M")
    assert cli.main(line) == 0


@pytest.mark.parametrize("values", [[0], [-5, 100], [-100, 5], [7] * 200, list(range(-40 * CHUNK, 3 * CHUNK))])
def test_numbers_are_the_values_in_lines_of_limited_length(values):
    text = numbers(np.array(values, np.int32))
    assert [int(number) for number in text.split(",")] == values
    assert max(map(len, text.splitlines())) <= 116


@pytest.mark.parametrize("form", ["host", "mcu"])
def test_the_text_of_the_weights_is_written_piece_by_piece(form, tmp_path, monkeypatch):
    """It has 4 bytes for each of 100,000 weights; joined from lines, it needed 15."""
    monkeypatch.setattr(project, "CHUNK", 16)
    net = Builder((1, 20, 20), np.random.default_rng(0))
    net.add("flat", Flatten())
    net.linear("fc", 250)
    net.neuron("if1")
    graph = net.graph()
    bundle = Bundle(
        graph,
        Manifest("large", None, 8, exact_steps(graph)),
        record_golden(graph, np.zeros((1, 1, 20, 20), np.float32), 1),
        "",
    )
    files, _ = c_files(bundle, form)
    used = peak_bytes(lambda: write_files(tmp_path, files))
    assert used < 5 * 100_000
    assert (
        (tmp_path / "model_weights.c").read_text()
        == str(files["model_weights.c"])
        == c_project(bundle, form)[0]["model_weights.c"]
    )
