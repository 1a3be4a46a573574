"""Names of files and folders that are not valid text, or have control characters: every output is valid text."""

from __future__ import annotations

import json
import os
import sys
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from networks import Builder
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.data import ImageSet
from spikelet.escapes import printable
from spikelet.verify import record_golden

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.getfilesystemencoding() != "utf-8", reason="needs file names of any bytes"
)
NAME, SHOWN = os.fsdecode(b"a\xff\x1b"), "a\\xff\\x1b"
RUN = ["--steps", "1", "--engine", "numpy"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with a bundle, images in folders of classes, and an array, all named NAME."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("names")
    rng = np.random.default_rng(0)
    net = Builder((3, 6, 6), rng)
    net.conv("conv", 2)
    net.neuron("if1", scale=900)
    graph = net.graph(2)
    golden = record_golden(graph, np.zeros((1, 3, 6, 6), np.float32), 2)
    write(Bundle(graph, Manifest("small", None, 8, exact_steps(graph)), golden, ""), folder / f"{NAME}.snnb")
    pixels = rng.integers(0, 256, (2, 6, 6, 3), np.uint8)
    for label, picture in enumerate(pixels):
        (folder / NAME / f"{NAME}{label}").mkdir(parents=True)
        image.fromarray(picture).save(folder / NAME / f"{NAME}{label}" / f"{NAME}.png")
    np.savez(folder / f"{NAME}.npz", images=pixels.transpose(0, 3, 1, 2), labels=np.arange(2))
    return folder


@pytest.fixture
def folder(source, monkeypatch):
    monkeypatch.chdir(source)
    return source


def call(*arguments):
    """Run a command without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main([str(argument) for argument in arguments]) == 0


def test_a_report_and_its_figures(folder):
    faults, page, figures = f"{NAME}.json", f"{NAME}.html", f"{NAME} figures"
    few = ["--seeds", 0, "--faults", "dropped", "--levels", 0.1]
    call("robustness", f"{NAME}.snnb", NAME, "--steps", 1, *few, "-o", faults)
    assert json.loads((folder / faults).read_text())["data"] == SHOWN
    call("report", f"{NAME}.snnb", NAME, *RUN, "--no-latency", "--robustness", faults, "--figures", figures, "-o", page)
    assert SHOWN in (folder / page).read_text("utf-8")
    for drawing in (folder / figures).glob("*.svg"):
        ElementTree.fromstring(drawing.read_text("utf-8"))


def test_a_converted_bundle(folder):
    call("convert", f"{NAME}.snnb", "--copies", 2, "--data", NAME, "-o", f"{NAME}2.snnb")
    manifest = read(folder / f"{NAME}2.snnb").manifest
    assert manifest.name == f"{SHOWN}2"
    assert manifest.results[0]["data"] == SHOWN


def test_names_of_classes(folder):
    names = f"{NAME},b"
    call("run", f"{NAME}.snnb", f"{NAME}.npz", *RUN, "--classes", names)
    images = ImageSet(np.zeros((1, 1, 1, 1), np.uint8), None, (NAME, "b"), NAME)
    assert (images.name, images.classes) == (SHOWN, (SHOWN, "b"))
    assert images.renamed("\n").name == "\\n"


def test_brian2_does_not_see_the_command_line(tmp_path, monkeypatch):
    """It copies the script and its arguments to a file when it is imported."""
    from spikelet_converters.brian2 import simulator

    (tmp_path / "brian2.py").write_text("import sys\narguments = list(sys.argv)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(simulator, "keep_statements", lambda: None)
    monkeypatch.setattr(simulator, "keep_templates", lambda: None)
    monkeypatch.setattr(sys, "argv", [__file__, NAME])
    monkeypatch.setitem(sys.modules, "brian2", None)  # restored after the test
    del sys.modules["brian2"]
    assert simulator.load().arguments == [""]
    assert sys.argv == [__file__, NAME]


def test_json_has_no_single_surrogates(folder, capsys):
    call("export", "c", f"{NAME}.snnb", f"{NAME} c", "--json")
    assert "a\\xff\x1b c" in json.loads(capsys.readouterr().out)["folder"]
    assert cli.main(["run", f"missing {NAME}.snnb", "--json"]) == 2
    assert "missing a\\xff\x1b.snnb" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("text", [chr(0xD800), chr(0xDCFF), chr(0xDC7F), "\x9b", "\u2028", "\u202e"])
def test_printable_text_can_be_encoded(text):
    assert printable(f"a{text}b").encode().decode().isprintable()
    assert printable(text, text) == text
