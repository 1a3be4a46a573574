"""Engines by name. The conformance suite runs on every engine in `ENGINES`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from spikelet.engines.base import Engine
from spikelet.errors import EngineError
from spikelet.graph import Graph

AUTO = ("native", "onnx", "numpy")  # in order of preference


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
    """Return the names of the engines that can run a network on this machine."""
    return tuple(name for name in ENGINES if _works(name, graph))


def choose(name: str, graph: Graph) -> str:
    """Return the name of the engine to use: `name`, or the fastest available one for "auto".

    Raises:
        EngineError: `name` is unknown.
    """
    if name == "auto":
        return next(engine for engine in AUTO if _works(engine, graph) and (engine != "native" or _compiles(graph)))
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; expected auto, {' or '.join(ENGINES)}")
    return name


def create(graph: Graph, name: str = "auto", record: Sequence[str] = (), threads: int | None = None) -> Engine:
    """Create an engine for a graph.

    Args:
        graph: the network.
        name: "numpy", "onnx" or "native".
        record: names of spiking layers whose spikes and potentials are kept at each step.
        threads: number of threads, per operator (onnx) or per batch (numpy, native); None for the default.

    Raises:
        EngineError: `name` is unknown, or the engine cannot run this network.
        MissingDependency: the package of the engine is not installed.
    """
    return ENGINES[choose(name, graph)](graph, record, threads)


def _works(name: str, graph: Graph) -> bool:
    if name == "native":
        from spikelet.engines.native import ready

        return ready(graph)
    return name != "onnx" or find_spec("onnxruntime") is not None


def _compiles(graph: Graph) -> bool:
    """Return whether the library of the native engine exists or can be compiled; warn about a failure."""
    from spikelet.engines.native import prepare_graph

    try:
        prepare_graph(graph)
    except EngineError as error:
        warnings.warn(f"going on without the native engine: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True


__all__ = ["ENGINES", "Engine", "available", "choose", "create"]
