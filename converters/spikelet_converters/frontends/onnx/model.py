"""Load an ONNX file in a canonical form.

The canonical form has float32 values only, nodes in an order in which every input is computed before its use, one
output, and only nodes and inputs on which the output depends.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikelet.errors import ConversionError, MissingDependency, UsageError, pass_out_of_memory
from spikelet.files.reading import check_size
from spikelet.files.substitute import refuse_substitute
from spikelet_converters.frontends.onnx.classical import standardise
from spikelet_converters.frontends.onnx.definitions import tensors_of
from spikelet_converters.frontends.onnx.domains import import_domains
from spikelet_converters.frontends.onnx.opsets import LEAST, upgraded

if TYPE_CHECKING:
    import onnx


def load(path: Path, output: str | None = None) -> tuple[onnx.ModelProto, tuple[str, ...] | None]:
    """Read an ONNX file in its canonical form, and its class names, None if it has none.

    Args:
        path: The file.
        output: Name of the output to keep, for a network with several.

    Raises:
        ConversionError: The file is not valid ONNX, its nodes form a cycle, or it has several outputs and none is
            named.
        UsageError: The file has no output of this name.
        CostError: The file is larger than the limit of memory.
        MissingDependency: The package `onnx` is not installed.
    """
    try:
        import onnx
        import onnx.inliner
    except ImportError:
        raise MissingDependency("onnx", "convert") from None
    check_size(path)
    try:
        model = onnx.load(str(path), load_external_data=False)
        _load_external_data(path, model)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        model.graph.name = model.graph.name or "graph"  # the checker requires one, ONNX Runtime does not
        model.ir_version = max(model.ir_version, 4)  # before, it requires initializers among the inputs
        import_domains(model)
        _sort(path, model)
        _check(model)
        with suppress(RuntimeError):  # an operator without an equivalent, which is refused by its name
            model = upgraded(model, LEAST)
        _open_sizes(model.graph)
        _name_apart(model.graph)
        for tensor in model.graph.initializer:  # which the checker does not decode
            onnx.numpy_helper.to_array(tensor)
        _to_float32(model)
    except ConversionError:
        raise
    except Exception as error:  # protobuf and the checker raise many types of errors
        pass_out_of_memory(error, str(path))
        first = str(error).splitlines()
        raise ConversionError(f"{path}: not a valid ONNX model ({first[0] if first else error})") from None
    labels = standardise(model, output)
    _select(path, model, output)
    _dequantise(model)
    return model, labels


def _load_external_data(path: Path, model: onnx.ModelProto) -> None:
    """Read the weights that are stored in other files.

    Raises:
        ConversionError: One of the files is missing, a link, or a Git LFS pointer.
        Exception: onnx raises errors of many types for other invalid references.
    """
    from onnx import external_data_helper

    tensors = [*model.graph.initializer, *tensors_of(model.graph).values()]
    external = [tensor for tensor in tensors if external_data_helper.uses_external_data(tensor)]
    for name in sorted({external_data_helper.ExternalDataInfo(tensor).location for tensor in external}):
        file = path.parent / name
        if not file.is_file():
            raise ConversionError(f"{path}: stores its weights in {name}; expected this file in the same folder")
        if file.is_symlink():
            raise ConversionError(f"{path}: stores its weights in {name}, a link; expected a copy of the file itself")
        refuse_substitute(file, ConversionError)
    external_data_helper.load_external_data_for_model(model, str(path.parent))


def keep_needed(graph: onnx.GraphProto) -> set[str]:
    """Keep the nodes and constants on which the outputs depend, and return the names of all values that they take."""
    names, nodes = {entry.name for entry in graph.output}, []
    for node in reversed(graph.node):
        if names.intersection(node.output):
            nodes.append(node)
            names.update(needed(node))
    unused = {tensor.name for tensor in graph.initializer} - names  # files of IR 3 declare them as inputs as well
    kept = {
        "node": nodes[::-1],
        "initializer": [tensor for tensor in graph.initializer if tensor.name not in unused],
        "input": [entry for entry in graph.input if entry.name not in unused],
    }
    for field, values in kept.items():
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    return names


def entry_of(path: Path, model: onnx.ModelProto) -> onnx.ValueInfoProto:
    """Return the network's input.

    Raises:
        ConversionError: The network takes several inputs or none.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise ConversionError(f"{path}: expected one input, found {names}; a bundle has one")
    return inputs[0]


