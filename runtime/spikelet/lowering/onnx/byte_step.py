"""One time-step as products of 8-bit numbers, for networks that `products.fits` accepts.

    byte_static_model:  input -> x:NODE for each node of `frontier`
    byte_step_model:    x:NODE…, v:LAYER…  ->  logits, s:LAYER…, v_next:LAYER…

Images are (N, H, W, C). Spikes are bytes 0/1; potentials are float32 and include `state_shift`.
"""

from __future__ import annotations

from spikelet.graph import Graph
from spikelet.lowering.onnx.names import name_of
from spikelet.lowering.onnx.operators import limits
from spikelet.lowering.onnx.products import Products, channels_last
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.lowering.onnx.step import frontier, lower_static
from spikelet.nodes import IF


def byte_static_model(graph: Graph) -> bytes:
    """Return the encoded model of the static nodes. Its outputs have the names of those of `static_model`."""
    onnx = OnnxGraph("static")
    lower_static(onnx, graph)
    for name in frontier(graph):
        shape, value = graph.shapes[name], name_of("x", name)
        if len(shape) == 3:
            value = onnx.node("Transpose", [value], name_of("last", name), perm=(0, 2, 3, 1))
        onnx.output(value, ("N", *channels_last(shape)))
    return onnx.encode()


def byte_step_model(graph: Graph) -> bytes:
    """Return the encoded model of the rest of a time-step."""
    return _Step(graph, 1, "byte_step").encode()


class _Step(Products):
    """A window of one time-step whose states are inputs and outputs."""

    def _static(self, name: str) -> str:
        if all(target in self.graph.static for target in self.graph.successors[name]):
            return ""  # no node of this model reads it
        return self.onnx.input(name_of("x", name), ("N", *channels_last(self.graph.shapes[name])))

    def _spiking(self, name: str, node: IF, currents: list[str]) -> list[str]:
        onnx = self.onnx
        shape: list[int | str] = ["N", *channels_last(self.graph.shapes[name])]
        v = onnx.input(name_of("v", name), shape)
        theta = onnx.constant(name_of("row_theta", name), self._row(name, node.theta))
        total = onnx.node("Add", [currents[0], v], name_of("v_in", name))
        fired = onnx.node("Clip", [total, *limits(onnx)], name_of("fired", name))
        spikes = onnx.node("Cast", [fired], name_of("s", name), to=2)
        drop = onnx.node("Mul", [fired, theta], name_of("drop", name))
        onnx.output(spikes, shape, "uint8")
        onnx.output(onnx.node("Sub", [total, drop], name_of("v_next", name)), shape)
        return [spikes]
