"""Engines by name. A new engine is one module and one line here; the conformance suite then runs over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from spikelet.engines.base import Engine
from spikelet.errors import EngineError
from spikelet.graph import Graph

AUTO = ("onnx", "numpy")  # the first that works is taken


def _numpy(graph: Graph, record: Sequence[str], threads: int | None) -> Engine:
    from spikelet.engines.numpy import NumpyEngine

    return NumpyEngine(graph, record)


def _onnx(graph: Graph, record: Sequence[str], threads: int | None) -> Engine:
    from spikelet.engines.onnx import OnnxEngine

    return OnnxEngine(graph, record, threads)


ENGINES: dict[str, Callable[[Graph, Sequence[str], int | None], Engine]] = {"numpy": _numpy, "onnx": _onnx}
NEEDS = {"numpy": None, "onnx": "onnxruntime"}


def available() -> tuple[str, ...]:
    """Names of the engines whose packages are installed."""
    return tuple(name for name, package in NEEDS.items() if package is None or find_spec(package))


def choose(name: str = "auto") -> str:
    """The engine that `name` stands for: itself, or for "auto" the fastest that is installed.

    Raises:
        EngineError: there is no engine of that name.
    """
    if name == "auto":
        return next(each for each in AUTO if each in available())
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; expected auto, {' or '.join(ENGINES)}")
    return name


def create(graph: Graph, name: str = "auto", record: Sequence[str] = (), threads: int | None = None) -> Engine:
    """An engine for a graph.

    record: names of spiking layers whose spikes and potentials are kept at each step.
    threads: of one operator, where the engine can be told; None leaves it to the engine.

    Raises:
        EngineError: there is no engine of that name. MissingDependency: its package is not installed.
    """
    return ENGINES[choose(name)](graph, record, threads)


__all__ = ["ENGINES", "Engine", "available", "choose", "create"]
