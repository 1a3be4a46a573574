"""What a step model must be for a graph: its inputs and outputs, and the limits on its cost.

The model is untrusted. Types and shapes of all its values are therefore inferred first, and limited to a multiple of
the sizes of the network, before anything is allocated or run.
"""

from __future__ import annotations

import math

from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.lowering.onnx.model import Model
from spikelet.lowering.onnx.names import INPUT, LOGITS
from spikelet.lowering.onnx.shapes import Budget, InvalidModel, ValueType, infer
from spikelet.lowering.onnx.step import copies
from spikelet.nodes import Conv2d, Linear, SumPool2d

ELEMENTS = 32  # largest number of values of a step model, relative to the values and weights of the network
PRODUCTS = 64  # largest number of its multiplications, relative to those of the network
OPERATIONS = 16  # largest number of its operations for each node of the network, and 64 more


def check_model(model: Model, graph: Graph, batch: int) -> None:
    """Check that a model has the inputs and outputs of a step model and can be run at acceptable cost.

    Args:
        model: An audited model.
        graph: The network that it should compute.
        batch: Number of samples N.

    Raises:
        InvalidModel: An input or output differs, or the model exceeds the limits on its cost.
    """
    inputs, outputs = _ports(graph, separator_of(model))
    for title, expected, ports in (("input", inputs, model.inputs), ("output", outputs, model.outputs)):
        names = [port.name for port in ports]
        if sorted(names) != sorted(expected):
            missing, unknown = sorted(set(expected) - set(names)), sorted(set(names) - set(expected))
            problems = [f"no {title} {name!r}" for name in missing] + [
                f"an unknown {title} {name!r}" for name in unknown
            ]
            raise InvalidModel(f"it has {problems[0] if problems else f'an {title} twice'}")
        for port in ports:
            shape = expected[port.name]
            sizes = port.shape[1:]
            if port.dtype != "float32" or sizes != shape or not port.shape or not isinstance(port.shape[0], str):
                raise InvalidModel(
                    f"{title} {port.name!r}: {port.dtype} of shape {port.shape}; expected float32 of ('N', "
                    f"{', '.join(map(str, shape))})"
                )
    most = OPERATIONS * sum(len(copies(graph, name)) for name in graph.nodes) + 64
    if len(model.operations) > most:
        raise InvalidModel(f"it has {len(model.operations)} operations; expected at most {most} for this network")
    types = infer(
        model, {name: ValueType("float32", (batch, *shape)) for name, shape in inputs.items()}, _budget(graph, batch)
    )
    for name, shape in outputs.items():
        if types[name] != ValueType("float32", (batch, *shape)):
            raise InvalidModel(f"output {name!r}: {types[name].dtype} of shape {types[name].shape} for {batch} samples")


def _ports(graph: Graph, separator: str) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shapes of the inputs and outputs by name, for one sample."""
    stateful = graph.spiking + graph.integrators
    inputs, outputs = {INPUT: graph.input.shape}, {LOGITS: graph.shapes[graph.output_name]}
    for name in stateful:
        for end in ends(graph, name, separator):
            inputs[f"v{end}"] = outputs[f"v_next{end}"] = graph.shapes[name]
            if name in graph.spiking:
                outputs[f"s{end}"] = graph.shapes[name]
    return inputs, outputs


def ends(graph: Graph, name: str, separator: str) -> list[str]:
    """Return the suffixes of the names of a layer's inputs and outputs: the layer, and the copy if it has several."""
    return ["".join(f"{separator}{part}" for part in (name, *index)) for index in copies(graph, name)]


def separator_of(model: Model) -> str:
    """Return the separator of role and layer in the names of inputs and outputs.

    It is a dot in lowering version 1 and a colon in later versions. Other writers may use either.
    """
    return "." if any(port.name.startswith("v.") for port in model.inputs) else ":"


def _budget(graph: Graph, batch: int) -> Budget:
    values = weights = products = 0
    for name, node in graph.nodes.items():
        size = graph.neurons(name)  # copies included
        values += size
        weights += sum(getattr(node, field).size for field in node.tensors)
        match node:
            case Conv2d() | Linear():
                products += size * math.prod(node.weight.shape[1:])
            case SumPool2d():
                products += size * math.prod(node.kernel)
                weights += graph.shapes[name][0] * math.prod(node.kernel)
    elements = min(ELEMENTS * (values * batch + weights), Limits().max_memory // 4)
    return Budget(elements, elements + PRODUCTS * products * batch)
