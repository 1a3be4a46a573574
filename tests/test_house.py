"""The house itself: who imports whom, what `import spikelet` loads, what the wheel weighs, how long a module is."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("runtime", "converters", "gui")
MB = 1_000_000
LONGEST_MODULE = 300
HEAVY = ("torch", "onnx", "onnxruntime", "PySide6", "brian2", "PIL")


@pytest.fixture(scope="module")
def setuptools_table():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def shipped(table):
    """Files of assets/ that the wheel carries."""
    found = {path for pattern in table["package-data"]["spikelet.assets"] for path in (ROOT / "assets").glob(pattern)}
    return sorted(found)


def test_imports_keep_to_the_floors(tmp_path):
    subprocess.run([ROOT / ".ci" / "types", tmp_path], check=True)
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", ["import spikelet", "from spikelet import cli; cli.build_parser()"])
def test_a_fresh_process_loads_nothing_heavy(code):
    report = f"import sys; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}; {report}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_every_package_is_installed(setuptools_table):
    names = {"runtime": "spikelet", "converters": "spikelet.converters", "gui": "spikelet.gui"}
    packages = {"spikelet.assets"}
    for room, name in names.items():
        for file in (ROOT / room).rglob("__init__.py"):
            packages.add(".".join([name, *file.parent.relative_to(ROOT / room).parts]))
    assert set(setuptools_table["packages"]) == packages


def test_the_wheel_stays_small(setuptools_table):
    files = shipped(setuptools_table)
    assert not [path.name for path in files if path.suffix == ".pt"]
    assert sum(path.stat().st_size for path in files) < 3 * MB, [path.name for path in files]


def test_assets_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()) < 20 * MB


@pytest.mark.parametrize("room", ROOMS)
def test_modules_stay_short(room):
    lines = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > LONGEST_MODULE} == {}
