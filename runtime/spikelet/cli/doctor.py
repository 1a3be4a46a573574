"""Report installed packages and working engines, and how to install missing ones."""

from __future__ import annotations

import argparse
import os
import platform
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, TypedDict

from spikelet import shipped, signing
from spikelet.choices import ENGINES
from spikelet.cli.printing import emit
from spikelet.errors import SpikeletError
from spikelet.report.columns import table
from spikelet.version import __version__

if TYPE_CHECKING:
    from spikelet.graph import Graph

HELP = "report what is installed, what works and what is missing"
EXAMPLE = "spikelet doctor"

PACKAGES = {  # distribution: (extra, purpose)
    "onnxruntime": ("ort", "engine onnx"),
    "pillow": ("images", "image files"),
    "torch": ("convert", "training and conversion"),
    "onnx": ("convert", "ONNX import"),
    "nir": ("nir", "NIR import and export"),
    "PySide6-Essentials": ("gui", "the inspector"),
    "pyqtgraph": ("gui", "the inspector"),
    "matplotlib": ("plot", "plots in notebooks"),
    "argcomplete": ("completion", "shell completion"),
    "cryptography": ("sign", "signatures"),
    "brian2": ("brian2", "validation"),
}


CHECKS = "spikelet.checks"  # entry points of other packages: functions that return the result of a check as text


class _Native(TypedDict):
    compiler: str | None
    cache: str


class Facts(TypedDict):
    """The JSON output."""

    spikelet: str
    python: str
    numpy: str
    machine: str
    packages: dict[str, str | None]
    engines: dict[str, str]
    auto: str
    native: _Native
    web: str
    checks: dict[str, str]
    assets: list[str]
    signatures: dict[str, dict[str, object]]
    signature_policy: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import numpy as np

    from spikelet.bundle import SUFFIX
    from spikelet.deploy.web import tools
    from spikelet.engines import choose, native

    packages = {name: _version(name) for name in PACKAGES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reported in the table of engines
        auto = choose(_one_neuron())
    engines = {name: _try(name) for name in ENGINES}
    assets = [str(path) for path in shipped.files()]
    signatures = {path.name: signing.status(path) for path in shipped.files() if path.suffix == SUFFIX}
    facts: Facts = {
        "spikelet": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": packages,
        "engines": engines,
        "auto": auto,
        "native": {"compiler": _compiler(), "cache": native.cache_state()},
        "web": tools(),
        "checks": {entry.name: entry.load()() for entry in entry_points(group=CHECKS)},
        "assets": assets,
        "signatures": {name: asdict(signature) for name, signature in signatures.items()},
        "signature_policy": _policy(),
    }
    emit(args, facts, _text(facts, signatures))
    return 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _policy() -> str:
    """Return the signature policy of the environment and its trusted keys."""
    try:
        policy = signing.Policy.from_environment()
    except SpikeletError as error:
        return str(error)
    if not policy.required:
        return f"not required ({signing.TRUSTED_KEYS} is not set)"
    names = [f"{key.id} ({key.name})" for key in policy.keys]
    return f"required; trusted: {', '.join(names) or 'no key, so every bundle is refused'}"


def _compiler() -> str | None:
    from spikelet.engines import native

    try:
        return " ".join(native.compiler_command())
    except SpikeletError:
        return None


def _one_neuron() -> Graph:
    import numpy as np

    from spikelet.graph import Graph
    from spikelet.nodes import IF, Input, Linear, Output

    one = np.ones(1, np.int32)
    return Graph(
        {
            "input": Input((1,), np.zeros(1, np.int16)),
            "fc": Linear(np.ones((1, 1), np.int8), 0 * one),
            "if": IF(2 * one, one),
            "sum": Linear(np.ones((1, 1), np.int8), 0 * one),
            "output": Output(),
        },
        (("input", "fc"), ("fc", "if"), ("if", "sum"), ("sum", "output")),
    )


def _try(engine: str) -> str:
    """Run a network of one neuron for two time-steps. Returns "works" or the problem."""
    import numpy as np

    from spikelet.engines import create
    from spikelet.engines.loop import run as run_engine

    try:
        runner = create(_one_neuron(), engine)
        fired = [float(logits[0, 0]) for _, logits in run_engine(runner, np.ones((1, 1, 1), np.float32), 2)]
    except SpikeletError as error:
        return str(error)
    except Exception as error:  # a broken installation raises anything
        return f"fails: {type(error).__name__}: {error}"
    return "works" if fired == [1.0, 0.0] else f"gives wrong spikes: {fired}"


def _text(facts: Facts, signatures: Mapping[str, signing.Status]) -> str:
    rows = []
    for name, (extra, purpose) in PACKAGES.items():
        installed = facts["packages"][name]
        rows.append([name, installed or "missing", purpose, "" if installed else f'pip install "spikelet[{extra}]"'])
    return "\n".join(
        [
            f"spikelet {facts['spikelet']}, Python {facts['python']}, NumPy {facts['numpy']}, {facts['machine']}",
            "",
            table(["package", "version", "for", "to install"], rows),
            "",
            table(["engine", "state"], [[name, state] for name, state in facts["engines"].items()]),
            f"auto selects {facts['auto']}",
            f"native: compiler {facts['native']['compiler'] or 'missing (sudo apt-get install gcc)'}, "
            f"libraries in {facts['native']['cache']}",
            f"web pages: {facts['web']}",
            *(f"{name}: {state}" for name, state in facts["checks"].items()),
            "",
            f"signatures: {facts['signature_policy']}",
            *(f"{name}: {signature.text}" for name, signature in signatures.items()),
            *([f"shipped: {path}" for path in facts["assets"]] or ["shipped: nothing"]),
        ]
    )
