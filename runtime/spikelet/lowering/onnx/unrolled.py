"""T time-steps of a constant input as one ONNX graph, in which each layer is evaluated for all T before the next one.

Weights are read once for all T, and states are neither inputs nor outputs. A static node is evaluated once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from spikelet.graph import Graph
from spikelet.lowering.onnx.names import LOGITS, name_of
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.nodes import IF, LI, Conv2d, Linear, Output


class Unrolled(ABC):
    """A model under construction. Subclasses lower the nodes.

    Args:
        graph: The network.
        steps: T.
        name: Name of the ONNX graph.

    Attributes:
        onnx: The ONNX graph.
        values: By node, the names of its values at each time-step; one name if the value stays the same.
    """

    def __init__(self, graph: Graph, steps: int, name: str) -> None:
        self.graph, self.steps = graph, steps
        self.onnx = OnnxGraph(name)
        self.values: dict[str, list[str]] = {}

    def encode(self) -> bytes:
        """Lower every node and return the encoded model."""
        for name in self.graph.order:
            self.values[name] = self._lower(name)
        return self.onnx.encode()

    def _lower(self, name: str) -> list[str]:
        if name in self.graph.static:
            return [self._static(name)]
        inputs = self._inputs(name)
        match self.graph.nodes[name]:
            case IF() as node:
                return self._spiking(name, node, inputs[0])
            case LI() as node:
                return self._integrator(name, node, inputs[0])
            case Conv2d() | Linear():
                return self._synapse(name, inputs[0])
            case Output():
                return [self._logits(name, inputs[0])]
        return [self._at(name, [at(value, t) for value in inputs], t) for t in range(self.steps)]

    def _inputs(self, name: str) -> list[list[str]]:
        """Return the names of the values that a node reads, at each time-step."""
        return [self.values[source] for source in self.graph.predecessors[name]]

    def _logits(self, name: str, inputs: list[str]) -> str:
        """Append the logits of all time-steps, (T N, K)."""
        self.onnx.node("Concat", [at(inputs, t) for t in range(self.steps)], LOGITS, axis=0)
        return self.onnx.output(LOGITS, ("rows", *self.graph.shapes[name]))

    def _joined(self, name: str, inputs: list[str]) -> str:
        """Append the concatenation of the values of all time-steps, (T N, …)."""
        return self.onnx.node("Concat", inputs, name_of("rows", name), axis=0)

    def _split(self, name: str, value: str) -> list[str]:
        """Append the values of the time-steps, (N, …), from their concatenation (T N, …)."""
        parts = [name_of("x", name, t) for t in range(self.steps)]
        self.onnx.node("Split", [value], *parts, axis=0)
        return parts

    @abstractmethod
    def _static(self, name: str) -> str:
        """Lower a static node."""

    @abstractmethod
    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        """Lower a layer of spiking neurons."""

    @abstractmethod
    def _integrator(self, name: str, node: LI, currents: list[str]) -> list[str]:
        """Lower a layer of leaky integrators."""

    @abstractmethod
    def _synapse(self, name: str, inputs: list[str]) -> list[str]:
        """Lower a convolution or linear layer."""

    @abstractmethod
    def _at(self, name: str, inputs: list[str], t: int) -> str:
        """Lower one time-step of a node without weights."""


def at(values: list[str], t: int) -> str:
    """Return the value at time-step t, from 0."""
    return values[t % len(values)]
