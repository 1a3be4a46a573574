"""The float network of the same shapes, with ReLUs and average pools instead of neurons and sum pools."""

from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, LOGITS, name_of
from spikelet.lowering.onnx.operators import broadcast, synapse
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.nodes import IF, LI, Input, SumPool2d


def rate_model(graph: Graph) -> bytes:
    """Return the encoded ONNX model of the float network, a baseline for speed."""
    onnx = OnnxGraph("rate")
    values = {name: LOGITS if name == graph.output_name else name_of("x", name) for name in graph.order}
    for name in graph.order:
        node, inputs, out = graph.nodes[name], [values[source] for source in graph.predecessors[name]], values[name]
        match node:
            case Input():
                onnx.input(INPUT, ("N", *node.shape))
                mean = broadcast(onnx, f"{name}.mean", node.mean, len(node.shape))
                onnx.node("Sub", [INPUT, mean], out)
            case IF():
                onnx.node("Relu", inputs, out)
            case LI():
                onnx.node("Identity", inputs, out)
            case SumPool2d():
                onnx.node("AveragePool", inputs, out, kernel_shape=node.kernel, strides=node.stride)
            case _:
                synapse(onnx, graph, name, inputs, out)
    onnx.output(LOGITS, ("N", graph.classes))
    return onnx.encode()
