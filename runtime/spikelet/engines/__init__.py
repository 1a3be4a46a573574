"""Engines by name. The conformance suite runs on every engine in `ENGINES`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module

from spikelet.engines.base import Engine
from spikelet.engines.loop import run
from spikelet.errors import EngineError
from spikelet.graph import Graph

# By name, "module:class". Modules are imported on first use.
ENGINES: dict[str, str] = {
    "numpy": "spikelet.engines.numpy:NumpyEngine",
    "onnx": "spikelet.engines.onnx:OnnxEngine",
    "native": "spikelet.engines.native:NativeEngine",
}


def engine_class(name: str) -> type[Engine]:
    """Return the class of an engine of `ENGINES`.

    Raises:
        EngineError: `name` is unknown.
    """
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; expected auto, {' or '.join(ENGINES)}")
    module, _, attribute = ENGINES[name].partition(":")
    selected: type[Engine] = getattr(import_module(module), attribute)
    return selected


def available(graph: Graph) -> tuple[str, ...]:
    """Return the names of the engines that can run a network on this machine."""
    return tuple(name for name in ENGINES if engine_class(name).available(graph))


def choose(name: str, graph: Graph) -> str:
    """Return the name of the engine to use: `name`, or for "auto" the available one of the highest priority.

    Raises:
        EngineError: `name` is unknown.
    """
    if name != "auto":
        engine_class(name)
        return name
    return next(engine for engine in sorted(available(graph), key=_priority, reverse=True) if _prepared(engine, graph))


def create(graph: Graph, name: str = "auto", record: Sequence[str] = (), threads: int | None = None) -> Engine:
    """Create an engine for a graph.

    Args:
        graph: the network.
        name: "auto", "numpy", "onnx" or "native".
        record: names of spiking layers whose spikes and potentials are kept at each step.
        threads: number of threads, per operator (onnx) or per batch (numpy, native); None for the default.

    Raises:
        EngineError: `name` is unknown, or the engine cannot run this network.
        MissingDependency: the package of the engine is not installed.
    """
    return engine_class(choose(name, graph))(graph, record, threads)


def _priority(name: str) -> int:
    return engine_class(name).priority


def _prepared(name: str, graph: Graph) -> bool:
    """Prepare an engine and return whether that succeeded; warn about a failure."""
    try:
        engine_class(name).prepare(graph)
    except EngineError as error:
        warnings.warn(f"going on without the {name} engine: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True


__all__ = ["ENGINES", "Engine", "available", "choose", "create", "engine_class", "run"]
