"""Deployment to boards: the written folder runs, and says what it needs."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    graph = small_graph()
    golden = record_golden(graph, RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
    manifest = Manifest("small", ("ant", "bee", "cat"), 8, exact_steps(graph))
    write(Bundle(graph, manifest, golden, "# small\n"), tmp_path / "small.snnb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder, *arguments):
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "SPIKELET_CFLAGS": "-O0"}
    return subprocess.run(
        ["./start.sh", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_folder_runs_by_itself(workspace):
    assert cli.main(["deploy", "small.snnb", "--target", "x86", "-o", "board.tar.gz", "--json"]) == 0
    with tarfile.open(workspace / "board.tar.gz") as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
        tar.extractall(workspace / "there")
    folder = workspace / "there" / "board"
    assert {path.name for path in folder.iterdir()} >= {"app", "model.snnb", "start.sh", "README.md"}
    assert not (folder / "app" / "spikelet" / "converters").exists()
    done = start(folder)
    assert done.returncode == 0, done.stderr
    assert "native ok: 0 differing spikes" in done.stdout
    done = start(folder, "inspect", "--json")
    assert json.loads(done.stdout)["labels"] == ["ant", "bee", "cat"]
    # nothing is read from the folder in which it was built
    code = "import sys, spikelet; print(spikelet.__file__)"
    app = {"PYTHONPATH": str(folder / "app"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=app, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == str(folder / "app" / "spikelet" / "__init__.py")


def test_without_a_cross_compiler_the_board_compiles(workspace, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["deploy", "small.snnb", "--target", "jetson", "-o", "board"]) == 0
    assert "not compiled here; the board compiles the network at the first start" in capsys.readouterr().out
    assert "requires `gcc` on the board" in (workspace / "board" / "README.md").read_text()


def test_a_float32_network_promises_no_compilation(workspace, monkeypatch, capsys):
    graph = small_graph(exact=False)
    golden = record_golden(graph, RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
    write(Bundle(graph, Manifest("soft", None, None, None), golden, "# soft\n"), workspace / "soft.snnb")
    for board, path in (("here", os.environ["PATH"]), ("board", "/nowhere")):  # with and without a compiler
        with monkeypatch.context() as patch:
            patch.setenv("PATH", path)
            assert cli.main(["deploy", "soft.snnb", "--target", "x86", "-o", board]) == 0
        printed, readme = capsys.readouterr().out, (workspace / board / "README.md").read_text()
        assert "a float32 network is not compiled: engines onnx and numpy run it" in printed
        assert "| none: a float32 network is not compiled" in readme
        for text in (printed, readme):
            assert "compiles" not in text
            assert "at the first start" not in text
            assert "gcc" not in text
    done = start(workspace / "board", "verify", "--engine", "numpy")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", ["jetson", "raspberrypi", "generic-arm64", "x86"])
def test_the_readme_of_a_board_has_a_way_to_a_newer_python(workspace, monkeypatch, target):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["deploy", "small.snnb", "--target", target, "-o", "board"]) == 0
    readme = (workspace / "board" / "README.md").read_text()
    assert "uv venv --python 3.12 env" in readme
    assert "NumPy 1.24 or later" in readme
    environment = {"PATH": os.defpath, "PYTHON": "no-such-python"}
    done = subprocess.run(
        ["sh", "board/start.sh"], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr[:32]) == (1, "no-such-python: no such command;")
    old = workspace / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    environment = {"PATH": os.defpath, "PYTHON": str(old)}
    done = subprocess.run(
        ["sh", "board/start.sh"], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"Python 3.11 or later is required, {old} is older: see README.md" in done.stderr


def test_a_microcontroller_gets_c(workspace):
    assert cli.main(["deploy", "small.snnb", "--target", "cortex-m", "-o", "board"]) == 0
    done = subprocess.run(["make", "-C", "board", "test"], capture_output=True, text=True, check=True)
    assert "pass: 2 images" in done.stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deploy small.snnb --target x86 -o .", ".: already exists"),
        ("deploy small.snnb --target x86 -o none/board", "none: no such folder"),
        ("watch small.snnb small.snnb", "small.snnb: is a file; watch takes a folder"),
        ("watch small.snnb . --frame 6x6", "the source is a folder"),
        ("watch small.snnb - --frame 6", "expected a size such as 640x480, found '6'"),
    ],
)
def test_invalid_calls_are_refused(workspace, capsys, line, message):
    assert cli.main(line.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("target", "compiled"), [("x86", True), ("generic-arm64", False)])
def test_the_service_of_systemd_starts_the_folder(workspace, monkeypatch, target, compiled):
    if not compiled:
        monkeypatch.setattr("shutil.which", lambda name: None)
    assert cli.main(["deploy", "small.snnb", "--target", target, "-o", "board"]) == 0
    monkeypatch.undo()
    text = (workspace / "board" / "spikelet.service").read_text()
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    assert unit["Service"]["ExecStart"] == "/opt/spikelet/start.sh watch /srv/spikelet/camera --json"
    assert ("SPIKELET_CACHE=/opt/spikelet/cache" in text) == compiled
    if shutil.which("systemd-analyze"):
        (workspace / "here.service").write_text(text.replace("/opt/spikelet", str(workspace / "board")))
        command = ["systemd-analyze", "verify", str(workspace / "here.service")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "here.service" not in done.stderr