def sizes_of(entry: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return the sizes of a tensor, 0 for a size that the file does not fix."""
    return tuple(int(size.dim_value) for size in entry.type.tensor_type.shape.dim)


def _check(model: onnx.ModelProto) -> None:
    """Check a model as ONNX does. The checker requires shapes of inputs and outputs, ONNX Runtime does not."""
    import onnx

    types = [entry.type for entry in [*model.graph.input, *model.graph.output]]
    tensors = [kind.tensor_type for kind in types if kind.HasField("tensor_type")]
    shapeless = [tensor for tensor in tensors if not tensor.HasField("shape")]
    for tensor in shapeless:
        tensor.shape.SetInParent()
    onnx.checker.check_model(model)
    for tensor in shapeless:
        tensor.ClearField("shape")


def _open_sizes(graph: onnx.GraphProto) -> None:
    """Leave open the sizes of inputs and outputs that are 0 or negative, as some exporters write those of the batch."""
    for entry in [*graph.input, *graph.output]:
        for size in entry.type.tensor_type.shape.dim:
            if size.HasField("dim_value") and size.dim_value < 1:
                size.ClearField("dim_value")


def _name_apart(graph: onnx.GraphProto) -> None:
    """Give nodes of one name different names, as ONNX Runtime requires."""
    taken = {node.name for node in graph.node}
    seen: set[str] = set()
    for node in graph.node:
        name, count = node.name, 1
        while name and name in (seen if count == 1 else taken | seen):
            count += 1
            name = f"{node.name}_{count}"
        node.name = name
        seen.add(name)


def _sort(path: Path, model: onnx.ModelProto) -> None:
    """Sort the nodes so that every input is computed before its use."""
    graph = model.graph
    available = {tensor.name for tensor in [*graph.input, *graph.initializer]} | {""}
    pending, ordered = list(graph.node), []
    while pending:
        ready = [node for node in pending if all(name in available for name in needed(node))]
        if not ready:
            produced = {name for node in pending for name in node.output}
            missing = sorted({name for node in pending for name in needed(node)} - available - produced)
            sparse = {tensor.values.name for tensor in graph.sparse_initializer}
            if sparse & set(missing):
                raise ConversionError(f"{path}: {missing[0]} is a sparse tensor; expected dense weights")
            reason = f"nothing computes {missing[0]}" if missing else f"{pending[0].output[0]} depends on itself"
            raise ConversionError(f"{path}: not a valid ONNX model ({reason})")
        first = ready[0]
        while first is not None:
            pending.remove(first)
            ordered.append(first)
            available.update(first.output)
            first = next((node for node in pending[:1] if all(name in available for name in needed(node))), None)
    graph.ClearField("node")
    graph.node.extend(ordered)


def needed(node: onnx.NodeProto) -> list[str]:
    """Return the names of the inputs of a node, and of the values that its branches take."""
    import onnx

    names = list(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            inner_names = {tensor.name for tensor in [*attribute.g.input, *attribute.g.initializer]}
            inner_names |= {name for inner in attribute.g.node for name in inner.output}
            names += [name for inner in attribute.g.node for name in needed(inner) if name not in inner_names]
    return names


_OTHER_FLOATS = ("FLOAT16", "BFLOAT16", "DOUBLE")


def _to_float32(model: onnx.ModelProto) -> None:
    """Replace other floating-point types by float32, with the same weights."""
    import onnx
    from onnx import TensorProto, numpy_helper

    other_floats = {getattr(TensorProto, name) for name in _OTHER_FLOATS}

    def float32(tensor: onnx.TensorProto) -> None:
        if tensor.data_type in other_floats:
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    for tensor in model.graph.initializer:
        float32(tensor)
    for entry in [*model.graph.input, *model.graph.output]:
        if entry.type.tensor_type.elem_type in other_floats:
            entry.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                float32(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in other_floats:
                attribute.i = TensorProto.FLOAT
    model.graph.ClearField("value_info")


def _dequantise(model: onnx.ModelProto) -> None:
    """Return real numbers instead of the integers of a quantiser, in a network that returns integers."""
    from onnx import TensorProto, helper

    graph = model.graph
    (entry,) = graph.output
    last = next((node for node in graph.node if entry.name in node.output), None)
    if last is None or last.op_type != "QuantizeLinear":
        return
    inner = f"{entry.name} quantised"
    axis = {attribute.name: attribute.i for attribute in last.attribute if attribute.name == "axis"}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [inner if name == entry.name else name for name in names]
    graph.node.append(helper.make_node("DequantizeLinear", [inner, *last.input[1:]], [entry.name], **axis))
    entry.type.tensor_type.elem_type = TensorProto.FLOAT


def _select(path: Path, model: onnx.ModelProto, name: str | None) -> None:
    """Keep one output, and the nodes and inputs that it depends on."""
    graph = model.graph
    names = list(dict.fromkeys(entry.name for entry in graph.output))
    if not names:
        raise ConversionError(f"{path}: has no outputs; expected the logits")
    if name is not None and name not in names:
        raise UsageError(f"{path}: has no output {name!r}; expected one of {', '.join(names)}")
    if name is None and len(names) != 1:
        raise ConversionError(
            f"{path}: has {len(names)} outputs ({', '.join(names)}); name the one to convert with --output-name"
        )
    kept = next(entry for entry in graph.output if entry.name == (name or names[0]))
    graph.ClearField("output")
    graph.output.append(kept)
    used = keep_needed(graph)
    declared = {tensor.name for tensor in graph.initializer}  # files of IR 3 declare them as inputs
    for entry in [entry for entry in graph.input if entry.name not in used | declared]:
        if len(graph.input) > 1 + len(declared.intersection(entry.name for entry in graph.input)):
            graph.input.remove(entry)
