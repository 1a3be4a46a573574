"""Replace or remove operators of ai.onnx.ml, which sklearn-onnx writes around a network.

A classifier has two outputs, the label and the probabilities, which ZipMap turns into a dictionary by class. The label
is that of the largest probability, so the probabilities are converted, and the labels become the class names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikelet_converters.frontends.onnx.definitions import makers_of

if TYPE_CHECKING:
    import onnx

DOMAIN = "ai.onnx.ml"


def standardise(model: onnx.ModelProto, output: str | None = None) -> tuple[str, ...] | None:
    """Replace operators of ai.onnx.ml in place, and remove the output of labels if there is another one.

    Args:
        model: The model.
        output: Name of the output that is converted, None for the only one.

    Returns:
        The class names, or None if the model contains none.
    """
    if not any(node.domain == DOMAIN for node in model.graph.node):
        return None
    _scalers(model)
    labels = _zip_maps(model)
    return _labels(model, output) or labels


def _scalers(model: onnx.ModelProto) -> None:
    """Replace Scaler by Sub and Mul."""
    from onnx import helper, numpy_helper

    graph, nodes = model.graph, []
    for index, node in enumerate(graph.node):
        if node.op_type != "Scaler" or node.domain != DOMAIN:
            nodes.append(node)
            continue
        values = {attribute.name: np.asarray(attribute.floats, np.float32) for attribute in node.attribute}
        inner = node.input[0]
        for kind, name in (("Sub", "offset"), ("Mul", "scale")):
            if not values.get(name, np.zeros(0)).size:
                continue
            constant, result = f"{DOMAIN}.{name}.{index}", f"{DOMAIN}.{kind}.{index}"
            graph.initializer.append(numpy_helper.from_array(values[name], constant))
            nodes.append(helper.make_node(kind, [inner, constant], [result], name=f"{node.name or 'Scaler'}.{name}"))
            inner = result
        nodes.append(helper.make_node("Identity", [inner], list(node.output)))
    graph.ClearField("node")
    graph.node.extend(nodes)


def _zip_maps(model: onnx.ModelProto) -> tuple[str, ...] | None:
    """Replace ZipMap by the tensor of probabilities, and return its class names."""
    from onnx import TensorProto, helper

    graph, labels = model.graph, None
    for node in [node for node in graph.node if node.op_type == "ZipMap" and node.domain == DOMAIN]:
        for attribute in node.attribute:
            if attribute.name == "classlabels_int64s":
                labels = tuple(str(label) for label in attribute.ints)
            elif attribute.name == "classlabels_strings":
                labels = tuple(label.decode("utf-8", "replace") for label in attribute.strings)
        for entry in graph.output:
            if entry.name == node.output[0]:
                entry.CopyFrom(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None))
        node.CopyFrom(helper.make_node("Identity", list(node.input), list(node.output)))
    return labels


def _labels(model: onnx.ModelProto, output: str | None) -> tuple[str, ...] | None:
    """Remove the output of labels, or replace it by the index of the class, and return the labels."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    makers = makers_of(graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for entry in list(graph.output):
        node = makers.get(entry.name)
        while node is not None and node.op_type in ("Cast", "Reshape", "Identity", "Squeeze"):
            node = makers.get(node.input[0])
        if node is None or node.op_type != "ArrayFeatureExtractor" or node.domain != DOMAIN:
            continue
        index = makers.get(node.input[1])
        if node.input[0] not in constants or index is None or index.op_type != "ArgMax":
            continue
        values = numpy_helper.to_array(constants[node.input[0]]).ravel()
        labels = tuple(label.decode() if isinstance(label, bytes) else str(label) for label in values)
        if len(graph.output) > 1 and entry.name != output:
            graph.output.remove(entry)
            return labels
        last = helper.make_node("Identity", [index.output[0]], [entry.name])
        makers[entry.name].CopyFrom(last)
        entry.CopyFrom(helper.make_tensor_value_info(entry.name, TensorProto.INT64, None))
        return labels
    return None
