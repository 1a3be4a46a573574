"""A native engine that measures the time of each node."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.engines.native.compiled import CompiledNetwork
from spikelet.engines.native.engine import NativeEngine
from spikelet.graph import Graph


class TimedEngine(NativeEngine):
    """A native engine whose library measures the time of each node. It runs in one thread.

    Args:
        graph: An exact network.

    Raises:
        EngineError: The network is float32, or the compiler fails.
        CompilerMissing: No compiler is installed.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, threads=1)

    @staticmethod
    def _compile(graph: Graph) -> CompiledNetwork:
        return CompiledNetwork(graph, timed=True)

    def node_times(self) -> npt.NDArray[np.uint64]:
        """Return the time that each node has taken since its library was loaded, in nanoseconds, as `Graph.order`."""
        times = self._compiled.library.spikelet_node_times()
        return np.ctypeslib.as_array(times, (len(self._compiled.graph.order),)).copy()
