"""The reference engine, short enough to be checked by reading. It requires NumPy only.

Arithmetic is float32. In an exact network every value is an integer below 2^24, so the result depends neither on the
order of summation nor on the number of threads. For more time-steps than are exact in float32 (`Engine.widen`),
potentials are float64; the sums of one time-step stay below 2^24. In a run of one time-step, the spikes of the copies
of a neuron are counted in closed form (`spikelet.copies.at_once`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bounds import cost
from spikelet.bounds.ranges import FLOAT64_LIMIT
from spikelet.copies.at_once import Counts, layers_at_once
from spikelet.engines import blas
from spikelet.engines.base import Engine, Float, Spikes, Workload
from spikelet.engines.operators import convolution_bytes, evaluate, float_weights
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.nodes import IF, LI, Add, Conv2d, Flatten, Input, Linear, Output

OVERHEAD = 2**12  # bytes per node for objects and parameters per channel


class NumpyEngine(Engine):
    """Evaluates the graph node by node.

    Args:
        graph: The network.
        record: Names of spiking layers whose spikes and potentials are kept.
        threads: Number of threads that share the samples of a batch in convolutions; None for 1. BLAS uses one thread
            (see `blas`).
    """

    name: ClassVar[str] = "numpy"
    accumulators: ClassVar[int] = FLOAT64_LIMIT

    @classmethod
    def memory(cls, graph: Graph, load: Workload) -> int:
        n, neurons_of = load.batch, graph.neurons
        resident = 4 * cost.weights(graph) + 4 * n * neurons_of(graph.input_name)
        transient = 0
        for name, node in graph.nodes.items():
            count = n * neurons_of(name)
            if isinstance(node, IF):
                # potential, spikes as bool and as float32; then the next potential, and temporaries of leak and reset
                resident += (13 if load.wide else 9) * count + (16 * neurons_of(name) if load.counting else 0)
                transient = max(transient, (2 if load.wide else 1) * (20 if node.copies == 1 else 24) * count)
            elif not isinstance(node, Flatten | Output):
                resident += 4 * count
            if isinstance(node, Conv2d):
                transient = max(transient, convolution_bytes(graph, name, n, load.threads or 1))
            elif isinstance(node, Linear | Add | LI):
                transient = max(transient, 4 * count)
        return max(resident + transient, cost.proof_memory(graph)) + OVERHEAD * len(graph.nodes)

    def __init__(
        self, graph: Graph, record: Sequence[str] = (), threads: int | None = None, limits: Limits | None = None
    ) -> None:
        super().__init__(graph, record, threads, limits)
        self._threads = threads or 1
        self._weights = float_weights(graph)
        self._static: dict[str, Float] = {}
        self._v: dict[str, Float] = {}
        self._spikes: dict[str, Spikes] = {}
        self._copy_counts: dict[str, Float] = {}  # outputs of layers whose copies are counted in closed form
        self._forms = layers_at_once(graph)

    def _reset(self, batch: int) -> None:
        self._static.clear()
        self._spikes.clear()
        self._copy_counts.clear()
        for name in self.graph.spiking:
            if self._form(name) is not None:
                continue
            v = neurons.initial_potential(self.graph.neuron(name), batch, self.graph.shapes[name])
            self._v[name] = v.astype(np.float64) if self.wide else v
        for name in self.graph.integrators:
            self._v[name] = np.zeros((batch, *self.graph.shapes[name]), np.float32)

    def _keep(self, rows: npt.NDArray[np.intp]) -> None:
        self._static = {name: value[rows] for name, value in self._static.items()}
        self._copy_counts = {name: value[rows] for name, value in self._copy_counts.items()}
        self._v = {name: value[rows] for name, value in self._v.items()}
        self._spikes = {name: value[rows] for name, value in self._spikes.items()}

    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        return {name: self._spike_count(name) for name in self.graph.spiking}

    def _spike_count(self, layer: str) -> npt.NDArray[np.int64]:
        if layer in self._copy_counts:
            counts = self._copy_counts[layer].reshape(self.batch, -1)
            total: npt.NDArray[np.int64] = counts.sum(1, np.float64).astype(np.int64)
            return total
        fired: npt.NDArray[np.int64] = np.count_nonzero(self._spikes[layer].reshape(self.batch, -1), axis=1)
        return fired

    def _form(self, layer: str) -> Counts | None:
        """Return the closed form of a layer's counts, or None if potentials or single spikes are needed as well."""
        once = self.window == 1 and self._count is None and layer not in self.record
        return self._forms.get(layer) if once else None

    def _spikes_of(self, layer: str) -> Spikes:
        return self._spikes[layer]

    def _potentials_of(self, layer: str) -> Float:
        return self._v[layer].astype(np.float32)

    def _step(self, pixels: Float | None) -> Float:
        with blas.limited(1):
            return self._evaluated(pixels)

    def _evaluated(self, pixels: Float | None) -> Float:
        if pixels is not None:
            self._static.clear()
        values: dict[str, Float] = dict(self._static)
        for name in self.graph.order:
            if name in values:
                continue
            inputs = [values[source] for source in self.graph.predecessors[name]]
            node = self.graph.nodes[name]
            form = self._form(name)
            if form is not None:
                values[name] = self._copy_counts[name] = form(inputs[0])
            elif isinstance(node, IF):
                self._v[name], self._spikes[name] = self._fire(name, self._v[name], inputs[0])
                values[name] = neurons.layer_output(node, self._spikes[name])
            elif isinstance(node, LI):
                values[name] = self._v[name] = neurons.integrate(node, self._v[name], inputs[0])
            else:
                values[name] = self._evaluate(name, inputs, pixels)
                if name in self.graph.static:
                    self._static[name] = values[name]
        return values[self.graph.output_name]

    def _fire(self, name: str, v: Float, current: Float) -> tuple[Float, Spikes]:
        return neurons.step(self.graph.neuron(name), v, current)

    def _evaluate(self, name: str, inputs: list[Float], pixels: Float | None) -> Float:
        node = self.graph.nodes[name]
        if isinstance(node, Input):
            assert pixels is not None
            inputs = [pixels]
        return evaluate(node, inputs, self.graph.shapes[name], self._weights.get(name), self._threads)
