"""Engines by name. The conformance suite runs on every engine in `ENGINES`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module

from spikelet.choices import ENGINES as ENGINES
from spikelet.engines.base import Engine, Workload
from spikelet.engines.loop import run
from spikelet.errors import CostError, EngineError, Translating, translated
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.options import instance, shown, whole


def engine_class(name: str) -> type[Engine]:
    """Return the class of an engine of `ENGINES`.

    Raises:
        EngineError: `name` is unknown.
    """
    if not isinstance(name, str) or name not in ENGINES:
        raise EngineError(f"engine: expected auto, {', '.join(ENGINES)}, found {shown(name)}")
    module, _, attribute = ENGINES[name].partition(":")
    selected: type[Engine] = getattr(import_module(module), attribute)
    return selected


def available(graph: Graph) -> tuple[str, ...]:
    """Return the names of the engines that can run a network on this machine.

    Examples:
        >>> from spikelet import bundle, engines, shipped
        >>> "numpy" in engines.available(bundle.read(shipped.demo()).graph)
        True
    """
    instance("graph", graph, Graph)
    return tuple(name for name in ENGINES if engine_class(name).available(graph))


def choose(graph: Graph, engine: str = "auto", limits: Limits | None = None, steps: int | None = None) -> str:
    """Return the name of the engine to use: `engine`, or for "auto" the available one with the highest priority.

    Args:
        graph: The network.
        engine: "auto", "numpy", "onnx" or "native".
        limits: Limits on memory and operations; None for those of the environment.
        steps: Number of time-steps T for which "auto" selects an engine that is exact, see `Engine.widen`; None for
            those of float32.

    Raises:
        EngineError: `engine` is unknown.
        CostError: One sample in one time-step needs more than the limits permit; for "auto", on every engine.

    Examples:
        >>> from spikelet import bundle, engines, shipped
        >>> engines.choose(bundle.read(shipped.demo()).graph, "numpy")
        'numpy'
    """
    limits = Limits() if limits is None else limits
    instance("graph", graph, Graph)
    instance("limits", limits, Limits)
    if steps is not None:
        whole("steps", steps)
    if not isinstance(engine, str) or engine != "auto":
        engine_class(engine).check(graph, limits, Workload())
        return engine
    refusal: CostError | None = None
    for name in sorted(available(graph), key=_priority, reverse=True):
        if steps is not None and graph.exact and engine_class(name).proven(graph) < steps:
            continue
        try:
            engine_class(name).check(graph, limits, Workload())
        except CostError as error:
            refusal = refusal or error
            continue
        if _prepared(name, graph):
            return name
    raise refusal if refusal is not None else EngineError("no engine on this machine can run this network")


def create(
    graph: Graph,
    engine: str = "auto",
    record: Sequence[str] = (),
    threads: int | None = None,
    limits: Limits | None = None,
    steps: int | None = None,
) -> Engine:
    """Create an engine for a graph.

    Args:
        graph: The network.
        engine: "auto", "numpy", "onnx" or "native".
        record: Names of spiking layers whose spikes and potentials are kept at each step.
        threads: Number of threads, per operator (onnx), per batch (numpy) or per batch or image (native);
            None for the default.
        limits: Limits on memory and operations; None for those of the environment.
        steps: Number of time-steps T that the engine must permit, see `Engine.widen`; None for those of float32.

    Raises:
        EngineError: `engine` is unknown, or cannot run this network, or not for T time-steps.
        CostError: One sample in one time-step needs more than the limits permit.
        MissingDependency: The package of the engine is not installed.

    Examples:
        >>> import numpy as np
        >>> from spikelet import bundle, engines, shipped
        >>> engine = engines.create(bundle.read(shipped.demo()).graph, "numpy")
        >>> engine.reset(1)
        >>> engine.step(np.zeros((1, 3, 32, 32), np.uint8)).shape
        (1, 10)
    """
    name = choose(graph, engine, limits, steps)
    with Translating(f"engine {name}"):
        created = engine_class(name)(graph, record, threads, limits)
        if steps is not None:
            created.widen(steps)
    return created


def _priority(name: str) -> int:
    return engine_class(name).priority


def _prepared(name: str, graph: Graph) -> bool:
    """Prepare an engine and return whether that succeeded; warn about a failure."""
    try:
        engine_class(name).prepare(graph)
    except Exception as failure:
        error = translated(failure, f"engine {name}")
        if not isinstance(error, EngineError):
            raise error from failure
        warnings.warn(f"going on without the {name} engine: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True


__all__ = ["ENGINES", "Engine", "Workload", "available", "choose", "create", "engine_class", "run"]
