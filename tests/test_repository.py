"""The repository: import layers, modules that `import spikelet` loads, size of the wheel, length of modules."""

import ast
import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    ROOT / "runtime" / "spikelet",
    ROOT / "converters" / "spikelet_converters",
    ROOT / "gui" / "spikelet_gui",
)
MB = 1_000_000
LONGEST_MODULE = 400  # ruff bounds complexity; 60 to 250 lines are the aim
HEAVY = ("torch", "onnx", "onnxruntime", "PySide6", "brian2", "PIL")


@pytest.fixture(scope="module")
def wheel_table():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


def shipped(table):
    """Return the files of spikelet_assets in the wheel."""
    paths = (ROOT / "assets" / "spikelet_assets").iterdir()
    return sorted(
        path for path in paths if path.is_file() and not any(fnmatch(path.name, name) for name in table["exclude"])
    )


def test_imports_keep_to_the_layers():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_a_layers_contract():
    """A package with two modules or more has a contract for the imports between them."""
    contracts = (ROOT / ".importlinter").read_text("utf-8")
    for path in PACKAGES:
        for file in path.rglob("__init__.py"):
            name = ".".join(file.parent.relative_to(path.parent).parts)
            children = [
                child for child in file.parent.iterdir() if child.suffix == ".py" or (child / "__init__.py").exists()
            ]
            if len(children) > 2:
                assert f"containers =\n    {name}\nexhaustive = True\n" in contracts, name


@pytest.mark.parametrize("code", ["import spikelet", "from spikelet import cli; cli.build_parser()"])
def test_a_fresh_process_loads_nothing_heavy(code):
    report = f"import sys; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}; {report}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_wheel_contains_the_four_packages(wheel_table):
    assert [ROOT / path for path in wheel_table["packages"]] == [*PACKAGES, ROOT / "assets" / "spikelet_assets"]


def test_the_types_of_every_package_are_shipped(wheel_table):
    """Type checkers read the annotations of an installed package only if it contains this file."""
    assert [path for path in wheel_table["packages"] if not (ROOT / path / "py.typed").is_file()] == []


def test_the_wheel_stays_small(wheel_table):
    files = shipped(wheel_table)
    assert not [path.name for path in files if path.suffix == ".pt"]
    assert sum(path.stat().st_size for path in files) < 3 * MB, [path.name for path in files]


def test_assets_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()) < 20 * MB


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_modules_stay_short(package):
    lines = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in package.rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > LONGEST_MODULE} == {}


def test_every_program_of_the_tests_finds_what_it_imports():
    programs = [path for path in (ROOT / "tests").glob("[bs]*/*.py") if "__main__" in path.read_text("utf-8")]
    assert len(programs) > 10
    known = {*sys.stdlib_module_names, *packages_distributions(), *(path.name for path in PACKAGES)}
    for path in programs:
        folders = [path.parent, ROOT / "tests" / "support"]
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", [])]
            for name in names:
                beside = [
                    folder / f"{name.replace('.', '/')}{end}"
                    for folder in folders
                    for end in (".py", "/__init__.py", "")
                ]
                assert name.split(".")[0] in known or any(file.exists() for file in beside), f"{path}: {name}"


def private_accesses(path):
    """Yield the private attributes of other objects that a test file reads, sets or replaces."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("setattr", "delattr"):
            yield from (
                arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant) and str(arg.value).startswith("_")
            )


def test_tests_of_the_inspector_use_its_public_interface():
    files = [*(ROOT / "tests" / "gui").rglob("*.py"), *(ROOT / "tests" / "support" / "gui_support").rglob("*.py")]
    assert len(files) > 30
    assert {path.name: names for path in files if (names := list(private_accesses(path)))} == {}
