"""Shipped files can be reproduced byte for byte; no command needs a network."""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

import torch_processes
from offline import NO_NETWORK

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"


def offline(code, cwd):
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return torch_processes.run(NO_NETWORK + code, cwd=cwd, environment=environment)


def test_the_demo_needs_no_network(tmp_path):
    """The commands of `make demo`, on a network trained before them and on the shipped one, with sockets blocked."""
    pytest.importorskip("torch")
    code = f"""
import numpy as np
from spikelet import cli
from spikelet.data import ImageSet, arrays
def call(line):
    code = cli.main(line.split())
    assert code == 0, (line, code)
pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8)).astype(np.uint8)
arrays.write(__import__("pathlib").Path("x.npz"), ImageSet(pixels, np.arange(40) % 2, ("a", "b"), "x"))
call("train --data x.npz --model vgg5 --batch 16 --epochs 1 --out run")
assert "torch._dynamo" not in sys.modules, "torch's compiler takes over a second to import"
call("convert run/best.pt -o small.snnb --data x.npz")
call("verify small.snnb")
call("run {BUNDLE} --steps 2 --count 8")
call("report small.snnb x.npz --steps 2 --no-latency -o demo.html")
"""
    done = offline(code, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    page = (tmp_path / "demo.html").read_text()
    assert 'src="http' not in page
    assert "url(" not in page


def test_access_to_the_network_would_be_detected(tmp_path):
    for code in (
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
    ):
        done = offline(code, tmp_path)
        assert done.returncode != 0
        assert "reached for the network" in done.stderr


def build(folder):
    """Build a wheel from a copy of the tree, in another folder and with other file times."""
    tree = folder / "tree"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "docs", "tests", ".*_cache", "*.pt"
    )
    shutil.copytree(ROOT, tree, ignore=ignored)
    for index, path in enumerate(sorted(tree.rglob("*"))):
        os.utime(path, (1_700_000_000 + index * 7, 1_700_000_000 + index * 7))
    # what pip calls, without the start of pip
    command = [sys.executable, "-c", "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])", folder]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_the_same_wherever_it_is_built(tmp_path):
    installed = {distribution.name.lower() for distribution in distributions() if distribution.name}
    if "hatchling" not in installed:
        pytest.skip("needs hatchling")
    (tmp_path / "a").mkdir()
    (tmp_path / "another-folder").mkdir()
    one, other = build(tmp_path / "a"), build(tmp_path / "another-folder")
    assert one.name == other.name
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_the_same_checkpoint_gives_the_same_bundle(tmp_path, monkeypatch):
    """It is converted twice by the same command, in separate processes and folders."""
    pytest.importorskip("torch")
    from spikelet import cli
    from spikelet_converters.source_model.networks import NetworkSpec
    from spikelet_converters.training.checkpoint import Checkpoint

    spec = NetworkSpec("vgg5", (3, 8, 8), 2, (120, 120, 120), (60.0, 60.0, 60.0))
    weights = spec.build().state_dict()
    command = ["convert", "x.pt", "-o", "x.snnb"]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Checkpoint(spec, weights, {}).save(tmp_path / name / "x.pt")
    monkeypatch.chdir(tmp_path / "a")
    assert cli.main(command) == 0
    # torch's compiler takes over a second to import, and a conversion does not need it
    code = "import sys\nfrom spikelet import cli\nsys.exit(cli.main(sys.argv[1:]) or 'torch._dynamo' in sys.modules)"
    done = torch_processes.run(code, *command, cwd=tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "x.snnb").read_bytes() == (tmp_path / "b" / "x.snnb").read_bytes()


def test_the_lock_pins_the_packages_that_setup_installs():
    lines = [line for line in (ROOT / ".ci" / "lock.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines) > 40
    setup = (ROOT / ".ci" / "setup").read_text()
    for name in ("torch", "neurobench", "snntorch"):
        assert f"{name}=={pins[name]}" in setup
    assert "--constraint .ci/lock.txt" in setup
