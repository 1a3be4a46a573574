"""Replace sequences of values by the values: torch's exporter writes hstack and dstack with them.

A sequence that SequenceConstruct makes, and SequenceMap changes, is read by SequenceAt or ConcatFromSequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spikelet_converters.frontends.onnx.definitions import Constants
from spikelet_converters.frontends.onnx.rewriter import Constant, Rewriter

if TYPE_CHECKING:
    import onnx


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without the sequences whose values are known; one that has some is copied."""
    if not any(node.op_type == "SequenceConstruct" for node in model.graph.node):
        return model
    rewriter, constants = Rewriter(model), Constants(model.graph)
    values: dict[str, list[str]] = {}  # of a sequence, by its name
    for node in rewriter.graph.node:
        if node.op_type == "SequenceConstruct":
            values[node.output[0]] = list(node.input)
        elif len(node.input) == 1 and node.op_type == "SequenceMap" and node.input[0] in values:
            (body,) = (attribute.g for attribute in node.attribute if attribute.name == "body")
            results = [_inlined(rewriter, body, value) for value in values[node.input[0]]]
            values.update(zip(node.output, map(list, zip(*results, strict=True)), strict=True))
        elif node.input and node.input[0] in values and _read(rewriter, node, values[node.input[0]], constants):
            continue
        rewriter.nodes.append(node)  # what nothing needs is dropped in the end
    return rewriter.finished()


def _read(rewriter: Rewriter, node: onnx.NodeProto, values: list[str], constants: Mapping[str, Constant]) -> bool:
    """Add the result of a node that reads a sequence, and return whether it is known."""
    output = node.output[0]
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "SequenceAt":
        index = constants.get(node.input[1])
        if index is None or not -len(values) <= int(index.item()) < len(values):
            return False
        rewriter.node("Identity", [values[int(index.item())]], output, last=True)
        return True
    if node.op_type != "ConcatFromSequence":
        return False
    axis = attributes["axis"]
    if attributes.get("new_axis", 0):
        axes = rewriter.constant(output, "axes", [axis])
        values = [rewriter.node("Unsqueeze", [value, axes], output) for value in values]
    rewriter.node("Concat", values, output, last=True, axis=axis)
    return True


def _inlined(rewriter: Rewriter, body: onnx.GraphProto, value: str) -> list[str]:
    """Add the nodes of a graph of one input, with new names, and return the names of its outputs."""
    names = {body.input[0].name: value}
    for tensor in body.initializer:
        names[tensor.name] = rewriter.name(value, tensor.name)
        rewriter.graph.initializer.add().CopyFrom(tensor)
        rewriter.graph.initializer[-1].name = names[tensor.name]
    rewriter.nodes += [_renamed(rewriter, node, names, value) for node in body.node]
    return [names[output.name] for output in body.output]


def _renamed(rewriter: Rewriter, node: onnx.NodeProto, names: dict[str, str], base: str) -> onnx.NodeProto:
    """Return a copy of a node, and of the graphs in it, with new names for all that they compute."""
    copy = type(node)()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    for attribute in copy.attribute:
        if not attribute.HasField("g"):
            continue
        inner = [_renamed(rewriter, child, names, base) for child in attribute.g.node]
        attribute.g.ClearField("node")
        attribute.g.node.extend(inner)
        for entry in attribute.g.output:
            entry.name = names.get(entry.name, entry.name)
    for index, name in enumerate(node.output):
        names[name] = copy.output[index] = rewriter.name(base, name)
    return copy
