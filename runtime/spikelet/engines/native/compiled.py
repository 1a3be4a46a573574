"""The compiled library of a network and its parameters in memory."""

from __future__ import annotations

import ctypes
from itertools import accumulate
from weakref import WeakValueDictionary

import numpy as np

from spikelet.engines.native.library import prepare_graph
from spikelet.engines.native.memory import ALIGNMENT, aligned_copy
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram


class CompiledNetwork:
    """The library of a network and its parameters in memory, shared by engines of the same graph.

    Args:
        graph: The network.
        timed: Whether the library measures the time of each node.

    Attributes:
        graph: The network.
        window: Largest number of time-steps that the library evaluates layer by layer.
        layers: Spiking layers in the order of the library.
        library: The loaded library.
        pixel_type: Type of the pixels that the library reads.
        all_bytes: Whether every uint8 value is a valid pixel.
        work_bytes: Bytes of the workspace of one time-step.
        state_bytes: Bytes of the state of a sample, a multiple of ALIGNMENT.
        offsets: Start of each array in a state, in bytes.
        plan: Memory layout.
        arrays: Constant arrays, which `parameters` points to.
        parameters: Argument `p` of the library.
    """

    def __init__(self, graph: Graph, timed: bool = False) -> None:
        prepared = prepare_graph(graph, timed)
        program = HostProgram(graph, product_bytes=prepared.product_bytes)
        self.graph, self.window = graph, program.window
        self.layers = program.graph.spiking
        self.library = prepared.library
        self.pixel_type: type[np.integer] = np.uint8 if program.pixel_type == "uint8_t" else np.int16
        self.all_bytes = self.pixel_type is np.uint8 and (graph.input.low, graph.input.high) == (0, 255)
        self.work_bytes = int(self.library.spikelet_work_bytes())
        self.state_bytes = -(-self.library.spikelet_state_bytes() // ALIGNMENT) * ALIGNMENT
        ends = accumulate(4 * field.count for field in program.state)  # all fields have 32 bits, so there is no padding
        self.offsets = {field.name: end - 4 * field.count for field, end in zip(program.state, ends, strict=True)}
        self.plan = program.plan
        self.arrays = [aligned_copy(parameter.values) for parameter in program.parameters]
        self.parameters = (ctypes.c_void_p * len(self.arrays))(*(array.ctypes.data for array in self.arrays))


_shared: WeakValueDictionary[int, CompiledNetwork] = WeakValueDictionary()


def compiled_network(graph: Graph) -> CompiledNetwork:
    """Return the compiled network, shared by all living engines of the graph."""
    compiled = _shared.get(id(graph))
    if compiled is None or compiled.graph is not graph:
        compiled = _shared[id(graph)] = CompiledNetwork(graph)
    return compiled
