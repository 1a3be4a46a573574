"""What a run needs of an engine, and whether the limits permit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spikelet.bounds import cost
from spikelet.graph import Graph
from spikelet.limits import Limits


class Workload(NamedTuple):
    """Parameters of a run on which the memory of an engine depends.

    Attributes:
        batch: Number of samples N.
        window: T, if a constant input may be evaluated layer by layer.
        record: Recorded layers.
        threads: Number of threads; None for the default of the engine.
        counting: Whether spikes are counted, see `Engine.count_spikes`.
        wide: Whether accumulators over time are wider than float32, see `Engine.widen`.
    """

    batch: int = 1
    window: int | None = None
    record: tuple[str, ...] = ()
    threads: int | None = None
    counting: bool = False
    wide: bool = False


class Budget:
    """The memory and operations that an engine may use for a network. The memory of a workload is computed once.

    Args:
        engine: Name of the engine, for errors.
        graph: The network.
        memory: Returns an upper bound of the bytes that the engine uses for a workload.
        limits: Limits on memory and operations.
    """

    def __init__(self, engine: str, graph: Graph, memory: Callable[[Graph, Workload], int], limits: Limits) -> None:
        self.engine = engine
        self.graph = graph
        self.limits = limits
        self._compute = memory
        self._memory: dict[Workload, int] = {}
        self._permitted: set[Workload] = set()

    def memory(self, load: Workload) -> int:
        """Return an upper bound of the bytes that the engine uses for a workload."""
        if load not in self._memory:
            self._memory[load] = self._compute(self.graph, load)
        return self._memory[load]

    def fits(self, load: Workload) -> bool:
        """Return whether the memory limit permits a workload."""
        return self.memory(load) <= self.limits.max_memory

    def check(self, load: Workload) -> None:
        """Raise CostError if a workload needs more memory or operations than the limits permit."""
        if load in self._permitted:
            return
        graph, by_node = self.graph, cost.operations(self.graph)
        largest, busiest = max(graph.order, key=graph.neurons), max(graph.order, key=by_node.__getitem__)
        nodes = " and ".join(cost.describe(graph, name) for name in dict.fromkeys([largest, busiest]))
        subject = f"engine {self.engine}, for a batch of {load.batch} (most of it in {nodes})"
        self.limits.check(subject, self.memory(load), sum(by_node.values()))
        self._permitted.add(load)
