"""Engines by name. A new engine is one module and one line here; the conformance suite then runs over it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from spikelet.engines.base import Engine
from spikelet.errors import EngineError
from spikelet.graph import Graph

AUTO = ("native", "onnx", "numpy")  # the first that works is taken


def _numpy(graph: Graph, record: Sequence[str], threads: int | None) -> Engine:
    from spikelet.engines.numpy import NumpyEngine

    return NumpyEngine(graph, record, threads)


def _onnx(graph: Graph, record: Sequence[str], threads: int | None) -> Engine:
    from spikelet.engines.onnx import OnnxEngine

    return OnnxEngine(graph, record, threads)


def _native(graph: Graph, record: Sequence[str], threads: int | None) -> Engine:
    from spikelet.engines.native import NativeEngine

    return NativeEngine(graph, record, threads)


ENGINES: dict[str, Callable[[Graph, Sequence[str], int | None], Engine]] = {
    "numpy": _numpy,
    "onnx": _onnx,
    "native": _native,
}


def available(graph: Graph) -> tuple[str, ...]:
    """Names of the engines that can run a network here: their packages, or their compiler, are installed."""
    return tuple(name for name in ENGINES if _works(name, graph))


def choose(name: str, graph: Graph) -> str:
    """The engine that `name` stands for: itself, or for "auto" the fastest that can run the network here.

    Raises:
        EngineError: there is no engine of that name.
    """
    if name == "auto":
        return next(each for each in AUTO if _works(each, graph) and (each != "native" or _compiles(graph)))
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; expected auto, {' or '.join(ENGINES)}")
    return name


def create(graph: Graph, name: str = "auto", record: Sequence[str] = (), threads: int | None = None) -> Engine:
    """An engine for a graph.

    record: names of spiking layers whose spikes and potentials are kept at each step.
    threads: of one operator (numpy, onnx), or that share a batch (native); None leaves it to the engine.

    Raises:
        EngineError: there is no engine of that name, or it cannot run this network.
        MissingDependency: its package is not installed.
    """
    return ENGINES[choose(name, graph)](graph, record, threads)


def _works(name: str, graph: Graph) -> bool:
    if name == "native":
        from spikelet.engines.native import ready

        return ready(graph)
    return name != "onnx" or find_spec("onnxruntime") is not None


def _compiles(graph: Graph) -> bool:
    """Whether the native engine's library is there, after compiling it where need be; a failure is told, not raised."""
    from spikelet.engines.native import prepare_graph

    try:
        prepare_graph(graph)
    except EngineError as error:
        warnings.warn(f"going on without the native engine: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True


__all__ = ["ENGINES", "Engine", "available", "choose", "create"]
